"""Everything about one run as text, a failure first, with what can be done about it as keys."""

import re
from dataclasses import dataclass

from tui.runs.asking import Ask
from workbench.report.failure_card import card_text
from workbench.report.run import run_text
from workbench.run.layout import Home

KEYS = "abc"
_AGAIN = re.compile(r"\bworkbench runs (resume|retry) [0-9a-f]+")
_COMMAND = re.compile(r"\bworkbench .*$")


@dataclass(frozen=True, slots=True)
class Fix:
    """What to do about a failure. `wish` is done by its key; of others the key copies `copied`."""

    key: str
    text: str
    wish: Ask | None
    copied: str


@dataclass(frozen=True, slots=True)
class Opened:
    """The text of a run, and the fixes of its failure."""

    text: str
    fixes: tuple[Fix, ...]


def fixes_of(texts: tuple[str, ...]) -> tuple[Fix, ...]:
    return tuple(_fix(key, text) for key, text in zip(KEYS, texts, strict=False))


def _fix(key: str, text: str) -> Fix:
    again, found = _AGAIN.search(text), _COMMAND.search(text)
    return Fix(key, text, Ask(again[1]) if again else None, found[0] if found else text)


def open_run(home: Home, run_id: str, width: int) -> Opened:
    """What `runs show` says. Raises WorkbenchError, OSError. Reads the store: for a thread of its own."""
    from workbench.cli.run_details import found_run, shown

    answer, card = shown(*found_run(home, run_id))
    fixes = fixes_of(card.fixes) if card else ()
    parts = [*([card_text(card, width)] if card else []), run_text(answer, width)]
    return Opened("\n\n".join(parts), fixes)
