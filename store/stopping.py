"""Ending a query from another thread."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from workbench.errors import WorkbenchError

if TYPE_CHECKING:
    from store.connection import Connection


class QueryStoppedError(WorkbenchError):
    """A query that was ended on purpose, before it had an answer."""


class Stop:
    """A handle on a query: `now` ends it, from any thread, whether it has begun or not.

    One that is between two statements goes on to its next and ends at the time limit at the latest; whoever asked need
    not wait for it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._asked = False

    @property
    def asked(self) -> bool:
        return self._asked

    def now(self) -> None:
        with self._lock:
            self._asked = True
            if self._connection is not None:
                self._connection.interrupt()

    def check(self) -> None:
        """Raises QueryStoppedError once the end was asked for."""
        if self._asked:
            raise QueryStoppedError("stopped before there was an answer")

    @contextmanager
    def over(self, connection: "Connection") -> Iterator[None]:
        """While this lasts `now` interrupts the connection. Raises QueryStoppedError where it was asked before."""
        with self._lock:
            self.check()
            self._connection = connection
        try:
            yield
        finally:
            with self._lock:
                self._connection = None
