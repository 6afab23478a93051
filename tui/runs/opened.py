"""Everything about one run as text, a failure first, with what can be done about it as keys."""

from dataclasses import dataclass

from tui.runs.fixes import Fix, failed, fixes_of
from workbench.report.failure_card import card_text
from workbench.report.run import run_text
from workbench.run.layout import Home
from workbench.run.record import read_record


@dataclass(frozen=True, slots=True)
class Opened:
    """The text of a run, and the fixes of its failure."""

    text: str
    fixes: tuple[Fix, ...]


def open_run(home: Home, run_id: str, width: int) -> Opened:
    """What `runs show` says. Raises WorkbenchError, OSError. Reads the store: for a thread of its own."""
    from workbench.cli.run_details import found_run, shown

    run_dir, summary, view = found_run(home, run_id)
    answer, card = shown(run_dir, summary, view)
    text = run_text(answer, width)
    if card is None:
        return Opened(text, ())
    attempt = failed(run_dir, read_record(run_dir.record), card.attempt, card.command)
    return Opened(f"{card_text(card, width)}\n\n{text}", fixes_of(card.fixes, attempt))
