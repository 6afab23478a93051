"""One thing looked at: its state, what was found, and what to do."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from workbench.run.layout import Home

State = Literal["ok", "warning", "failing"]


@dataclass(frozen=True, slots=True)
class Check:
    """What was found. `fix` says what to do and is empty where nothing is to be done."""

    name: str
    state: State
    message: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class ProbeAnswer:
    """What a child process said, or in `problem` why it said nothing."""

    value: dict[str, Any] | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """What checks look at. `chosen`: how the home was found, in words; `probe` waits for the trainer's libraries."""

    home: Home
    chosen: str
    probe: Callable[[], ProbeAnswer]


CheckFunction = Callable[[Place], Iterable[Check]]


class Child:
    """A module that prints JSON, in a process that may crash or hang."""

    def __init__(self, module: str, *arguments: str) -> None:
        self._module = module
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", module, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )

    def answer(self, seconds: float) -> ProbeAnswer:
        """Its answer; it is killed when it takes longer."""
        try:
            out, err = self._process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return ProbeAnswer(problem=f"{self._module} did not answer within {seconds:g} s")
        if self._process.returncode:
            return ProbeAnswer(problem=_last_words(err) or f"{self._module} ended with {self._process.returncode}")
        return ProbeAnswer(json.loads(out))


def first_words(command: Sequence[str], seconds: float = 3.0) -> str | None:
    """What a program of the system prints, stripped; None where it is not there, fails, or takes too long."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _last_words(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1].strip() if lines else ""
