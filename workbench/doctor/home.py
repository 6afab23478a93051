"""The home: where it is, what is in it, whether it can be written to, and whether locks hold there."""

import os
from collections.abc import Iterator
from pathlib import Path

from workbench.doctor.check import Check, Child, Place
from workbench.doctor.mounts import nearest_existing
from workbench.doctor.words import several
from workbench.run.tickets import Tickets

_FLOCK_SECONDS = 10.0
_OTHER_HOME = "name another home: --home, $WORKBENCH_HOME"
_PERMISSIONS = f"change its owner or permissions, or {_OTHER_HOME}"


def check_home(place: Place) -> Iterator[Check]:
    """Path, runs and tickets. Makes nothing where there is no home yet."""
    home = place.home
    if not home.path.exists():
        yield _of_absent(place, nearest_existing(home.path))
        return
    if not home.path.is_dir():
        yield Check("home", "failing", f"{home.path} is not a folder", _OTHER_HOME)
        return
    try:
        names = os.listdir(home.path)
    except OSError as error:
        yield Check("home", "failing", f"{home.path} cannot be read: {error.strerror}", _PERMISSIONS)
        return
    runs, tickets = len(home.run_dirs()), len(Tickets(home).waiting())
    holds = f"{several(runs, 'run')}, {several(tickets, 'ticket')} in the queue" if names else "nothing in it yet"
    message = f"{home.path} ({place.chosen}): {holds}"
    if os.access(home.path, os.W_OK | os.X_OK):
        yield Check("home", "ok", message)
    else:
        yield Check("home", "failing", f"{message}; it cannot be written to", _PERMISSIONS)


def _of_absent(place: Place, parent: Path) -> Check:
    message = f"none yet, would be {place.home.path} ({place.chosen})"
    if parent.is_dir() and os.access(parent, os.W_OK | os.X_OK):
        return Check("home", "ok", message)
    return Check("home", "failing", f"{message}; {parent} cannot be written to", _PERMISSIONS)


def check_flock(place: Place) -> Iterator[Check]:
    """Supervision rests on flock and its inheritance: both are tried in the home."""
    folder = place.home.path
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        yield Check("flock", "ok", "not tried: there is no home that can be written to")
        return
    answer = Child("workbench.doctor.flocks", str(folder)).answer(_FLOCK_SECONDS)
    problem = answer.problem if answer.value is None else answer.value["problem"]
    if problem:
        message = f"locks do not work in {folder}: {problem}"
        yield Check("flock", "failing", message, f"put the home on a local disk: {_OTHER_HOME}")
    else:
        yield Check("flock", "ok", "locks work in the home, are inherited, and end with their processes")
