"""What can be done about a failure: the fixes of its card as keys, done at once where a command can do them."""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tui.runs.asking import Ask, Wish
from workbench.run.failures import CHECKPOINTING, LOWER_BATCH, LOWER_LR
from workbench.run.layout import RunDir
from workbench.run.record import RunRecord
from workbench.run.retry import smaller_split
from workbench.run.terms import read_terms

KEYS = "abc"
_AGAIN = re.compile(r"\bworkbench runs (resume|retry) [0-9a-f]+")
_COMMAND = re.compile(r"\bworkbench .*$")


@dataclass(frozen=True, slots=True)
class Fix:
    """What to do about a failure. `wish` is done by its key; of others the key copies `copied`."""

    key: str
    text: str
    wish: Wish | None
    copied: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The attempt that failed, as far as fixes depend on it. `changes` are what it was run with beside its record."""

    run_dir: RunDir
    record: RunRecord
    changes: Mapping[str, Any]
    command: str | None


def failed(run_dir: RunDir, record: RunRecord, attempt: int, command: str | None) -> Failed:
    return Failed(run_dir, record, read_terms(run_dir, attempt).changes, command)


def fixes_of(texts: Sequence[str], attempt: Failed) -> tuple[Fix, ...]:
    """A key for each text of the card."""
    return tuple(_fix(key, text, attempt) for key, text in zip(KEYS, texts, strict=False))


def _fix(key: str, text: str, attempt: Failed) -> Fix:
    if again := _AGAIN.search(text):
        return Fix(key, text, Wish(Ask(again[1])), again[0])
    if text == LOWER_BATCH and (split := smaller_split(attempt.run_dir, attempt.changes)):
        said = f"retry with micro-batches of {split['batch']} × {split['accumulation']}: the same result in less memory"
        return Fix(key, said, Wish(Ask.RETRY, (f"batch={split['batch']}",)), text)
    if text == CHECKPOINTING and not _has(attempt, "gradient_checkpointing"):
        said = "retry with gradient checkpointing: the same result in less memory, more slowly"
        return Fix(key, said, Wish(Ask.RETRY, ("gradient_checkpointing=true",)), text)
    if text == LOWER_LR and (line := _with_lower_lr(attempt)):
        return Fix(key, f"{text}: copies a command with half of it", None, line)
    found = _COMMAND.search(text)
    return Fix(key, text, None, found[0] if found else text)


def _has(attempt: Failed, key: str) -> bool:
    return bool(attempt.changes.get(key, attempt.record.recipe.get(key)))


def _with_lower_lr(attempt: Failed) -> str | None:
    """The command that started it, with half the learning rate: another run, as it is another experiment."""
    words = shlex.split(attempt.command) if attempt.command else []
    if "run" not in words[1:4] or "study" in words[1:4]:
        return None
    lr = float(attempt.record.recipe["lr"]) / 2
    return shlex.join(["workbench", *words[1:], "--set", f"lr={lr:g}"])
