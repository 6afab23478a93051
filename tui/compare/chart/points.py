"""The rows of a result as a chart's points, by the roles that its `chart:` line gives to columns."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tui.widgets.result_table import is_number, written

COUNTS = ("n", "seeds", "pairs")
FEW = 3


@dataclass(frozen=True, slots=True)
class ChartAsked:
    """`kind` is `points`, `lines` or `heat`; `columns` by role: x, y, value, low, high, by, label, mark."""

    kind: str
    columns: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Point:
    """One row. `n` is how many runs stand behind it, None where the result does not say.

    A `reference` run trained nothing and may lie far from all others: no axis is stretched for it.
    """

    x: Any
    y: Any
    value: Any
    low: float | None
    high: float | None
    by: str
    label: str
    marked: bool
    n: int | None
    reference: bool

    @property
    def few(self) -> bool:
        """Whether it rests on too few runs to be told from chance."""
        return self.n is not None and self.n < FEW

    @property
    def count(self) -> str:
        return "" if self.n is None else f"n={self.n}"


def read_points(asked: ChartAsked, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[Point]:
    """One point per row, in the order of the rows; columns that are not there read as absent."""
    places = {name: i for i, name in reversed(list(enumerate(columns)))}
    roles = {role: places[name] for role, name in asked.columns.items() if name in places}
    counted = next((places[name] for name in COUNTS if name in places), None)
    reference = places.get("reference")
    return [_point(row, roles, counted, reference) for row in rows]


def _point(row: Sequence[Any], roles: Mapping[str, int], counted: int | None, reference: int | None) -> Point:
    def value(role: str) -> Any:
        return row[roles[role]] if role in roles else None

    n = row[counted] if counted is not None else None
    return Point(
        x=value("x"),
        y=value("y"),
        value=value("value"),
        low=number(value("low")),
        high=number(value("high")),
        by=written(value("by")) if "by" in roles else "",
        label=written(value("label")) if "label" in roles else "",
        marked=value("mark") is True,
        n=int(n) if n is not None and is_number(n) else None,
        reference=reference is not None and row[reference] is True,
    )


def number(value: Any) -> float | None:
    return float(value) if is_number(value) else None


def groups(points: Iterable[Point]) -> dict[str, list[Point]]:
    """The points by what tells series apart, in the order in which that comes up."""
    found: dict[str, list[Point]] = {}
    for point in points:
        found.setdefault(point.by, []).append(point)
    return found


def setting_scale(points: list[Point]) -> list[Point]:
    """Those that axes are made for: all but the references, unless there are only these."""
    return [point for point in points if not point.reference] or points
