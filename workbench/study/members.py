"""`members.jsonl`: which runs belong to a study. Lines are only ever added, so nothing that was once run is forgotten.

A line of kind `design` begins what the study file then says; lines of kind `member` follow it. Members of an earlier
design stay in the file, and do not mix with those of the current one: their baseline is another.
"""

import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.canonical import canonical_json, digest
from workbench.run.layout import Home
from workbench.study.expand import Expansion, Grounds, Member

FILE_NAME = "members.jsonl"
VERSION = 1
_DESIGN_LENGTH = 12


@dataclass(frozen=True, slots=True)
class Members:
    """The members of a study by its current design; `earlier` are those of designs before.

    `bad_lines` counts lines that cannot be read. `created` is when the first line was written, Unix seconds, None where
    there is none.
    """

    current: tuple[Member, ...] = ()
    earlier: tuple[Member, ...] = ()
    design: str = ""
    baseline: str = ""
    metric: str = ""
    created: float | None = None
    bad_lines: int = 0


def members_file(home: Home, study: str) -> Path:
    return home.studies / study / FILE_NAME


def design_of(expansion: Expansion, grounds: Grounds) -> str:
    """12 hex digits over what all arms are compared with: the runs of the baseline, whatever their seeds are."""
    baseline = expansion.baseline
    recipe = baseline.recipe.identity(any(p.adapter and p.adapter.dropout for p in baseline.plan.sites))
    return digest([baseline.plan.hash, recipe, grounds.model_fingerprint, grounds.data_hash], _DESIGN_LENGTH)


def read_members(path: Path) -> Members:
    """What the file says; empty where there is none. A torn or foreign line is counted and passed over."""
    try:
        raw = path.read_bytes().decode("utf-8", "replace")
    except FileNotFoundError:
        return Members()
    lines = [_parsed(line) for line in raw.split("\n") if line.strip()]
    good = [line for line in lines if line]
    current: dict[tuple[str, int], Member] = {}
    earlier: dict[Member, None] = {}
    head: dict[str, Any] = {}
    for line in good:
        if line["kind"] == "member":
            member = _member(line)
            if (old := current.get(key := (member.arm, member.seed))) and old.run_id != member.run_id:
                earlier[old] = None
            current[key] = member
        else:
            if head and line["design"] != head["design"]:
                earlier.update(dict.fromkeys(current.values()))
                current.clear()
            head = line
    now = {member.run_id for member in current.values()}
    return Members(
        current=tuple(current.values()),
        earlier=tuple(member for member in earlier if member.run_id not in now),
        design=head.get("design", ""),
        baseline=head.get("baseline", ""),
        metric=head.get("metric", ""),
        created=good[0]["t"] if good else None,
        bad_lines=len(lines) - len(good),
    )


def add_members(path: Path, design: str, baseline: str, metric: str, members: Sequence[Member]) -> list[Member]:
    """Writes those of these members that are not there yet, all in one write; returns them.

    Two programs that do so at once write the same lines twice, which reads as once. Raises OSError.
    """
    known = read_members(path)
    same_design = known.design == design
    have = {(m.arm, m.seed, m.run_id, m.levels) for m in known.current} if same_design else set()
    new = [member for member in members if (member.arm, member.seed, member.run_id, member.levels) not in have]
    now = time.time()
    lines: list[dict[str, Any]] = []
    if not same_design or (known.baseline, known.metric) != (baseline, metric):
        lines.append(
            {"v": VERSION, "kind": "design", "design": design, "baseline": baseline, "metric": metric, "t": now}
        )
    lines += [_line(member, now) for member in new]
    if lines:
        _append(path, "".join(f"{canonical_json(line)}\n" for line in lines))
    return new


def _line(member: Member, now: float) -> dict[str, Any]:
    return {
        "v": VERSION,
        "kind": "member",
        "arm": member.arm,
        "levels": dict(member.levels),
        "factors": [factor for factor, _ in member.levels],  # in the order of the file, which objects do not keep
        "seed": member.seed,
        "run_id": member.run_id,
        "t": now,
    }


def _append(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        size = os.fstat(descriptor).st_size
        torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
        data = (("\n" if torn else "") + text).encode()
        if os.write(descriptor, data) != len(data):
            raise OSError(28, "not all members could be written", str(path))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _parsed(line: str) -> dict[str, Any] | None:
    """The line, None where it is not one of ours."""
    try:
        value = json.loads(line)
        if value["kind"] == "member":
            _member(value)
        elif value["kind"] == "design":
            fields = [value[name] for name in ("design", "baseline", "metric")]
            return value if all(isinstance(field, str) for field in fields) and _is_time(value) else None
        return value if value["kind"] == "member" and _is_time(value) else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _is_time(line: dict[str, Any]) -> bool:
    return isinstance(line["t"], int | float)


def _member(line: dict[str, Any]) -> Member:
    levels = tuple((str(factor), str(line["levels"][factor])) for factor in line["factors"])
    return Member(str(line["arm"]), levels, int(line["seed"]), str(line["run_id"]))
