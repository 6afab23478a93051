"""Keys in turn: each goes where the focus is once the key before it has done all that it does.

Textual hands a key to whatever has the focus as it comes. Keys that come in one burst, as over a slow line, would all
go to the pane that had it before the first: what is typed behind `:` would be taken for keys of the map. What a key
has a thread read is part of what it does: whoever starts one holds the keys until `LetGo`.
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
_TICK, _PATIENCE = 0.05, 10  # seconds, and how many of these, for a pane that was closed under what was sent to it
HELD = 3.0  # seconds that keys wait for what a thread reads; what takes longer is worked beside
Typed = events.Key | events.Paste


class Passed(Message):
    """Sent behind a key, by the same way: where it comes back, all before it was heard."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


class Hold:
    """Keys wait for its end."""


class LetGo(Message):
    """What keys were held for is done. Sent behind what it led to, from a thread or not."""

    def __init__(self, hold: Hold) -> None:
        super().__init__()
        self.hold = hold


class InTurn:
    """Holds back what is typed while what was typed before is under way."""

    def __init__(self, app: App[None], hand_on: Callable[[Typed], Awaitable[None]]) -> None:
        self._app, self._hand_on = app, hand_on
        self._held: deque[Typed] = deque()
        self._handed_at = float("-inf")
        self._round, self._left = 0, 0
        self._late: asyncio.TimerHandle | None = None
        self._holds: set[Hold] = set()
        self._came_at = float("-inf")

    async def take(self, event: Typed) -> None:
        """Hands it on now, or behind those that are held."""
        near, self._came_at = monotonic() - self._came_at < NEAR, monotonic()
        if not near and isinstance(event, events.Key) and event.key == "escape":
            self._end_holds()  # whoever waits may stop waiting
        if not self._held and not self._holds and monotonic() - self._handed_at >= NEAR:
            await self._hand(event)
            return
        self._held.append(event)
        if len(self._held) == 1 and not self._holds:
            self._begin()

    def hold(self, seconds: float) -> Hold:
        """What is typed from now on waits for `let_go`, but no longer than that."""
        hold = Hold()
        self._holds.add(hold)
        asyncio.get_running_loop().call_later(seconds, self.let_go, hold)
        return hold

    def let_go(self, hold: Hold) -> None:
        """Goes on with what is held, once nothing else is waited for."""
        if hold in self._holds:
            self._holds.remove(hold)
            self._go_on()

    def _end_holds(self) -> None:
        if self._holds:
            self._holds.clear()
            self._go_on()

    def _go_on(self) -> None:
        if self._held and not self._holds and self._app.is_running:
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
        if not self._holds:
            await self._hand(self._held.popleft())
            self._go_on()

    async def _hand(self, event: Typed) -> None:
        self._handed_at = monotonic()
        if self._app.screen_stack:  # there is none once the program is being left
            await self._hand_on(event)

    def _begin(self) -> None:
        self._stop_waiting()
        self._left = _ROUNDS
        self._be_patient(_PATIENCE)
        self._send()

    def _be_patient(self, ticks: int) -> None:
        """What keeps the program busy for seconds, as an import does, costs one tick: no pane had its turn then."""
        if ticks:
            self._late = asyncio.get_running_loop().call_later(_TICK, self._be_patient, ticks - 1)
        else:
            self._give_up()

    def _send(self) -> None:
        self._round += 1
        (self._app.focused or self._app.screen).post_message(Passed(self._round))

    def _give_up(self) -> None:
        self._left = 0
        self._app.post_message(Passed(self._round))

    def _stop_waiting(self) -> None:
        if self._late is not None:
            self._late.cancel()
