"""A row of a result with every value in full."""

from collections.abc import Iterator
from typing import Any, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.widgets.copying import copy_text
from tui.widgets.result_table import ResultTable
from workbench.report.numbers import ABSENT
from workbench.report.plain import visible

_MOST = 20_000  # characters of one value: more of it is in an export


class RowView(ModalScreen[None]):
    """Numbers have all their digits here."""

    CSS = """
    RowView { align: center middle; }
    RowView > VerticalScroll {
        width: 90%; max-width: 110; height: auto; max-height: 85%;
        border: round $accent; background: $surface; padding: 0 1;
        & Static { height: auto; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q", "dismiss", "Close", id="row.close", tooltip="Back to the result"),
        Binding("y", "copy", "Copy", id="row.copy", tooltip="Copy the row, a column on each line"),
    ]

    def __init__(self, table: ResultTable, row: int) -> None:
        super().__init__()
        self._table, self._row = table, row

    def compose(self) -> ComposeResult:
        with VerticalScroll() as box:
            box.border_title = Text(f"row {self._row + 1:,} of {len(self._table.rows):,}")
            yield Static(self._text(), markup=False)

    def _lines(self) -> Iterator[tuple[str, str]]:
        for heading, value in zip(self._table.headings, self._table.rows[self._row], strict=True):
            yield heading, _full(value)

    def _text(self) -> Text:
        width = max((len(heading) for heading in self._table.headings), default=0)
        text = Text()
        for heading, value in self._lines():
            text.append(f"{heading:<{min(width, 30)}}  ", style="dim").append(f"{value}\n")
        return text

    def action_copy(self) -> None:
        copy_text(self, "\n".join(f"{heading}\t{value}" for heading, value in self._lines()), "copied the row")


def _full(value: Any) -> str:
    if value is None:
        return ABSENT
    text = str(value)
    return visible(text[:_MOST]) + (f" … {len(text) - _MOST:,} more characters" if len(text) > _MOST else "")
