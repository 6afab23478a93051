"""The examples of the run under the cursor, read in a thread while they are seen."""

from functools import partial

from textual import on
from textual.content import Content
from textual.message import Message
from textual.widgets import Log
from textual.worker import get_current_worker

from tui.runs.answers import Answers, read_answers
from tui.runs.row import RunRow
from workbench.report.plain import shorten
from workbench.run.layout import Home

_FRAME = 6


class AnswersPane(Log):
    """All answers to the last evaluation, or the wrong ones alone."""

    class Answered(Message):
        """The examples of a run are there."""

        def __init__(self, answers: Answers) -> None:
            super().__init__()
            self.answers = answers

    def __init__(self, home: Home, *, id: str | None = None) -> None:  # noqa: A002 (the name is Textual's)
        super().__init__(id=id)
        self._home, self._wrong_only = home, False
        self._row: RunRow | None = None

    def read(self, row: RunRow | None) -> None:
        """Reads those of this run."""
        self._row = row
        if row:
            width = max(20, self.app.size.width - _FRAME)
            work = partial(self._in_thread, row.run_id, row.attempt, self._wrong_only, width)
            self.run_worker(work, thread=True, group="answers", exclusive=True, exit_on_error=False)

    def other_kind(self) -> None:
        """Wrong ones alone, or all."""
        self._wrong_only = not self._wrong_only

    def _in_thread(self, run_id: str, attempt: int, wrong_only: bool, width: int) -> None:
        answers = read_answers(self._home, run_id, attempt, wrong_only, width)
        if not get_current_worker().is_cancelled:
            self.post_message(self.Answered(answers))

    @on(Answered)
    def _show(self, event: Answered) -> None:
        event.stop()
        if self._row and self._row.run_id == event.answers.run_id:
            self.border_title = Content(f"examples · {shorten(self._row.name, 24)} · {event.answers.heading}")
            self.clear()
            self.write_lines(event.answers.lines, scroll_end=False)
