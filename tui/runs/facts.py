"""What a filter can ask of a run: its row, and from its record the sites, groups and tags."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tui.runs.adapted import adapted_group
from tui.runs.query import Facts, Query
from tui.runs.row import RESULTS, RunRow
from workbench.errors import InvalidError
from workbench.run.layout import Home, RunDir
from workbench.run.record import RunRecord, read_record

_AT_ONCE = 100


def row_facts(row: RunRow) -> dict[str, tuple[str, ...] | tuple[float, ...]]:
    """What the row alone says."""
    numbers: dict[str, Any] = {
        "seed": row.seed,
        "step": row.step,
        "steps": row.steps,
        "attempt": row.attempt,
        "params": row.trainable_params,
        **{name: row.results.get(name) for name in RESULTS},
    }
    known: dict[str, tuple[str, ...] | tuple[float, ...]] = {
        name: (float(value),) for name, value in numbers.items() if value is not None
    }
    words = {"status": row.status, "plan": row.plan, "model": row.model, "name": row.name, "run": row.run_id}
    return {**known, **{name: (word,) for name, word in words.items()}, "failure": (row.failure,)}


def record_facts(record: RunRecord, tags: tuple[str, ...]) -> Facts:
    """What the sites say: a run belongs to every layer group in which it adapts a site."""
    adapted = [site for site in record.sites if site.r is not None]
    names = {site.site for site in adapted}
    named = [name for name, sites in record.groups.items() if names & set(sites)]
    groups = dict.fromkeys([*named, *(site.band for site in adapted), *(site.layer_type for site in adapted)])
    return {
        "r": tuple(sorted({float(site.r) for site in adapted if site.r is not None})),
        "method": tuple(sorted({site.method for site in adapted})),
        "base": tuple(sorted({site.base for site in record.sites})),
        "group": tuple(groups),
        "tag": tags,
    }


@dataclass(slots=True)
class FactBook:
    """Facts of records, each read once: a record is written once. Only filters that ask for sites open them."""

    home: Home
    _read: dict[str, Facts] = field(default_factory=dict)
    _groups: dict[str, str] = field(default_factory=dict)

    def named(self, rows: Sequence[RunRow]) -> tuple[RunRow, ...]:
        """With their group and tags. Of a home with many runs only so many records are read each time."""
        missing = [row.run_id for row in rows if row.run_id not in self._read]
        for run_id in missing[:_AT_ONCE]:
            self._of_record(run_id)
        return tuple(self._named(row) if row.run_id in self._read else row for row in rows)

    def _named(self, row: RunRow) -> RunRow:
        tags = self._read[row.run_id]["tag"]
        return replace(row, group=self._groups.get(row.run_id, ""), tags=tuple(map(str, tags)))

    def fitting(self, rows: tuple[RunRow, ...], query: Query) -> tuple[RunRow, ...]:
        """The rows that fit, in their order."""
        return tuple(row for row in rows if query.fits(self._facts(row, query.asks_for_sites)))

    def _facts(self, row: RunRow, sites: bool) -> Facts:
        return {**row_facts(row), **(self._of_record(row.run_id) if sites else {})}

    def _of_record(self, run_id: str) -> Facts:
        if run_id not in self._read:
            run_dir = self.home.run_dir(run_id)
            try:
                record = read_record(run_dir.record)
                self._read[run_id] = record_facts(record, _tags(run_dir))
                self._groups[run_id] = adapted_group(record)
            except (OSError, InvalidError):
                return {}  # the folder is gone, or damaged: the list says so, and no such filter fits it
        return self._read[run_id]


def _tags(run_dir: RunDir) -> tuple[str, ...]:
    try:
        return tuple(map(str, json.loads(run_dir.meta.read_text(encoding="utf-8"))["tags"]))
    except (OSError, ValueError, KeyError, TypeError):
        return ()
