"""Keys in turn: each goes where the focus is once the key before it has done all that it does.

Textual hands a key to whatever has the focus as it comes. Keys that come in one burst, as over a slow line, would all
go to the pane that had it before the first: what is typed behind `:` would be taken for keys of the map.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from time import monotonic

from textual import events
from textual.app import App
from textual.message import Message

NEAR = 0.05  # seconds; a key that comes later finds the one before it done
_ROUNDS = 3  # an input's own message, that of the line around it, and what the screen does then
_PATIENCE = 0.5  # seconds, for a pane that was closed under what was sent to it
Typed = events.Key | events.Paste


class Passed(Message):
    """Sent behind a key, by the same way: where it comes back, all before it was heard."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


class InTurn:
    """Holds back what is typed while what was typed before is under way."""

    def __init__(self, app: App[None], hand_on: Callable[[Typed], Awaitable[None]]) -> None:
        self._app, self._hand_on = app, hand_on
        self._held: deque[Typed] = deque()
        self._handed_at = float("-inf")
        self._round, self._left = 0, 0
        self._late: asyncio.TimerHandle | None = None

    async def take(self, event: Typed) -> None:
        """Hands it on now, or behind those that are held."""
        if not self._held and monotonic() - self._handed_at >= NEAR:
            await self._hand(event)
            return
        self._held.append(event)
        if len(self._held) == 1:
            self._begin()

    async def passed(self, event: Passed) -> None:
        """What was sent last has come back, or is given up."""
        if event.number != self._round or not self._held or not self._app.is_running:
            return
        self._left -= 1
        if self._left > 0:
            self._send()
            return
        self._stop_waiting()
        await self._hand(self._held.popleft())
        if self._held:
            self._begin()

    async def _hand(self, event: Typed) -> None:
        self._handed_at = monotonic()
        await self._hand_on(event)

    def _begin(self) -> None:
        self._left = _ROUNDS
        self._late = asyncio.get_running_loop().call_later(_PATIENCE, self._give_up)
        self._send()

    def _send(self) -> None:
        self._round += 1
        (self._app.focused or self._app.screen).post_message(Passed(self._round))

    def _give_up(self) -> None:
        self._left = 0
        self._app.post_message(Passed(self._round))

    def _stop_waiting(self) -> None:
        if self._late is not None:
            self._late.cancel()
