"""`repro.<n>.json`: the circumstances of an attempt, for whoever wants to repeat it.

Written by `python -P -m workbench.run.repro RUN_DIR ATTEMPT`, a child of the shim: only the shim knows the attempt's
number, and what is gathered here must neither stay in its memory nor be able to bring it down. Imports none of the
packages whose versions it notes.
"""

import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from workbench import atomic
from workbench.run.gpus import list_gpus
from workbench.run.handoff import read_handoff
from workbench.run.host_memory import total_memory
from workbench.run.layout import RunDir

PACKAGES = (
    "adapter-workbench",
    "torch",
    "transformers",
    "peft",
    "bitsandbytes",
    "accelerate",
    "safetensors",
    "tokenizers",
    "datasets",
    "duckdb",
    "numpy",
)
_GIT_SECONDS = 5


def main(arguments: Sequence[str]) -> None:
    write_repro(RunDir(Path(arguments[0])), int(arguments[1]))


def write_repro(run_dir: RunDir, attempt: int) -> None:
    """Writes the circumstances of this attempt. Raises OSError when the file cannot be written."""
    handoff = read_handoff(os.environ)
    value = {
        "attempt": attempt,
        "t": time.time(),
        "command": handoff.command,
        "git_commit": git_commit(Path.cwd()),
        "python": platform.python_version(),
        "executable": sys.executable,
        "packages": package_versions(PACKAGES),
        "threads": handoff.threads,
        "hardware": hardware(),
    }
    atomic.write_json(run_dir.repro(attempt), value)


def git_commit(folder: Path) -> str | None:
    """The commit that is checked out in a folder, None outside of git."""
    command = ["git", "-C", str(folder), "rev-parse", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_GIT_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def package_versions(names: Iterable[str]) -> dict[str, str | None]:
    """The installed version of each, None for what is not installed."""
    return {name: _version(name) for name in names}


def hardware() -> dict[str, Any]:
    """Processor, usable cores, memory in bytes, and GPUs of this machine."""
    return {
        "platform": platform.platform(),
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": total_memory(),
        "gpus": [{"uuid": gpu.uuid, "name": gpu.name, "memory_bytes": gpu.memory_bytes} for gpu in list_gpus()],
    }


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _cpu_model() -> str:
    lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Model"))]
    return models[0] if models else platform.machine()


if __name__ == "__main__":
    main(sys.argv[1:])
