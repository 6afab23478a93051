"""The command as a person types it: a process of its own."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COMMAND = [sys.executable, "-P", "-m", "workbench.cli.main"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True, slots=True)
class Desk:
    """A folder to work in; its home is `.workbench` below."""

    folder: Path

    @property
    def home(self) -> Path:
        return self.folder / ".workbench"

    def environment(self) -> dict[str, str]:
        return {**os.environ, "WORKBENCH_HOME": str(self.home), "COLUMNS": "100"}

    def __call__(self, *arguments: str) -> Answer:
        done = subprocess.run(
            [*COMMAND, *arguments], cwd=self.folder, env=self.environment(), text=True, capture_output=True, check=False
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Starts a command in a process group of its own and returns at once."""
        return subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=self.folder,
            env=self.environment(),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            process_group=0,
        )
