"""One of several things, or something typed: a list that narrows as it is written above it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len
from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static

from tui.shell.held import hold_keys
from tui.shell.in_turn import HELD, Hold, LetGo
from tui.widgets.key_line import KeyLine
from workbench.report.plain import shorten, visible

_WIDTH = 76
_MOST = 300  # options shown at once
_TYPED = 2000


@dataclass(frozen=True, slots=True)
class Choice:
    """`value` is the answer; `text` and, dimmer, `note` are shown."""

    value: str
    text: str
    note: str = ""

    def has(self, words: Sequence[str]) -> bool:
        shown = f"{self.text} {self.note}".lower()
        return all(word in shown for word in words)


class Picker(ModalScreen[str | None]):
    """Answers with a choice's value, with what was typed where `free` says what that may be, or with None."""

    CSS = """
    Picker {
        align: center middle;
        & Vertical { width: 82; max-width: 95%; height: auto; max-height: 85%; border: round $accent; padding: 0 1; }
        & Vertical { background: $surface; }
        & OptionList { height: auto; max-height: 20; border: none; padding: 0; }
        & Static { height: auto; color: $text-muted; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Back", id="pick.back", tooltip="Back, nothing is chosen")
    ]

    def __init__(
        self,
        title: str,
        choices: Sequence[Choice],
        free: str = "",
        empty: str = "nothing to choose",
        reading: str = "",
    ) -> None:
        """`reading` says what `fill` will give, behind the choices that are known."""
        super().__init__()
        self._title, self._choices, self._free, self._empty = title, tuple(choices), free, empty
        self._reading, self._problem = reading, ""
        self._hold: Hold | None = None
        self._shown: tuple[Choice, ...] = ()

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = Text(visible(self._title))
            yield Input(placeholder=self._free or "type to narrow", compact=True, max_length=_TYPED, id="pick")
            yield OptionList(id="pick-list", markup=False)
            yield Static("", id="pick-says", markup=False)
        yield KeyLine()

    def on_mount(self) -> None:
        self.query_one(Input).focus()
        self._narrow("")

    def on_unmount(self) -> None:
        self._let_go()

    def fill(self, choices: Sequence[Choice], problem: str = "") -> None:
        """The rest of the choices, or why there is none. What was entered meanwhile is chosen now."""
        self._reading, self._problem = "", problem
        self._choices = (*self._choices, *choices)
        if not self.is_mounted or self not in self.app.screen_stack:
            return  # not there yet, or left already and on its way out
        self._narrow(self.query_one(Input).value)
        if self._hold:
            self._enter()
            self._let_go()

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        self._let_go()
        self._narrow(event.value)

    @on(Input.Submitted)
    def _entered(self) -> None:
        self._enter()

    def _enter(self) -> None:
        """What fits first; where nothing does and more is to come, the keys wait with this one."""
        listed, text = self.query_one(OptionList), self.query_one(Input).value.strip()
        if self._shown and listed.highlighted is not None:
            self.dismiss(self._shown[listed.highlighted].value)
        elif self._reading:
            self._hold = self._hold or hold_keys(self, HELD)
        elif self._free and text:
            self.dismiss(text)

    def _let_go(self) -> None:
        hold, self._hold = self._hold, None
        if hold:
            self.app.post_message(LetGo(hold))

    @on(OptionList.OptionSelected)
    def _picked(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._shown[event.option_index].value)

    def on_key(self, event: events.Key) -> None:
        """Up and down go through the list while the line has the focus."""
        listed = self.query_one(OptionList)
        moves: dict[str, Callable[[], None]] = {
            "up": listed.action_cursor_up,
            "down": listed.action_cursor_down,
            "pageup": listed.action_page_up,
            "pagedown": listed.action_page_down,
        }
        if event.key in moves and self.focused is self.query_one(Input):
            event.stop()
            moves[event.key]()

    def action_leave(self) -> None:
        self.dismiss(None)

    def _narrow(self, text: str) -> None:
        fitting = [choice for choice in self._choices if choice.has(text.lower().split())]
        before, self._shown = self._shown, tuple(fitting[:_MOST])
        listed = self.query_one(OptionList)
        place = listed.highlighted or 0
        listed.clear_options()
        listed.add_options([_line(choice) for choice in self._shown])
        stays = before and self._shown[: len(before)] == before
        listed.highlighted = (place if stays else 0) if self._shown else None
        self.query_one(Static).update(self._says(len(fitting), text))

    def _says(self, fitting: int, text: str) -> str:
        if self._reading or self._problem:
            return self._reading or visible(self._problem)
        if not self._choices:
            return self._empty
        if not fitting:
            return f"enter takes what is written: {self._free}" if self._free and text.strip() else "none fits"
        return f"{len(self._shown)} of {fitting}: write more of it" if fitting > len(self._shown) else ""


def _line(choice: Choice) -> Text:
    """One line of the list, cut in the middle: names of runs often differ at their ends."""
    note = shorten(choice.note, _WIDTH // 2) if choice.note else ""
    text = Text(shorten(choice.text, _WIDTH - cell_len(note) - 2))
    return text.append(f"  {note}", style="dim") if note else text
