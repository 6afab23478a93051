"""Reads what there is to compare, in threads; not again when it was read a moment ago."""

import time

from textual.widget import Widget

from tui.compare import asking
from tui.compare.messages import Done, Looked
from tui.compare.said import error_text
from workbench.errors import LockedError, WorkbenchError
from workbench.run.layout import Home

_FRESH = 2.0  # seconds for which the names of tables, studies and metrics are taken as they were read


class ShelfReader:
    """Posts `Looked` to `widget`, and `Done` where something is wrong."""

    def __init__(self, widget: Widget, home: Home) -> None:
        self._widget, self._home = widget, home
        self._looked_at = float("-inf")
        self._is_looking = False

    @property
    def seconds(self) -> float:
        """How long it has been reading; 0 where it is not."""
        return time.monotonic() - self._looked_at if self._is_looking else 0

    def look(self) -> None:
        self._looked_at, self._is_looking = time.monotonic(), True
        self._widget.run_worker(self._in_thread, thread=True, group="look", exit_on_error=False)

    def look_if_old(self) -> None:
        if time.monotonic() - self._looked_at > _FRESH:
            self.look()

    def looked(self) -> None:
        """What was read has come."""
        self._is_looking = False

    def _in_thread(self) -> None:
        try:
            self._widget.post_message(Looked(asking.look(self._home)))
        except LockedError as error:
            self._widget.post_message(Looked(asking.only_lenses(self._home), error))
        except WorkbenchError as error:
            self._widget.post_message(Looked(asking.only_lenses(self._home)))
            self._widget.post_message(Done(error_text(error), problem=True))
