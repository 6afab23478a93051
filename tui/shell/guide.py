"""The guide: five pages, in package data."""

from importlib import resources
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Markdown

from tui.widgets.key_line import KeyLine

PAGES = ("first-run", "selecting", "launching", "comparing", "keys-and-terminals")


def page_text(number: int) -> str:
    """The Markdown of a page, from 0."""
    return (resources.files("tui.shell") / "guide_pages" / f"{PAGES[number]}.md").read_text(encoding="utf-8")


class Guide(ModalScreen[None]):
    """Opens at the first page."""

    CSS = """
    Guide {
        align: center middle;
        & VerticalScroll {
            width: 95%; max-width: 90; height: 95%; border: round $accent; padding: 0 1; background: $surface;
        }
        & Markdown { background: $surface; margin: 0; padding: 0; }
        & MarkdownH1 { margin: 0 0 1 0; content-align: left middle; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right,l,space", "turn(1)", "Next", id="guide.next", tooltip="The next page"),
        Binding("left,h", "turn(-1)", "Before", id="guide.before", tooltip="The page before"),
        Binding("down,j", "scroll(1)", "Down", show=False, id="guide.down", tooltip="A line down"),
        Binding("up,k", "scroll(-1)", "Up", show=False, id="guide.up", tooltip="A line up"),
        Binding("escape,q,f1", "leave", "Close", id="guide.close", tooltip="Back to the screen"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._number = 0

    def compose(self) -> ComposeResult:
        with VerticalScroll(can_focus=False):
            yield Markdown(page_text(0), open_links=False)
        yield KeyLine()

    def on_mount(self) -> None:
        self._title()

    async def action_turn(self, by: int) -> None:
        number = min(max(self._number + by, 0), len(PAGES) - 1)
        if number != self._number:
            self._number = number
            self._title()
            await self.query_one(Markdown).update(page_text(number))
            self.query_one(VerticalScroll).scroll_home(animate=False)

    def action_scroll(self, by: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=by, animate=False)

    def action_leave(self) -> None:
        self.dismiss(None)

    def _title(self) -> None:
        self.query_one(VerticalScroll).border_title = f"Guide, page {self._number + 1} of {len(PAGES)}"
