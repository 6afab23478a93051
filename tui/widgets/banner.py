"""Who holds the store, for as long as somebody does."""

from textual.widgets import Static

from workbench.errors import LockedError
from workbench.report.plain import shorten

_HOLDER = 72  # cells: its command may be long, and what is done about it is to be read, too


class LockedBanner(Static):
    """Hidden while the store is free; `seconds` is how often it is tried again, `goes_on` what needs no store."""

    DEFAULT_CSS = """
    LockedBanner {
        height: auto; max-height: 2; padding: 0 1; background: $warning; color: $text; display: none;
        &.-shown { display: block; }
    }
    """

    def __init__(self, seconds: float, goes_on: str = "nothing is lost", *, id: str | None = None) -> None:  # noqa: A002 (the name is Textual's)
        super().__init__("", id=id, markup=False)
        self._seconds, self._goes_on = seconds, goes_on

    def show(self, locked: LockedError | None, seconds: float | None = None) -> None:
        """None where the store is free; `seconds` where it is tried again after others than usual."""
        self.set_class(locked is not None, "-shown")
        if locked:
            self.update(
                f"{shorten(locked.title, _HOLDER)}. Trying again every {seconds or self._seconds:g} s; {self._goes_on}."
            )
