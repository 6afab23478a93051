"""What stands on the screen while the first one is read: the name, the home, and the frame that the map will fill."""

from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Static

from workbench.report.plain import visible
from workbench.run.layout import Home


class Cover(Screen[None]):
    """Painted before anything else is imported: a program that shows nothing seems not to have started."""

    DEFAULT_CSS = """
    Cover {
        & #cover-title { height: 1; padding: 0 1; background: $panel; text-wrap: nowrap; text-overflow: ellipsis; }
        & #cover-frame { height: 1fr; border: round $accent; padding: 0 1; color: $text-muted; }
    }
    """

    def __init__(self, home: Home, model: str) -> None:
        super().__init__()
        self._title = f"adapter workbench   {visible(str(home.path))}"
        self._said = f"reading the draft for {visible(model)} …"

    def compose(self) -> ComposeResult:
        yield Static(self._title, id="cover-title", markup=False)
        yield Static(self._said, id="cover-frame", markup=False)
