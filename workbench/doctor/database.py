"""The results database, opened by a child process: duckdb never enters this one."""

from collections.abc import Iterator, Mapping

from workbench.doctor.check import Check, Child, Place, State
from workbench.report.numbers import size

# The store itself gives a foreign holder two seconds.
_SECONDS = 8.0
_STATES: Mapping[str, State] = {"ok": "ok", "none": "ok"}
_ANEW = "nothing to do: the next command that reads results makes it anew from the logs (or: workbench db rebuild)"


def check_database(place: Place) -> Iterator[Check]:
    """Size and format; a damaged, newer or held database with what will happen."""
    database = place.home.database
    try:
        held_bytes = database.stat().st_size
    except FileNotFoundError:
        yield Check("database", "ok", "none yet: it is made from the logs when results are first read")
        return
    except OSError as error:
        yield Check("database", "failing", f"{database} cannot be read: {error.strerror}", "change its permissions")
        return
    answer = Child("store.health", str(place.home.path)).answer(_SECONDS)
    if answer.value is None:
        fix = "see which lock is held below; if none is: workbench db rebuild"
        yield Check("database", "warning", f"{size(held_bytes)}; {answer.problem}", fix)
    else:
        yield judge_database(answer.value, held_bytes)


def judge_database(found: Mapping[str, str], held_bytes: int) -> Check:
    """`found` is what `store.health` says."""
    state, message = found["state"], f"{size(held_bytes)}, {found['message']}"
    if state == "stale":
        return Check("database", "warning", message, _ANEW)
    if state == "unreadable":
        return Check("database", "failing", message, found["hint"])
    return Check("database", _STATES.get(state, "warning"), message, found["hint"] if state not in _STATES else "")
