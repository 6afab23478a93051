"""Work that may take a while: read in a thread, its answer taken up on the screen."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from textual.message import Message
from textual.widget import Widget
from textual.worker import get_current_worker

from tui.shell.held import hold_keys
from tui.shell.in_turn import LetGo
from workbench.errors import WorkbenchError

T = TypeVar("T")
Failed = Callable[[str], None]


class Ready(Message):
    """Something was read; `take` is to be called where widgets may be touched."""

    def __init__(self, take: Callable[[], None]) -> None:
        super().__init__()
        self.take = take


class Background:
    """Posts `Ready` to the widget: with the answer, or with what was wrong."""

    def __init__(self, widget: Widget, failed: Failed) -> None:
        self._widget, self._failed = widget, failed

    def read(self, group: str, read: Callable[[], T], take: Callable[[T], None], failed: Failed | None = None) -> None:
        """The newest of a group wins. Expected errors go to `failed`, in words."""
        self._start(group, partial(self._in_thread, read, take, failed or self._failed))

    def answer(
        self, group: str, read: Callable[[], T], take: Callable[[T], None], failed: Failed | None = None
    ) -> None:
        """As `read`, for a key: those that are typed behind it wait for the answer."""
        hold = hold_keys(self._widget)

        def work() -> None:
            try:
                self._in_thread(read, take, failed or self._failed)
            finally:
                self._widget.post_message(LetGo(hold))

        self._start(group, work)

    def _start(self, group: str, work: Callable[[], None]) -> None:
        self._widget.run_worker(work, thread=True, group=group, exclusive=True, exit_on_error=False)

    def _in_thread(self, read: Callable[[], T], take: Callable[[T], None], failed: Failed) -> None:
        try:
            answer = read()
            ready = Ready(partial(take, answer))
        except (WorkbenchError, OSError) as error:
            ready = Ready(partial(failed, said(error)))
        if not get_current_worker().is_cancelled:
            self._widget.post_message(ready)


def said(error: WorkbenchError | OSError) -> str:
    """What is wrong, the first places of it, and what to do."""
    if isinstance(error, OSError):
        return str(error)
    places = [f"{problem.where}: {problem.message}" for problem in error.problems[:3]]
    return "\n".join(filter(None, [error.title, *places, error.hint]))
