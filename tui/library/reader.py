"""Reads lists and previews, in threads: names of files at once, runs after them, previews when they are looked at."""

import threading
from functools import partial

from textual.widget import Widget

from tui.library.book import Book
from tui.library.messages import FilesRead, Previewed, RunsRead, Unread
from tui.library.preview import Preview
from tui.library.run_rows import RunReader, Runs
from workbench.errors import WorkbenchError
from workbench.library.entry import Entry, file_entries
from workbench.run.layout import Home


class Reader:
    """Posts `FilesRead`, `RunsRead`, `Previewed` and `Unread` to `widget`."""

    def __init__(self, widget: Widget, home: Home, model: str) -> None:
        self._widget, self._home = widget, home
        self._runs, self._book = RunReader(home), Book(home, model)
        self._listing, self._making, self._completing = threading.Lock(), threading.Lock(), threading.Lock()
        self._wanted: Entry | None = None

    def read(self) -> None:
        """Lists everything."""
        self._widget.run_worker(self._list, thread=True, group="list", exclusive=True, exit_on_error=False)

    def end(self) -> None:
        """Leaving waits for no verdict."""
        self._book.verdicts.end()

    def look(self, entry: Entry, runs: Runs) -> Preview | None:
        """The preview that is at hand; what is missing of it is read, and posted."""
        self._wanted = entry
        kept = self._book.kept(entry, runs)
        if kept is None or kept.more_to_come:
            work = partial(self._make, entry, runs)
            self._widget.run_worker(work, thread=True, group="preview", exclusive=True, exit_on_error=False)
        return kept

    def _list(self) -> None:
        with self._listing:
            try:
                self._widget.post_message(FilesRead(file_entries(self._home)))
                self._widget.post_message(RunsRead(self._runs.read()))
            except (WorkbenchError, OSError) as error:
                self._widget.post_message(Unread(str(error)))

    def _make(self, entry: Entry, runs: Runs) -> None:
        """One at a time: what is not looked at any more when its turn comes is left."""
        with self._making:
            if self._wanted != entry:
                return
            made = self._book.kept(entry, runs) or self._book.preview(entry, runs)
            self._widget.post_message(Previewed(entry, made))
        if made.more_to_come:
            self._complete(entry, runs, made)

    def _complete(self, entry: Entry, runs: Runs, begun: Preview) -> None:
        """What takes long holds up no other preview."""
        with self._completing:
            if self._wanted == entry and (kept := self._book.kept(entry, runs)) and kept.more_to_come:
                self._widget.post_message(Previewed(entry, self._book.complete(entry, runs, begun)))
