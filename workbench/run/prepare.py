"""Makes run directories: whole, or not at all."""

import errno
import shutil
import threading
import time
from contextlib import suppress
from pathlib import Path

from workbench import atomic
from workbench.errors import InvalidError
from workbench.run.layout import Home, RunDir
from workbench.run.record import RunRecord
from workbench.sample.mark import require_own

MAKING = ".new-"
_LEFTOVER_SECONDS = 3600.0


def prepare(home: Home, record: RunRecord) -> RunDir:
    """The directory of this run, made if it is not there yet; an existing one is kept as it is.

    Raises InvalidError when a folder of that name holds no run.json, or in the home of the sample.
    """
    require_own(home)
    home.runs.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(home)
    run_dir = home.run_dir(record.run_id)
    if not run_dir.path.exists():
        _make(run_dir, record)
    if not run_dir.record.exists():
        raise InvalidError(f"{run_dir.path}: holds no run.json", "move the folder away")
    return run_dir


def _make(run_dir: RunDir, record: RunRecord) -> None:
    # Thread ids are unique among all living threads of the machine, so two threads of one program keep apart, too.
    temporary = RunDir(run_dir.path.with_name(f"{MAKING}{record.run_id}-{threading.get_native_id()}"))
    temporary.path.mkdir(exist_ok=True)
    try:
        record.write(temporary.record)
        atomic.write_json(temporary.meta, {"name": record.name, "tags": [], "pinned": False, "trashed": False})
    except OSError:
        shutil.rmtree(temporary.path, ignore_errors=True)
        raise
    try:
        temporary.path.rename(run_dir.path)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        # Another program was quicker; what it made says the same.
        shutil.rmtree(temporary.path)


def _remove_leftovers(home: Home) -> None:
    """Removes what programs killed in the middle left behind. Making one takes milliseconds, so age tells."""
    for path in home.runs.glob(f"{MAKING}*"):
        with suppress(FileNotFoundError):
            if _age(path) > _LEFTOVER_SECONDS:
                shutil.rmtree(path)


def _age(path: Path) -> float:
    return time.time() - path.stat().st_mtime
