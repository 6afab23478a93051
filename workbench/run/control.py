"""`control/`: wishes left as files, for programs that cannot signal the shim."""

from workbench import atomic
from workbench.run.layout import RunDir


def request_stop(run_dir: RunDir, grace: float | None = None) -> None:
    """Asks the shim to stop the run; `grace` in seconds, the shim's own when None. A second request kills at once."""
    run_dir.control.mkdir(exist_ok=True)
    atomic.write_text(run_dir.control / "stop", "" if grace is None else f"{grace}\n")


def take_stop(run_dir: RunDir, default_grace: float) -> float | None:
    """Removes a request and returns its grace in seconds; None when there is none."""
    path = run_dir.control / "stop"
    try:
        text = path.read_text(encoding="utf-8")
        path.unlink()
    except FileNotFoundError:
        return None
    try:
        return float(text)
    except ValueError:
        return default_grace
