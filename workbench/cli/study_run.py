"""`workbench study run`: the members that are missing, into the queue."""

import os
import shlex
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import typer

from workbench.cli.context import current_home, print_json
from workbench.cli.launching import Options, launch, submit
from workbench.run.liveness import status_of, view_of
from workbench.run.states import RunStatus

if TYPE_CHECKING:
    from workbench.cli.study_ready import ReadyStudy
    from workbench.run.layout import Home
    from workbench.study.expand import Member

INTERRUPTED = 130
_SHOWN = 4
_CAN_GO_ON = (RunStatus.PAUSED, RunStatus.STOPPED, RunStatus.LOST)


def run_study(ref: str, jobs: int, threads: int, retries: int, priority: int, hold: bool, detach: bool) -> None:
    """Notes the members, queues the missing ones, and prints where the study stands."""
    from workbench.cli.study_ready import install, make_ready, say_data
    from workbench.study.members import add_members, design_of, members_file
    from workbench.study.study import load_study

    home = current_home()
    ready = make_ready(install(load_study(ref, home), home), home)
    say_data(ready)
    name, expansion = ready.study.name, ready.expansion
    for line in (*said_of_merged(ready), *said_of_changes(ready)):
        print(line, file=sys.stderr)
    missing = [member for member in expansion.members if not _is_finished(home, member)]
    records = ready.records(missing)  # before anything is written: it refuses what cannot run
    design = design_of(expansion, ready.grounds)
    added = add_members(
        members_file(home, name), design, expansion.baseline.name, ready.study.file.metric, expansion.members
    )
    resumed = _resume(home, name, missing, jobs, retries, priority)
    options = Options(jobs, threads, retries=retries, priority=priority, hold=hold, batch=name)
    started = [record for record in records if record.run_id not in resumed]
    interrupted = False
    if detach:
        submit(home, started, options)
    else:
        interrupted = launch(home, records, options).interrupted
    answer = _answer(home, ready, len(added), len(missing))
    _say(home, name, answer)
    print_json(answer)
    if interrupted:
        raise typer.Exit(INTERRUPTED)
    if not detach and answer["runs"] != answer["statuses"].get("finished", 0):
        raise typer.Exit(1)


def _is_finished(home: "Home", member: "Member") -> bool:
    run_dir = home.run_dir(member.run_id)
    return run_dir.record.is_file() and status_of(run_dir) is RunStatus.FINISHED


def _resume(home: "Home", study: str, members: "list[Member]", jobs: int, retries: int, priority: int) -> set[str]:
    """Queues those that have a checkpoint to go on from, and returns them."""
    from workbench.run.again import ticket_again
    from workbench.run.checkpoints import complete_checkpoints
    from workbench.run.queue import enqueue
    from workbench.run.schedule import schedule

    tickets = []
    for run_dir in (home.run_dir(member.run_id) for member in members):
        if (
            run_dir.record.is_file()
            and (view := view_of(run_dir)).status in _CAN_GO_ON
            and complete_checkpoints(run_dir)
        ):
            ticket = ticket_again(run_dir, view, True, jobs, retries, priority, shlex.join(sys.argv), os.getcwd())
            tickets.append(ticket._replace(batch=study))
    if not tickets:
        return set()
    queued = enqueue(home, tickets)
    schedule(home)
    return set(queued)


def said_of_merged(ready: "ReadyStudy") -> list[str]:
    """A line for each arm that others are the same as."""
    same: dict[str, list[str]] = {}
    for name, kept in ready.expansion.merged.items():
        same.setdefault(kept, []).append(name)
    return [f"{_arms(names)} set the same as {kept}: merged with it" for kept, names in same.items()]


def said_of_changes(ready: "ReadyStudy") -> list[str]:
    """What the file changes where the study has members already."""
    found = ready.changes
    if not ready.known.current:
        return []
    lines = [f"{arm}: other runs than before: {reason}" for arm, reason in found.reasons.items()]
    if len(lines) > _SHOWN:
        lines = [*lines[:_SHOWN], f"and so in {len(lines) - _SHOWN} more arms"]
    if found.replaced:
        lines.append(
            f"{len(found.replaced)} members are other runs now; the old runs stay, and are not compared any more"
        )
    if found.dropped:
        arms = list(dict.fromkeys(member.arm for member in found.dropped))
        lines.append(f"{_arms(arms)} or seeds of them are not in the file any more: {len(found.dropped)} members stay")
    if found.added:
        lines.append(f"{len(found.added)} members are new; {len(found.kept)} are as before")
    return lines


def _arms(names: list[str]) -> str:
    shown = ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
    return f"{len(names)} arms ({shown})" if len(names) > 1 else f"arm {shown}"


def _answer(home: "Home", ready: "ReadyStudy", added: int, missing: int) -> dict[str, Any]:
    members = ready.expansion.members
    statuses = Counter(str(status_of(home.run_dir(member.run_id))) for member in members)
    return {
        "study": ready.study.name,
        "arms": len(ready.expansion.arms),
        "runs": len(members),
        "new_members": added,
        "missing_before": missing,
        "statuses": dict(statuses),
    }


def _say(home: "Home", name: str, answer: dict[str, Any]) -> None:
    from workbench.run.queue import paused_batches

    if why := paused_batches(home).get(name):
        print(f"warning: study {name} is paused: {why}; let it go on: workbench runs release {name}", file=sys.stderr)
    told = ", ".join(f"{count} {status}" for status, count in answer["statuses"].items())
    print(f"{name}: {answer['runs']} runs: {told}; see: workbench study status {name}", file=sys.stderr)
