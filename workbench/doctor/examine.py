"""All checks, in the order in which they are shown."""

from collections.abc import Iterator

from workbench.doctor.check import Check, CheckFunction, Child, Place
from workbench.doctor.database import check_database
from workbench.doctor.disk import check_file_system, check_space
from workbench.doctor.gpu import check_gpus
from workbench.doctor.home import check_flock, check_home
from workbench.doctor.libraries import check_libraries
from workbench.doctor.locks import check_locks
from workbench.doctor.logout import check_logout
from workbench.doctor.processor import check_memory, check_processor
from workbench.doctor.python import check_packages, check_python
from workbench.doctor.system import check_clock, check_limits, check_system
from workbench.doctor.terminal import check_terminal
from workbench.run.layout import Home

CHECKS: tuple[CheckFunction, ...] = (
    *(check_python, check_packages, check_gpus),
    *(check_processor, check_memory, check_space, check_file_system),
    *(check_home, check_flock, check_database, check_locks),
    *(check_terminal, check_logout, check_system, check_limits, check_clock),
    check_libraries,  # last: its answer takes seconds
)
PROBE_SECONDS = 120.0  # the first import after an installation compiles; a cold disk is slow


def examine(home: Home, chosen: str) -> Iterator[Check]:
    """Runs every check and tells of each as it comes, while the trainer's libraries load beside them.

    `chosen`: how the home was found, in words. Nothing is made where there is no home.
    """
    child = Child("workbench.train.probe")
    place = Place(home, chosen, lambda: child.answer(PROBE_SECONDS))
    for check in CHECKS:
        yield from _guarded(check, place)


def _guarded(check: CheckFunction, place: Place) -> Iterator[Check]:
    """A check that fails itself is a finding like any other: the rest must still be told."""
    name = check.__name__.removeprefix("check_").replace("_", " ")
    try:
        yield from check(place)
    except OSError as error:
        where = error.filename or "the system"
        yield Check(name, "failing", f"could not be looked at: {where}: {error.strerror or error}", "check permissions")
    except Exception as error:
        fix = "report it with this line"
        yield Check(name, "failing", f"could not be looked at: {type(error).__name__}: {error}", fix)
