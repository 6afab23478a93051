"""What is tried again in a while, such as reading a store that is locked."""

from collections.abc import Callable
from functools import partial

from textual.timer import Timer
from textual.widget import Widget

SECONDS = 2.0


class Retries:
    """Each thing waits for itself alone, by its name."""

    def __init__(self, widget: Widget) -> None:
        self._widget = widget
        self._waiting: dict[str, Timer] = {}

    def later(self, name: str, what: Callable[[], None]) -> None:
        """Once more in a while, unless it is given up before."""
        if (waiting := self._waiting.pop(name, None)) is not None:
            waiting.stop()
        self._waiting[name] = self._widget.set_timer(SECONDS, partial(self._now, name, what))

    def give_up(self) -> bool:
        """Whether anything was waiting."""
        waiting, self._waiting = self._waiting, {}
        for timer in waiting.values():
            timer.stop()
        return bool(waiting)

    @property
    def are_waiting(self) -> bool:
        return bool(self._waiting)

    def _now(self, name: str, what: Callable[[], None]) -> None:
        self._waiting.pop(name, None)
        what()
