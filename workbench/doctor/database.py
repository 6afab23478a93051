"""The results database, opened by a child process: duckdb never enters this one."""

from collections.abc import Iterator, Mapping

from workbench.doctor.check import Check, Child, Place
from workbench.report.numbers import size
from workbench.run import locks

# The store itself gives a foreign holder two seconds.
_SECONDS = 8.0
_READER = "store.health"
_ANEW = "nothing to do: the next command that reads results makes it anew from the logs (or: workbench db rebuild)"


def check_database(place: Place) -> Iterator[Check]:
    """Size and format; of a damaged, foreign or held database what will happen."""
    database = place.home.database
    try:
        held_bytes = database.stat().st_size
    except FileNotFoundError:
        yield Check("database", "ok", "none yet: it is made from the logs when results are first read")
        return
    except OSError as error:
        yield Check("database", "failing", f"{database} cannot be read: {error.strerror}", "change its permissions")
        return
    answer = Child(_READER, str(place.home.path)).answer(_SECONDS)
    if answer.value is not None:
        yield judge_database(answer.value, held_bytes)
    elif locks.is_held(place.home.database_lock):
        message = f"{size(held_bytes)}, in use for longer than {_SECONDS:g} s"
        yield Check("database", "warning", message, "wait for the holder of results.lock, or end it; see the locks")
    else:
        yield Check("database", "failing", f"{size(held_bytes)}; {answer.problem}", "workbench db rebuild")


def judge_database(found: Mapping[str, str], held_bytes: int) -> Check:
    """`found` is what `store.health` says."""
    state, message = found["state"], f"{size(held_bytes)}, {found['message']}"
    if state in ("ok", "none"):
        return Check("database", "ok", message)
    if state == "stale":
        return Check("database", "warning", message, _ANEW)
    return Check("database", "failing" if state == "unreadable" else "warning", message, found["hint"])
