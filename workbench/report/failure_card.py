"""What a person sees of a failed run: what happened, why, the end of the log, and what to do."""

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.report.plain import shorten, visible
from workbench.run.endings import last_lines
from workbench.run.failures import FAILURE_CLASSES, failure_class

if TYPE_CHECKING:
    from workbench.run.layout import RunDir
    from workbench.run.liveness import RunView

MOST_FIXES = 3
_SHOWN_LINES = 12


@dataclass(frozen=True, slots=True)
class FailureCard:
    """A failure in full. `cause` holds for its class, `message` and `details` for this very attempt.

    `log` are the last lines of the attempt's output, at most 20; `command` is what started it, None when not noted.
    """

    failure_class: str
    attempt: int
    cause: str
    message: str
    details: tuple[str, ...]
    fixes: tuple[str, ...]
    log: tuple[str, ...]
    log_path: str
    command: str | None

    def to_dict(self) -> dict[str, Any]:
        values = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}
        return {"class": values.pop("failure_class"), **values}


def failure_card(run_dir: "RunDir", view: "RunView", ending: dict[str, Any] | None) -> FailureCard | None:
    """The card of a run's latest attempt, whose terminal event is `ending`; None when it did not fail.

    A run that stopped for a reason which is a failure class (`preempted`, `nan`) has one too.
    """
    if view.failure:
        name, message, hint = view.failure.failure_class, view.failure.message, view.failure.hint
    elif ending and ending["kind"] == "stopped" and ending.get("reason") in FAILURE_CLASSES:
        name, message, hint = str(ending["reason"]), str(ending.get("message", "")), str(ending.get("hint", ""))
    else:
        return None
    known = failure_class(name)
    hints = [line.strip() for line in hint.splitlines() if line.strip()]
    # One line is advice about this failure; several are a table or a list of what is wrong.
    advice, details = (hints, []) if len(hints) == 1 else ([], hints)
    fixes = list(dict.fromkeys([*advice, *known.fixes]))
    out = run_dir.out(view.attempt)
    return FailureCard(
        failure_class=name,
        attempt=view.attempt,
        cause=known.cause,
        message=message,
        details=tuple(details),
        fixes=tuple(re.sub(r"\b(logs|resume|retry) RUN\b", rf"\1 {run_dir.run_id}", fix) for fix in fixes[:MOST_FIXES]),
        log=tuple(last_lines(out).splitlines()),
        log_path=str(out),
        command=_command(run_dir.repro(view.attempt)),
    )


def card_text(card: FailureCard, width: int) -> str:
    """The card as lines of at most `width` cells; only fixes and the command, to be copied, may be longer."""
    lines = [f"{visible(card.failure_class)} in attempt {card.attempt}: {card.cause}"]
    # A trainer that ended without a word has the end of its log as its message.
    message = card.message.strip().splitlines()[-1:]
    # The differing sites stand in the table of the audit.
    details = () if card.failure_class == "audit_mismatch" else card.details
    lines += [f"  {shorten(line, width - 2)}" for line in (*message, *details) if line != card.cause]
    lines += ["what to do", *[f"  - {visible(fix)}" for fix in card.fixes]]
    if card.command:
        lines.append(f"started by\n  {visible(card.command)}")
    if card.log:
        lines.append(f"the end of {card.log_path}")
        lines += [f"  │ {shorten(line, width - 4)}" for line in card.log[-_SHOWN_LINES:]]
    else:
        lines.append(f"{card.log_path}: nothing was written there")
    return "\n".join(lines)


def _command(repro: Path) -> str | None:
    """The command line that started the attempt, as its repro file has it."""
    try:
        return str(json.loads(repro.read_text(encoding="utf-8"))["command"] or "") or None
    except (OSError, ValueError, KeyError, TypeError):
        return None  # the note is optional: a run goes on without it
