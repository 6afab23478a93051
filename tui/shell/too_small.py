"""What is said in a window that no screen fits into."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.screen import ModalScreen
from textual.widgets import Static

LEAST = Size(60, 18)


def is_too_small(size: Size) -> bool:
    return size.width < LEAST.width or size.height < LEAST.height


class TooSmall(ModalScreen[None]):
    """Hides all below it, and goes when the window has grown."""

    CSS = """
    TooSmall {
        align: center middle; background: $background;
        & Static { width: 1fr; height: auto; text-align: center; }
        & ToastRack { display: none; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,ctrl+q", "app.quit", "Quit", id="small.quit", tooltip="Leave; runs go on"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._gone = False

    def compose(self) -> ComposeResult:
        yield Static("", markup=False)

    def on_resize(self) -> None:
        self._look()

    def on_screen_resume(self) -> None:
        self._look()

    def _look(self) -> None:
        size = self.app.size
        if not is_too_small(size):
            if self.is_current and not self._gone:
                self._gone = True
                self.dismiss(None)
            return
        said = f"the window is too small: {size.width}x{size.height}, {LEAST.width}x{LEAST.height} needed"
        self.query_one(Static).update(said)
