"""Files that the Compare screen writes, in threads: exports, and lenses that are kept."""

from collections.abc import Callable
from functools import partial

from textual.widget import Widget

from tui.compare import asking
from tui.compare.asking import Answer
from tui.compare.export import export
from tui.compare.messages import Done
from tui.compare.said import error_text
from workbench.errors import WorkbenchError
from workbench.run.layout import Home


class Writer:
    """Posts `Done` to `widget`."""

    def __init__(self, widget: Widget, home: Home) -> None:
        self._widget, self._home = widget, home

    def export(self, answer: Answer, path: str) -> None:
        self._start(partial(export, answer, path))

    def save_lens(self, name: str, text: str) -> None:
        self._start(partial(asking.save, self._home, name, text))

    def _start(self, write: Callable[[], str]) -> None:
        work = partial(self._in_thread, write)
        self._widget.run_worker(work, thread=True, group="write", exit_on_error=False)

    def _in_thread(self, write: Callable[[], str]) -> None:
        try:
            self._widget.post_message(Done(write(), problem=False))
        except WorkbenchError as error:
            self._widget.post_message(Done(error_text(error), problem=True))
