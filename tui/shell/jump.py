"""A letter over each pane that can have the focus; typing it goes there."""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen, Screen
from textual.widget import Widget
from textual.widgets import Static

_LETTERS = "asdghlqwertuiopzxcvbnm"  # without f, which opens them, and j and k, which move


class Jump(ModalScreen[Widget | None]):
    """Answers with the pane that was typed, None where it was left."""

    CSS = """
    Jump {
        background: $background 0%;
        & Static {
            position: absolute; width: auto; height: 1; padding: 0 1;
            background: $accent; color: $text; text-style: bold reverse;
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave", id="jump.leave", tooltip="Stay in the pane that has the focus"),
    ]

    def __init__(self, panes: Sequence[Widget]) -> None:
        super().__init__()
        self._panes = dict(zip(_labels(len(panes)), panes, strict=False))
        self._typed = ""

    def compose(self) -> ComposeResult:
        for label, pane in self._panes.items():
            shown = Static(f"[{label}]", markup=False)
            shown.styles.offset = (pane.region.x + min(2, pane.region.width // 2), pane.region.y)
            yield shown

    def on_key(self, event: events.Key) -> None:
        if event.key == "escape":
            return
        event.stop()
        self._typed += event.character or ""
        if self._typed in self._panes:
            self.dismiss(self._panes[self._typed])
        elif not any(label.startswith(self._typed) for label in self._panes):
            self.dismiss(None)

    def action_leave(self) -> None:
        self.dismiss(None)


def panes_of(screen: Screen[object]) -> list[Widget]:
    """Those in view that can have the focus."""
    return [widget for widget in screen.focus_chain if widget.region.overlaps(screen.region)]


def _labels(count: int) -> Iterator[str]:
    if count <= len(_LETTERS):
        yield from _LETTERS[:count]
    else:
        yield from map("".join, product(_LETTERS, repeat=2))
