"""A study in little: what it asks, its members, how far they are, and what came of its claims."""

from collections import Counter
from pathlib import Path

from tui.library.preview import Part, Preview
from tui.library.run_rows import Runs
from workbench.plan.files import read_text
from workbench.run.layout import Home
from workbench.run.states import LIVE
from workbench.study.members import Members, members_file, read_members
from workbench.study.study import Study, read_study

_ARMS = 12
MISSING = "missing"


def study_preview(home: Home, path: Path, runs: Runs) -> Preview:
    """Without the verdicts. Raises InvalidError with every problem of the file, NotFoundError, OSError."""
    study = read_study(read_text(path), path, home)
    members = read_members(members_file(home, study.name))
    states = member_states(members, runs)
    finished = sum(state == "finished" for state in states.values())
    return Preview(
        (
            Part("", (study.file.question.strip(),) if study.file.question else ()),
            Part("", tuple(_design(study))),
            Part("progress", tuple(_progress(study, members, states))),
            Part(f"arms ({len(study.designs)})", tuple(_arms(members, states))),
            Part("file", (str(path),)),
        ),
        more_to_come=bool(finished and study.file.claims),
        finished=finished,
        before=3,
    )


def member_states(members: Members, runs: Runs) -> dict[str, str]:
    """The state of every member's run; `missing` for one that was removed or never made."""
    known = {str(row["run_id"]): str(row["status"]) for row in runs.rows}
    return {member.run_id: known.get(member.run_id, MISSING) for member in members.current}


def _design(study: Study) -> list[str]:
    file = study.file
    lines = [f"model {file.model}, recipe {file.recipe}, {len(file.seeds)} seeds, compared by {file.metric}"]
    lines += [f"factor {name}: {', '.join(map(str, levels))}" for name, levels in file.factors.items()]
    return [*lines, *([f"before: {file.finding.strip()}"] if file.finding else [])]


def _progress(study: Study, members: Members, states: dict[str, str]) -> list[str]:
    if not members.current:
        return ["no runs yet: R puts them into the queue"]
    counts = Counter(states.values())
    live = sum(counts[str(state)] for state in LIVE)
    finished, queued = counts["finished"], counts["queued"]
    missing = len(states) - live - finished - queued
    total = len(states)
    waits = f", {queued} queued" if queued else ""
    lines = [f"{_bar(finished, total)} {finished} of {total} finished, {live} live{waits}, {missing} missing"]
    others = ", ".join(
        f"{n} {state}" for state, n in counts.items() if state in ("failed", "lost", "stopped", "paused")
    )
    lines += [f"of the missing: {others}"] if others else []
    lines += ["R runs what is missing"] if missing else []
    return lines


def _bar(done: int, total: int, width: int = 20) -> str:
    full = width * done // total if total else 0
    return f"[{'=' * full}{'.' * (width - full)}]"


def _arms(members: Members, states: dict[str, str]) -> list[str]:
    arms: dict[str, list[str]] = {}
    for member in members.current:
        arms.setdefault(member.arm, []).append(states[member.run_id])
    lines = [f"{arm}  {own.count('finished')}/{len(own)} finished" for arm, own in list(arms.items())[:_ARMS]]
    return [*lines, f"and {len(arms) - _ARMS} more arms"] if len(arms) > _ARMS else lines
