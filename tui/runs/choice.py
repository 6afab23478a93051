"""What a person chose among runs: up to six marked ones, and a baseline."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tui.runs.curve_pane import Drawn
from tui.runs.line import Marks
from tui.runs.row import RESULTS, RunRow

MOST_MARKED = 6
_PINNED, _UNMARKED = "★", "•"


@dataclass(frozen=True, slots=True)
class Choice:
    """Runs by their identifiers, in the order in which they were marked: a run keeps its number while it is marked."""

    marked: tuple[str, ...] = ()
    pinned: str | None = None
    metric: str = "loss"

    @property
    def marks(self) -> Marks:
        return Marks(self.marked, self.pinned, self.metric)

    def comparing(self, drawn: str) -> "Choice":
        """With the result that is drawn as the one that the list compares; any other number leaves it as it is."""
        metric = drawn.removeprefix("eval.")
        return replace(self, metric=metric) if metric in RESULTS else self

    def is_full(self, row: RunRow) -> bool:
        return len(self.marked) >= MOST_MARKED and row.run_id not in self.marked

    def marking(self, row: RunRow) -> "Choice":
        """With the run marked, or no longer."""
        if row.run_id in self.marked:
            return replace(self, marked=tuple(run_id for run_id in self.marked if run_id != row.run_id))
        return replace(self, marked=(*self.marked, row.run_id))

    def pinning(self, row: RunRow) -> "Choice":
        """With the run as the baseline, or with none where it was."""
        return replace(self, pinned=None if row.run_id == self.pinned else row.run_id)

    def among(self, rows: Sequence[RunRow]) -> "Choice":
        """Without runs that are gone."""
        known = {row.run_id for row in rows}
        marked = tuple(run_id for run_id in self.marked if run_id in known)
        return replace(self, marked=marked, pinned=self.pinned if self.pinned in known else None)

    def drawn(self, rows: Sequence[RunRow], current: RunRow | None) -> tuple[Drawn, ...]:
        """Whose curves to draw: the marked runs, the one under the cursor, and the baseline over them."""
        names = {row.run_id: row.name for row in rows}
        signs = {run_id: str(number) for number, run_id in enumerate(self.marked, start=1)}
        if current and current.run_id in names:
            signs.setdefault(current.run_id, _UNMARKED)
        if self.pinned:
            signs.pop(self.pinned, None)
            signs[self.pinned] = _PINNED
        return tuple(Drawn(sign, run_id, names[run_id]) for run_id, sign in signs.items() if run_id in names)
