"""`workbench study status`: how far the runs of a study are, told from its members and their files."""

from collections import Counter
from typing import TYPE_CHECKING, Any

from workbench.cli.context import current_home, print_json
from workbench.errors import NotFoundError
from workbench.run.liveness import status_of
from workbench.run.states import RunStatus

if TYPE_CHECKING:
    from workbench.run.layout import Home
    from workbench.study.expand import Member
    from workbench.study.members import Members

GONE = "gone"


def show_status(ref: str, as_json: bool) -> None:
    """Prints the arms with the states of their runs."""
    from workbench.study.members import members_file, read_members

    home = current_home()
    name = _name(home, ref)
    members = read_members(members_file(home, name))
    answer = study_status(home, name, members)
    if as_json:
        print_json(answer)
    else:
        print(_text(answer))


def _name(home: "Home", ref: str) -> str:
    from workbench.plan.document import read_document
    from workbench.plan.files import read_text
    from workbench.study.study import FILE_NAME, find_study

    path = find_study(ref, home)
    default = path.absolute().parent.name if path.name == FILE_NAME else path.stem
    return str(read_document(str(path), read_text(path)).data.get("name", default))


def study_status(home: "Home", name: str, members: "Members") -> dict[str, Any]:
    """What `study status --json` prints. Raises NotFoundError for a study that was never run."""
    from workbench.run.queue import paused_batches

    if not members.current:
        raise NotFoundError(f"study '{name}' has no runs yet", f"workbench study run {name}")
    states = {member.run_id: _state(home, member) for member in members.current}
    arms: dict[str, list[Member]] = {}
    for member in members.current:
        arms.setdefault(member.arm, []).append(member)
    return {
        "study": name,
        "metric": members.metric,
        "baseline": members.baseline,
        "runs": len(members.current),
        "statuses": dict(Counter(states.values())),
        "paused": paused_batches(home).get(name),
        "earlier_members": len(members.earlier),
        "bad_lines": members.bad_lines,
        "arms": [_arm(arm, own, states) for arm, own in arms.items()],
    }


def _state(home: "Home", member: "Member") -> str:
    run_dir = home.run_dir(member.run_id)
    return str(status_of(run_dir)) if run_dir.record.is_file() else GONE


def _arm(name: str, members: "list[Member]", states: dict[str, str]) -> dict[str, Any]:
    return {
        "arm": name,
        "levels": dict(members[0].levels),
        "members": [{"seed": m.seed, "run_id": m.run_id, "status": states[m.run_id]} for m in members],
    }


def _text(answer: dict[str, Any]) -> str:
    from workbench.report.table import Column, Table

    rows = []
    for arm in answer["arms"]:
        counts = Counter(member["status"] for member in arm["members"])
        finished = counts.pop(str(RunStatus.FINISHED), 0)
        others = ", ".join(f"{count} {status}" for status, count in counts.items())
        rows.append((arm["arm"], f"{finished}/{len(arm['members'])}", others))
    table = Table((Column("arm", "left"), Column("finished"), Column("others", "left")), tuple(rows)).text()
    told = ", ".join(f"{count} {status}" for status, count in answer["statuses"].items())
    lines = [f"{answer['study']}: {answer['runs']} runs: {told}", "", table]
    if answer["paused"]:
        lines += ["", f"paused: {answer['paused']}; let it go on: workbench runs release {answer['study']}"]
    if answer["earlier_members"]:
        lines += [
            "",
            f"{answer['earlier_members']} members of an earlier version of the file stay, and are not compared",
        ]
    if answer["bad_lines"]:
        lines += ["", f"{answer['bad_lines']} lines of members.jsonl cannot be read"]
    missing = answer["statuses"].keys() & {GONE, "failed", "lost", "stopped", "paused"}
    if missing:
        lines += ["", f"what is missing is run by: workbench study run {answer['study']}"]
    return "\n".join(lines)
