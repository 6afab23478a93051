"""The trainer process: `python -P -m workbench.train RUN_DIR`. It knows the run directory and nothing else."""

import os
import sys
import traceback
from contextlib import suppress
from pathlib import Path

from workbench.errors import WorkbenchError
from workbench.run import locks
from workbench.run.after import start_after_exit
from workbench.run.control import stopping_reason
from workbench.run.events import EventLog
from workbench.run.layout import RunDir
from workbench.train.libraries import prepare_libraries, uncollected
from workbench.train.stop import StopFlag

USAGE = "usage: python -P -m workbench.train RUN_DIR (one run directory that holds a run.json)"


def main(arguments: list[str]) -> int:
    """Runs one attempt. Exit code 0 when it finished, paused or was stopped, 1 when it failed, 2 for wrong usage.

    Where the shim is gone that would have gone on with the queue, this does.
    """
    if len(arguments) != 1 or not (Path(arguments[0]) / "run.json").is_file():
        print(USAGE, file=sys.stderr)
        return 2
    run_dir, attempt = RunDir(Path(arguments[0]).absolute()), int(os.environ.get("WORKBENCH_ATTEMPT", "1"))
    stop = StopFlag(lambda: stopping_reason(run_dir, attempt))
    stop.install()  # before the slow imports, so that an early SIGTERM is not lost
    code = _attempt(run_dir, attempt, stop)
    if run_dir.shim_lock.exists() and not locks.is_held(run_dir.shim_lock):
        start_after_exit([sys.executable, "-P", "-m", "workbench.run.schedule", str(run_dir.home.path)])
    return code


def _attempt(run_dir: RunDir, attempt: int, stop: StopFlag) -> int:
    log = EventLog(run_dir.events, run_dir.run_id, attempt)
    try:
        with uncollected():
            prepare_libraries()
            from workbench.train.train_run import train_run

        train_run(run_dir, attempt, log, stop)
    except Exception as error:  # whatever it is, the log must say so
        return _report(log, error)
    finally:
        log.close()
    return 0


def _report(log: EventLog, error: Exception) -> int:
    from workbench.train.failure import classify

    failure = classify(error)
    with suppress(OSError):  # the output may be on a full disk; what counts is the log
        if not isinstance(error, WorkbenchError):
            traceback.print_exc()
        print(f"failed ({failure.failure_class}): {failure.message}\n{failure.hint}", file=sys.stderr, flush=True)
    log.write("failed", message=failure.message, hint=failure.hint, **{"class": failure.failure_class})
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
