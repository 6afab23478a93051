"""Taking in the logs of many runs takes hundreds of megabytes: a process of its own does it, and gives them back.

For threads. The process is ended when the app is left; what it has taken in by then is not lost.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from textual.worker import NoActiveWorker, get_current_worker

from workbench.errors import LockedError, WorkbenchError
from workbench.run.layout import Home

_INTERPRETER = sys.executable
_MUCH = 1_000_000  # bytes of logs; what is less costs less than the start of a process
_MANY = 100  # runs; what DuckDB takes to tell results grows with all that there are
_LOOK = 0.2  # seconds between looks at whether the answer is still wanted
_AGAIN = "it is tried again; what was taken in stays"


def listed_aside(home: Home, tell: Callable[[LockedError], None] | None = None) -> Sequence[dict[str, Any]]:
    """The rows of `runs list`. `tell` is told who holds the database. Raises WorkbenchError, OSError."""
    from workbench.cli.run_list import listed_runs, rows_at_hand

    if (rows := rows_at_hand(home)) is not None:
        return rows
    if not _is_much(home) and not _has_many(home):
        return listed_runs(home, tell or _untold)
    done = _done(["workbench.cli.run_list_aside", str(home.path)])
    if not done.stdout:
        raise WorkbenchError(f"the list of runs was not read: its process {_end(done.returncode)}", _AGAIN)
    answer: dict[str, Any] = json.loads(done.stdout)
    if failed := answer.get("failed"):
        raise WorkbenchError(*failed)
    if tell and (locked := answer["locked"]):
        tell(LockedError(*locked))
    return list(answer["rows"])


def ingested_aside(home: Home) -> str:
    """Takes in what the logs have gained where that is much, and says what was wrong with them, "" for nothing.

    Little is left to whoever asks the store next. Raises LockedError where the database stays held, WorkbenchError,
    OSError.
    """
    if not _is_much(home):
        return ""
    done = _done(["store.ingest", str(home.path)])
    if done.returncode == 0:
        return "; ".join(done.stderr.splitlines())
    title, _, hint = done.stderr.strip().partition("\n")
    if done.returncode == LockedError.exit_code:
        raise LockedError(title, hint)
    raise WorkbenchError(title or f"the logs were not read: the process {_end(done.returncode)}", hint or _AGAIN)


def _is_much(home: Home) -> bool:
    """Whether the logs that were written since the database was are long."""
    since, total = _changed(str(home.database))[0], 0
    with suppress(FileNotFoundError), os.scandir(home.runs) as runs:
        for run in runs:
            changed, size = _changed(f"{run.path}/events.jsonl")
            total += size if changed >= since else 0
    return total > _MUCH


def _has_many(home: Home) -> bool:
    with suppress(FileNotFoundError):
        return len(os.listdir(home.runs)) > _MANY
    return False


def _changed(path: str) -> tuple[int, int]:
    try:
        found = os.stat(path)
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size


def _untold(error: LockedError) -> None:
    """A list without the newest results is one all the same."""


def _done(words: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    command = [_INTERPRETER, "-P", "-m", *words]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True) as process:
        while True:
            try:
                out, err = process.communicate(timeout=_LOOK)
            except subprocess.TimeoutExpired:
                if _is_given_up():
                    process.terminate()
                continue
            return subprocess.CompletedProcess(command, process.returncode, out, err)


def _is_given_up() -> bool:
    """Whether the app is being left. A worker alone is also cancelled to be followed by one that asks the same."""
    try:
        return get_current_worker().node.app.return_code is not None
    except NoActiveWorker:
        return False


def _end(code: int) -> str:
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
