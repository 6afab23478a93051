"""Keys of what has the focus, over the screen they belong to."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import ClassVar

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.dom import DOMNode
from textual.screen import ModalScreen, Screen
from textual.widget import Widget
from textual.widgets import Static

from tui.shell.registry import Action, is_of_app
from tui.widgets.key_line import KeyLine

_WIDEST_KEYS = 18


class KeyHelp(ModalScreen[None]):
    """The actions are told by the screen below, as its focus would be lost here; their identifiers are for keymaps."""

    CSS = """
    KeyHelp {
        align: center middle;
        & VerticalScroll {
            width: 95%; max-width: 100; height: 90%; border: round $accent; padding: 0 1; background: $surface;
        }
        & Static { height: auto; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark", "leave", "Close", id="help.close", tooltip="Back to the screen"),
        Binding("down,j", "down", "Down", show=False, id="help.down", tooltip="A line down"),
        Binding("up,k", "up", "Up", show=False, id="help.up", tooltip="A line up"),
    ]

    def __init__(self, actions: Sequence[Action]) -> None:
        super().__init__()
        self._actions = tuple(actions)

    def compose(self) -> ComposeResult:
        with VerticalScroll() as box:
            box.border_title = "Keys of what has the focus"
            yield Static(Content.assemble(*_lines(self._actions)))
        yield KeyLine()

    def action_leave(self) -> None:
        self.dismiss(None)

    def action_down(self) -> None:
        self.query_one(VerticalScroll).scroll_down(animate=False)

    def action_up(self) -> None:
        self.query_one(VerticalScroll).scroll_up(animate=False)


def _lines(actions: Sequence[Action]) -> Iterator[tuple[str, str] | str]:
    keys = [" ".join(action.keys) for action in actions]
    room = min(_WIDEST_KEYS, max(map(cell_len, keys), default=0))
    for number, (node, group) in enumerate(groupby(actions, key=lambda action: action.node)):
        yield ("\n" * bool(number) + _named(node) + "\n", "bold underline")
        for action in group:
            shown = " ".join(action.keys)
            yield (" " * max(0, room - cell_len(shown)) + shown, "bold $accent")
            yield f"  {_told(action)}"
            yield (f"  {action.id}\n" if "." in action.id else "\n", "dim")


def _told(action: Action) -> str:
    return f"{action.label}: {action.tooltip}" if action.tooltip else action.label


def _named(node: DOMNode) -> str:
    if isinstance(node, Screen):
        return f"The {type(node).__name__.removesuffix('Screen')} screen"
    if isinstance(node, Widget):
        title = node.border_title or type(node).__name__
        return str(title)
    return "Everywhere"


def in_order(actions: Sequence[Action]) -> tuple[Action, ...]:
    """Those of the app come last, whatever takes precedence among keys."""
    return (*(one for one in actions if not is_of_app(one)), *(one for one in actions if is_of_app(one)))
