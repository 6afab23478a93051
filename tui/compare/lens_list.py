"""The lenses by name: those of the program, then one's own."""

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from tui.compare.asking import LensEntry
from workbench.report.plain import shorten

_WIDEST = 22


class LensList(OptionList):
    """Says which lens is chosen, and which one the cursor is on."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "cursor_up", "Up", show=False, id="lenses.up", tooltip="The lens above"),
        Binding("down,j", "cursor_down", "Down", show=False, id="lenses.down", tooltip="The lens below"),
        Binding("g,home", "first", "First", show=False, id="lenses.first", tooltip="The first lens"),
        Binding("G,end", "last", "Last", show=False, id="lenses.last", tooltip="The last lens"),
        Binding(
            "enter", "select", "Run lens", show=False, id="lenses.run", tooltip="Put the lens into the editor; run it"
        ),
    ]

    class Chosen(Message):
        """A lens is to be run."""

        def __init__(self, lens: LensEntry) -> None:
            super().__init__()
            self.lens = lens

    class Looked(Message):
        """The cursor is on another lens."""

        def __init__(self, lens: LensEntry) -> None:
            super().__init__()
            self.lens = lens

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 (the name is Textual's)
        super().__init__(id=id, markup=False, compact=True)
        self._lenses: tuple[LensEntry, ...] = ()

    def show_lenses(self, lenses: Sequence[LensEntry]) -> None:
        """The cursor stays on the lens it was on."""
        if tuple(lenses) == self._lenses:
            return
        at = self._lenses[self.highlighted].name if self.highlighted is not None else None
        self._lenses = tuple(lenses)
        self.set_options([Option(_prompt(lens)) for lens in lenses])
        places = [i for i, lens in enumerate(lenses) if lens.name == at]
        self.highlighted = places[0] if places else (0 if lenses else None)

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.post_message(self.Chosen(self._lenses[event.option_index]))

    @on(OptionList.OptionHighlighted)
    def _highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        if event.option_index < len(self._lenses):
            self.post_message(self.Looked(self._lenses[event.option_index]))


def _prompt(lens: LensEntry) -> Text:
    """One's own lenses bear a plus, those that cannot be read a cross."""
    mark = "✗ " if lens.problem else "+ " if lens.own else "  "
    return Text(mark + shorten(lens.name, _WIDEST - 2), no_wrap=True)
