"""What a filter can ask of a run: its row, and from its record the sites, groups and tags."""

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tui.runs.adapted import adapted_group
from tui.runs.query import ALL, Facts, Query
from tui.runs.row import RESULTS, RunRow
from workbench.errors import InvalidError
from workbench.run.layout import Home
from workbench.run.record import RunRecord, read_record

_BITE = 0.03  # seconds; what is read of records at once, so that keys stay quick
_SITES = b'\n "sites": ['  # from there on a record says what the plan came to, and nothing of the run


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


def record_facts(record: RunRecord) -> Facts:
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
    }


@dataclass(slots=True)
class FactBook:
    """Facts of records, each read once: a record is written once. Tags are read anew where their file is another.

    Runs of one plan over one model share what their sites say, which takes most of the time.
    """

    home: Home
    is_behind: bool = False
    _records: dict[str, tuple[Facts, str]] = field(default_factory=dict)
    _of_sites: dict[bytes, tuple[Facts, str]] = field(default_factory=dict)
    _unread: set[str] = field(default_factory=set)
    _tags: dict[str, tuple[int, tuple[str, ...]]] = field(default_factory=dict)
    _named: dict[str, tuple[RunRow, RunRow]] = field(default_factory=dict)

    def named(self, rows: Sequence[RunRow]) -> tuple[RunRow, ...]:
        """With their group and tags. Of a home with many runs some records are read each time, as `is_behind` says."""
        ended = time.perf_counter() + _BITE
        missing = [row.run_id for row in rows if row.run_id not in self._records and row.run_id not in self._unread]
        read = 0
        while read < len(missing) and (read == 0 or time.perf_counter() < ended):
            self._record(missing[read])
            read += 1
        self.is_behind = read < len(missing)
        return tuple(self._with_names(row) for row in rows)

    def try_again(self) -> None:
        """Records that could not be read may be whole by now."""
        self._unread.clear()

    def _with_names(self, row: RunRow) -> RunRow:
        """A row that was told before stays the very same: the list compares a thousand of them each second."""
        before = self._named.get(row.run_id)
        if before and before[0] is row:
            return before[1]
        if row.run_id not in self._records:
            return row
        named = replace(row, group=self._records[row.run_id][1], tags=self._tags_of(row.run_id))
        self._named[row.run_id] = (row, before[1] if before and before[1] == named else named)
        return self._named[row.run_id][1]

    def fitting(self, rows: tuple[RunRow, ...], query: Query) -> tuple[RunRow, ...]:
        """The rows that fit, in their order."""
        if query == ALL:
            return rows
        return tuple(row for row in rows if query.fits(self._facts(row, query.asks_for_sites)))

    def _facts(self, row: RunRow, sites: bool) -> Facts:
        if not sites:
            return row_facts(row)
        return {**row_facts(row), **self._record(row.run_id)[0], "tag": self._tags_of(row.run_id)}

    def _record(self, run_id: str) -> tuple[Facts, str]:
        if run_id not in self._records:
            try:
                self._records[run_id] = self._read(self.home.run_dir(run_id).record)
            except (OSError, InvalidError):
                self._unread.add(run_id)
                return {}, ""  # the folder is gone, or damaged: the list says so, and no such filter fits it
        return self._records[run_id]

    def _read(self, path: Path) -> tuple[Facts, str]:
        """Raises OSError, InvalidError."""
        _, found, tail = path.read_bytes().partition(_SITES)
        said = hashlib.blake2b(tail, digest_size=16).digest()
        if not found or said not in self._of_sites:
            record = read_record(path)
            self._of_sites[said] = (record_facts(record), adapted_group(record))
        return self._of_sites[said]

    def _tags_of(self, run_id: str) -> tuple[str, ...]:
        path = self.home.run_dir(run_id).meta
        try:
            changed = path.stat().st_mtime_ns
            if self._tags.get(run_id, (0,))[0] != changed:
                self._tags[run_id] = (changed, _read_tags(path))
        except OSError:
            return ()
        return self._tags[run_id][1]


def _read_tags(path: Path) -> tuple[str, ...]:
    try:
        return tuple(map(str, json.loads(path.read_text(encoding="utf-8"))["tags"]))
    except (ValueError, KeyError, TypeError):
        return ()
