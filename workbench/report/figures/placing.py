"""Where labels go: beside their points, off each other and off what is drawn, as far as there is room."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_DISTANCES = (6.5, 12.0, 20.0, 32.0, 46.0)
_LINED = 15.0  # from this distance on, a line leads from the label to its point


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in points, from its lower left to its upper right."""

    left: float
    bottom: float
    right: float
    top: float

    def shared(self, other: "Box") -> float:
        """The area that both have."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.top, other.top) - max(self.bottom, other.bottom)
        return max(0.0, width) * max(0.0, height)

    @property
    def area(self) -> float:
        return (self.right - self.left) * (self.top - self.bottom)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A label of that width and height in points for the point at x, y. What `must` stand may cover something."""

    x: float
    y: float
    width: float
    height: float
    must: bool


@dataclass(frozen=True, slots=True)
class Placed:
    """Where the label goes, and whether it is far enough from its point for a line between them."""

    box: Box
    lined: bool


def placed(wanted: Sequence[Wanted], taken: Sequence[Box], room: Box) -> list[Placed | None]:
    """A place within `room` for each label, in the order given, or None for one that finds none and need not stand."""
    obstacles = list(taken)
    found: list[Placed | None] = []
    for one in wanted:
        places = list(_places(one))
        best = next((place for place in places if _covers(place, obstacles, room) == 0), None)
        if best is None and one.must:
            best = min(places, key=lambda place: _covers(place, obstacles, room))
        found.append(best)
        if best is not None:
            obstacles.append(best.box)
    return found


def _places(one: Wanted) -> Iterator[Placed]:
    """The nearest first, and to the right before the left."""
    for distance in _DISTANCES:
        for across, up in ((1, 0), (1, 1), (1, -1), (-1, 0), (-1, 1), (-1, -1), (0, 1), (0, -1)):
            gap = distance * (0.75 if across and up else 1.0)
            left = one.x + across * gap - one.width * (1 - across) / 2
            bottom = one.y + up * gap - one.height * (1 - up) / 2
            yield Placed(Box(left, bottom, left + one.width, bottom + one.height), distance >= _LINED)


def _covers(place: Placed, obstacles: Sequence[Box], room: Box) -> float:
    """The area of what it covers, and ten times of what is outside."""
    outside = place.box.area - place.box.shared(room)
    return 10 * round(outside, 3) + sum(place.box.shared(other) for other in obstacles)
