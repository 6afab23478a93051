"""Work that waits for a rest of the keys: what stands beside the map may be a moment behind it, the map may not."""

import asyncio
from collections.abc import Callable

from textual.dom import DOMNode

REST = 0.02  # seconds without a key
MOST = 0.1  # seconds after the first of many keys: while one is held down, all is brought up to date ten times a second


class Resting:
    """Does `work` once for all keys that came in a row. An error in it is the node's, as in a handler."""

    def __init__(self, node: DOMNode, work: Callable[[], None]) -> None:
        self._node, self._work = node, work
        self._timer: asyncio.TimerHandle | None = None
        self._first = 0.0

    def put_off(self) -> None:
        """A key has come that the work is to be done for."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        if self._timer is None:
            self._first = now
        else:
            self._timer.cancel()
        self._timer = loop.call_at(min(now + REST, self._first + MOST), self._rested)

    def _rested(self) -> None:
        self._timer = None
        self._node.call_later(self._work)
