"""What `runs list` says of all runs, with their tags, as previews and the tree ask for it."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tui.aside import listed_aside
from tui.patience import Patience
from workbench.errors import LockedError
from workbench.library.tags import tags_of
from workbench.run.layout import Home

Row = Mapping[str, Any]
METRICS = (("loss", False), ("token_accuracy", True), ("exact_match", True))  # with whether higher is better


@dataclass(frozen=True, slots=True)
class Runs:
    """All runs, the newest first; `tags` of those that have some.

    `version` is another one where a run came, went, changed its state or name, or was evaluated; not with every step.
    """

    rows: tuple[Row, ...] = ()
    tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    version: int = 0

    def row(self, run_id: str) -> Row | None:
        return next((row for row in self.rows if row["run_id"] == run_id), None)

    def of_plan(self, plan_hash: str) -> tuple[Row, ...]:
        """Runs of a plan that sets the same at every site, whatever it was called."""
        return tuple(row for row in self.rows if row["plan_hash"] == plan_hash)

    def named(self, plan: str) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if row["plan"] == plan)

    def of_recipe(self, name: str) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if row["recipe"] == name)


@dataclass(slots=True)
class RunReader:
    """Reads them; the tags of a run again only where their file is another one."""

    home: Home
    _tags: dict[str, tuple[int, tuple[str, ...]]] = field(default_factory=dict)
    _last: Runs = field(default_factory=Runs)
    _patience: Patience = field(init=False)

    def __post_init__(self) -> None:
        self._patience = Patience(self.home)

    def read(self) -> Runs:
        """As they were read last while another program holds the store. Raises WorkbenchError, OSError."""
        now = time.monotonic()
        if not self._patience.is_due(now):
            return self._last
        held: list[LockedError] = []
        rows = tuple(listed_aside(self.home, held.append)) if self.home.runs.is_dir() else ()
        self._patience.asked(now, in_vain=bool(held))
        tags = {str(row["run_id"]): found for row in rows if (found := self._tags_of(str(row["run_id"])))}
        if (rows, tags) != (self._last.rows, self._last.tags):
            version = self._last.version + (list(map(_lasting, rows)) != list(map(_lasting, self._last.rows)))
            self._last = Runs(rows, tags, version)
        return self._last

    def _tags_of(self, run_id: str) -> tuple[str, ...]:
        run_dir = self.home.run_dir(run_id)
        try:
            changed = run_dir.meta.stat().st_mtime_ns
        except OSError:
            return ()
        if self._tags.get(run_id, (0,))[0] != changed:
            self._tags[run_id] = (changed, tags_of(run_dir))
        return self._tags[run_id][1]


def _lasting(row: Row) -> tuple[object, ...]:
    return row["run_id"], row["name"], row["status"], row["attempt"], row["eval"]


def best_of(rows: Sequence[Row]) -> tuple[str, Row, float] | None:
    """The first metric that any has, and the run that is best in it."""
    for metric, higher in METRICS:
        measured = [(float(row["eval"][metric]), row) for row in rows if metric in row["eval"]]
        if measured:
            value, row = (max if higher else min)(measured, key=lambda found: found[0])
            return metric, row, value
    return None
