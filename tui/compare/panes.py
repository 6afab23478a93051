"""Which panes of the Compare screen are seen, and which of them has the focus."""

from textual.screen import Screen

from tui.compare.answer_pane import AnswerPane
from tui.compare.editor import SqlEditor
from tui.compare.lens_list import LensList


class Panes:
    """States are classes of the screen; its style sheet says what they show."""

    def __init__(self, screen: Screen[None]) -> None:
        self._screen = screen

    def begin(self, wide: bool) -> None:
        """With the lenses, which on a narrow screen lie over the rest."""
        self._screen.set_class(not wide, "-drawer")
        self._screen.query_one(LensList).focus()

    def answered(self, charted: bool) -> None:
        """There is a result."""
        self._screen.add_class("-answered")
        self._screen.set_class(charted, "-charted")

    def edit(self) -> None:
        self._screen.remove_class("-zoomed", "-chart-alone", "-drawer")
        self._screen.add_class("-editing")
        self._screen.query_one(SqlEditor).focus()

    def chart(self) -> None:
        """The chart alone, or back to the rows."""
        self._screen.toggle_class("-chart-alone")
        self.focus_result()

    def show_chart(self) -> None:
        """Beside the rows where there is room, else alone."""
        self._screen.add_class("-charted")
        if not self._screen.has_class("-wide"):
            self._screen.add_class("-chart-alone")
            self.focus_result()

    def zoom(self) -> None:
        """The result alone, or all panes."""
        self._screen.toggle_class("-zoomed")
        self.focus_result()

    def drawer(self) -> None:
        """The lenses, or away from them."""
        self._screen.toggle_class("-drawer")
        if self._screen.has_class("-drawer") or self._screen.has_class("-wide"):
            self._screen.query_one(LensList).focus()
        else:
            self.focus_result()

    def close_drawer(self) -> bool:
        """Whether it was open."""
        is_open = self._screen.has_class("-drawer")
        if is_open:
            self.drawer()
        return is_open

    def back(self) -> None:
        """One level back."""
        if not self.close_drawer():
            self._screen.remove_class("-zoomed", "-chart-alone")
            self.focus_result()

    def focus_result(self) -> None:
        self._screen.remove_class("-editing")
        answer = self._screen.query_one(AnswerPane)
        if self._screen.has_class("-chart-alone"):
            answer.chart.focus()
        elif self._screen.has_class("-answered"):
            answer.grid.focus()
        elif self._screen.has_class("-wide"):
            self._screen.query_one(LensList).focus()
        else:
            self._screen.set_focus(None)
