"""Runs of a plan, launched by the very command that a person would type."""

import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import UsageError

_MAX_SEED = 2**31 - 1  # what the results database holds
PROGRAM = (sys.executable, "-P", "-m", "workbench.cli.main")


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be run: the plan's file, a recipe with `key=value` changes, and seeds."""

    plan: Path
    recipe: str
    seeds: tuple[int, ...]
    changes: tuple[str, ...] = ()

    def words(self) -> list[str]:
        """The words after `workbench`; the queue goes on with nothing else open."""
        seeds = [word for seed in self.seeds for word in ("--seed", str(seed))]
        changes = [word for change in self.changes for word in ("--set", change)]
        return ["run", str(self.plan), "--recipe", self.recipe, *changes, *seeds, "--detach"]


@dataclass(frozen=True, slots=True)
class Launched:
    """How the command ended, with what it said."""

    code: int
    said: str


def read_wish(plan: Path, recipe: str, seeds: str, keys: Mapping[str, str], other: str = "") -> Wish:
    """The wish of the dialog's fields; `keys` with an empty value are the recipe's own. Raises UsageError."""
    if not recipe.strip():
        raise UsageError("a recipe is missing", "a file, or the name of one, such as demo")
    numbers = seeds.replace(",", " ").split()
    if not numbers or not all(number.isdecimal() and int(number) <= _MAX_SEED for number in numbers):
        raise UsageError(f"'{seeds}' are no seeds", "whole numbers such as 1 2 3")
    changes = [f"{key}={value.strip()}" for key, value in keys.items() if value.strip()]
    try:
        more = shlex.split(other)
    except ValueError:
        raise UsageError(f"'{other}' has a quote without its other one", "key=value, with blanks in between") from None
    if wrong := next((word for word in more if not word.partition("=")[1]), None):
        raise UsageError(f"'{wrong}' sets nothing", "key=value, such as schedule=cosine")
    return Wish(plan, recipe.strip(), tuple(dict.fromkeys(map(int, numbers))), (*changes, *more))


def launch(home: Path, wish: Wish, program: Sequence[str] = PROGRAM) -> Launched:
    """Runs the command to its end: it returns as soon as the runs are queued."""
    line = [*program, "--home", str(home), *wish.words()]
    done = subprocess.run(line, text=True, capture_output=True, check=False, stdin=subprocess.DEVNULL)
    said = [text for text in done.stderr.splitlines() if text.strip()]
    return Launched(done.returncode, "\n".join(said))
