"""The plan file while its draft is open: what others change in it is offered, and never written over unasked."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from tui.plan.changed_dialog import Answer, ChangedDialog

if TYPE_CHECKING:
    from tui.plan.screen import PlanScreen


class FileWatch:
    """Asks once for every text that the file comes to have."""

    def __init__(self, screen: "PlanScreen") -> None:
        self._screen = screen
        self._asked: str | None = None

    def look(self) -> None:
        """Asks what to do about a change, while nothing else is being asked or written."""
        screen = self._screen
        if not screen.is_current or screen.is_writing:
            return
        outside = screen.desk.outside()
        if outside is not None and outside != self._asked:
            self._ask(outside, screen.action_save)

    def before_writing(self, write: Callable[[], object]) -> None:
        """Writes where nobody else has changed the file, or where the person says so."""
        outside = self._screen.desk.outside()
        if outside is None:
            write()
        else:
            self._ask(outside, write)

    def _ask(self, outside: str, write: Callable[[], object]) -> None:
        desk, self._asked = self._screen.desk, outside

        def done(answer: Answer | None) -> None:
            if answer is Answer.RELOAD:
                self._screen.change(lambda: desk.reload(outside))
            elif answer is Answer.WRITE:
                desk.keep(outside)
                write()
            else:
                desk.stay()
                self._screen.view.show_heading()

        dialog = ChangedDialog(desk.draft.path, desk.draft.text, outside)
        self._screen.app.push_screen(dialog, done)
