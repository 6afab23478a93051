"""The two threads behind the Runs screen: one tells the list, one reads logs. A store that is held stops no curve."""

import threading
from collections.abc import Callable
from functools import partial

from textual.widget import Widget
from textual.worker import get_current_worker

from tui.runs.feed import Batch, ListFeed, LogFeed, Watched
from tui.runs.messages import Fed, Unread
from workbench.errors import WorkbenchError
from workbench.run.layout import Home

LISTS, LOGS = "lists", "logs"
POLL_SECONDS = 0.2  # so that nothing is drawn more than five times a second
_RETRY_SECONDS = 5.0


class Follower:
    """Posts `Fed` and `Unread` to `widget`. Nothing is read while it is paused; the logs wait in their files."""

    def __init__(self, widget: Widget, home: Home) -> None:
        self._widget = widget
        self._lists, self._logs = ListFeed(home), LogFeed(home)
        self._wake = {LISTS: threading.Event(), LOGS: threading.Event()}
        self._is_shown = threading.Event()
        self._watched = Watched()

    @property
    def watched(self) -> Watched:
        return self._watched

    @property
    def is_paused(self) -> bool:
        return not self._is_shown.is_set()

    def start(self) -> None:
        self._is_shown.set()
        self._follow(LISTS)
        self._follow(LOGS)

    def pause(self) -> None:
        self._is_shown.clear()

    def go_on(self) -> None:
        self._is_shown.set()
        self.wake()

    def watch(self, watched: Watched) -> None:
        """Something else is looked at from now on."""
        self._watched = watched.after(self._watched)
        self.wake()

    def wake(self) -> None:
        """Reads now."""
        for event in self._wake.values():
            event.set()

    def list_now(self) -> None:
        """Tells the list now: something was asked of a run."""
        self._lists.list_now()
        self.wake()

    def failed(self, group: str) -> None:
        """A thread ended by an error nobody expected: it is started again in a while."""
        if group in self._wake:
            self._widget.set_timer(_RETRY_SECONDS, partial(self._follow, group))

    def _follow(self, group: str) -> None:
        read = self._lists.read if group == LISTS else self._logs.read
        work = partial(self._read, read, self._wake[group])
        self._widget.run_worker(work, thread=True, group=group, exclusive=True, exit_on_error=False)

    def _read(self, read: Callable[[Watched], Batch], wake: threading.Event) -> None:
        worker = get_current_worker()
        while not worker.is_cancelled:
            if self._is_shown.is_set():
                self._post_new(read)
            wake.wait(POLL_SECONDS)
            wake.clear()

    def _post_new(self, read: Callable[[Watched], Batch]) -> None:
        try:
            batch = read(self._watched)
        except (WorkbenchError, OSError) as error:
            self._widget.post_message(Unread(str(error)))
            return
        if not batch.is_empty:
            self._widget.post_message(Fed(batch))
