"""One query at a time, each with a number: what an earlier one still answers is not taken."""

import time
from collections.abc import Callable
from functools import partial

from textual.widget import Widget

from store.stopping import QueryStoppedError, Stop
from tui.compare import asking
from tui.compare.messages import Answered
from tui.compare.parameters import Values
from tui.compare.statements import Statement
from tui.shell.in_turn import Hold, LetGo
from workbench.errors import WorkbenchError
from workbench.run.layout import Home

GROUP = "ask"
SECONDS = 60.0


class QueryRunner:
    """Asks in threads of `widget` and posts `Answered` to it."""

    def __init__(self, widget: Widget, home: Home) -> None:
        self._widget, self._home = widget, home
        self._number, self._begun = 0, 0.0
        self._stop: Stop | None = None
        self._asked: tuple[Statement, Values, str | None] | None = None

    @property
    def running(self) -> bool:
        return self._stop is not None

    @property
    def seconds(self) -> float:
        """How long the query has been running."""
        return time.monotonic() - self._begun

    @property
    def asked(self) -> Statement | None:
        """The newest query."""
        return self._asked[0] if self._asked else None

    def run(self, statement: Statement, values: Values, pinned: str | None, hold: Hold | None = None) -> None:
        """Stops the query before it; keys that are held wait for the answer. `pinned` is a run of the baseline."""
        self.stop()
        self._asked = (statement, dict(values), pinned)
        self._number += 1
        self._stop, self._begun = Stop(), time.monotonic()
        ask = partial(asking.ask, self._home, statement.padded, dict(values), pinned, self._stop, SECONDS)
        work = partial(self._in_thread, self._number, ask, hold)
        self._widget.run_worker(work, thread=True, group=GROUP, exit_on_error=False)

    def again(self) -> None:
        """The newest query once more."""
        if self._asked is not None:
            self.run(*self._asked)

    def stop(self) -> bool:
        """Whether there was anything to stop; its answer is not taken."""
        stop, self._stop = self._stop, None
        if stop is not None:
            stop.now()
        return stop is not None

    def takes(self, answered: Answered) -> bool:
        """Whether this is the answer that was waited for; it is waited for no longer."""
        if answered.number != self._number or self._stop is None:
            return False
        self._stop = None
        return True

    def _in_thread(self, number: int, ask: Callable[[], asking.Answer], hold: Hold | None) -> None:
        try:
            self._widget.post_message(Answered(number, ask()))
        except QueryStoppedError:
            return  # whoever stopped it has said so
        except WorkbenchError as error:
            self._widget.post_message(Answered(number, error))
        finally:
            if hold:
                self._widget.post_message(LetGo(hold))
