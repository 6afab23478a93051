"""Who holds the store, for as long as somebody does."""

from textual.widgets import Static

from tui.compare.retries import SECONDS
from workbench.errors import LockedError
from workbench.report.plain import visible


class LockedBanner(Static):
    """Hidden while the store is free."""

    DEFAULT_CSS = """
    LockedBanner {
        height: 1; padding: 0 1; background: $warning; color: $text; display: none;
        &.-shown { display: block; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 (the name is Textual's)
        super().__init__("", id=id, markup=False)

    def show(self, locked: LockedError | None) -> None:
        """None where the store is free."""
        self.set_class(locked is not None, "-shown")
        if locked:
            self.update(f"{visible(locked.title)}. Trying again every {SECONDS:g} s; nothing is lost.")
