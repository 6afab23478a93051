"""An error in a handler ends its message, and not the whole of what the widget hears from then on.

Textual ends a widget's loop of messages after the first error, as it ends the app. Here the app goes on, so must they.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, runtime_checkable

from textual import events
from textual.message import Message
from textual.message_pump import MessagePump
from textual.worker import Worker, WorkerState

from workbench.errors import WorkbenchError

Dispatch = Callable[[MessagePump, Message], Awaitable[None]]


@runtime_checkable
class Guarding(Protocol):
    """An app that is told of errors in place of being ended by them."""

    @property
    def goes_on(self) -> bool: ...

    def tell_error(self, error: Exception) -> None: ...


def install() -> None:
    """Once for the process; apps that do not guard are left alone."""
    if not hasattr(MessagePump._dispatch_message, "guards"):
        MessagePump._dispatch_message = _guarded(MessagePump._dispatch_message)  # type: ignore[method-assign]


def _guarded(dispatch: Dispatch) -> Any:
    async def guarded(pump: MessagePump, message: Message) -> None:
        try:
            await dispatch(pump, message)
        except Exception as error:
            # A widget that could not be made has no loop to save, and must be told to Textual as it is.
            if isinstance(message, events.Compose | events.Mount) or not _goes_on(pump):
                raise
            _tell(pump, error)
        if (failed := _failure(message)) and _goes_on(pump):
            _tell(pump, failed)

    guarded.guards = True  # type: ignore[attr-defined]
    return guarded


def _failure(message: Message) -> Exception | None:
    """What a worker failed of that tells nobody else of it, and that no screen can have expected."""
    if not isinstance(message, Worker.StateChanged) or message.state is not WorkerState.ERROR:
        return None
    worker = message.worker
    expected = worker.exit_on_error or isinstance(worker.error, WorkbenchError | OSError)
    return worker.error if isinstance(worker.error, Exception) and not expected else None


def _goes_on(pump: MessagePump) -> bool:
    app: object = pump.app
    return isinstance(app, Guarding) and app.goes_on


def _tell(pump: MessagePump, error: Exception) -> None:
    app: object = pump.app
    if isinstance(app, Guarding):
        app.tell_error(error)
