"""Runs of a plan, launched by the very command that a person would type."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import UsageError

PROGRAM = (sys.executable, "-P", "-m", "workbench.cli.main")


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be run: the plan's file, a recipe, and seeds."""

    plan: Path
    recipe: str
    seeds: tuple[int, ...]

    def words(self) -> list[str]:
        """The words after `workbench`; the queue goes on with nothing else open."""
        seeds = [word for seed in self.seeds for word in ("--seed", str(seed))]
        return ["run", str(self.plan), "--recipe", self.recipe, *seeds, "--detach"]


@dataclass(frozen=True, slots=True)
class Launched:
    """How the command ended, with what it said."""

    code: int
    said: str


def read_wish(plan: Path, recipe: str, seeds: str) -> Wish:
    """The wish of the dialog's fields. Raises UsageError."""
    if not recipe.strip():
        raise UsageError("a recipe is missing", "a file, or the name of one, such as demo")
    numbers = seeds.replace(",", " ").split()
    if not numbers or not all(number.isdecimal() for number in numbers):
        raise UsageError(f"'{seeds}' are no seeds", "whole numbers such as 1 2 3")
    return Wish(plan, recipe.strip(), tuple(dict.fromkeys(map(int, numbers))))


def launch(home: Path, wish: Wish, program: Sequence[str] = PROGRAM) -> Launched:
    """Runs the command to its end: it returns as soon as the runs are queued."""
    line = [*program, "--home", str(home), *wish.words()]
    done = subprocess.run(line, text=True, capture_output=True, check=False, stdin=subprocess.DEVNULL)
    said = [text for text in done.stderr.splitlines() if text.strip()]
    return Launched(done.returncode, "\n".join(said))
