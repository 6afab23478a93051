"""What the Plan screen does with the answers of its dialogs."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from tui.plan.desk import Desk, open_left, open_model, open_plan
from tui.plan.devices import Device
from workbench.errors import WorkbenchError
from workbench.plan.plan import Plan
from workbench.report.plain import shorten

if TYPE_CHECKING:
    from tui.plan.measured import Measured
    from tui.plan.screen import PlanScreen

OPEN = "open"  # the group of what is read to be shown instead of the draft
T = TypeVar("T")


class Answered:
    """See `tui.plan.dialogs.Answers`."""

    def __init__(self, screen: "PlanScreen") -> None:
        self._screen = screen

    def open_model(self, model: str) -> None:
        """Reads the map of the model in a thread; where there is none, the picker says why."""
        home = self._screen.desk.home

        def read() -> Desk | str:
            try:
                return open_model(home, model)
            except WorkbenchError as error:
                return f"{error.title}; {error.hint}".strip("; ")

        def take(found: Desk | str) -> None:
            if isinstance(found, Desk):
                self._screen.show_desk(found)
                return
            self.refuse(found)
            self._screen.dialogs.model(f"Choose another model; cannot be had: {shorten(model, 36)}")

        self._open(model, read, take)

    def open_file(self, path: Path) -> None:
        self.open_plan(path, None, path.stem)

    def open_left(self, path: Path) -> None:
        home = self._screen.desk.home
        self._open(path.stem, lambda: open_left(home, path), self._screen.show_desk)

    def open_plan(self, path: Path | None, text: str | None, name: str) -> None:
        home = self._screen.desk.home
        self._open(name, lambda: open_plan(home, path, text, name), self._screen.show_desk)

    def _open(self, what: str, read: Callable[[], T], take: Callable[[T], None]) -> None:
        """The heading says that it is read, for as long as it is."""
        over = partial(self._screen.view.show_opening, "")

        def taken(found: T) -> None:
            over()
            take(found)

        def failed(why: str) -> None:
            over()
            self.refuse(why)

        self._screen.view.show_opening(what)
        self._screen.background.answer(OPEN, read, taken, failed)

    def fit_to(self, device: Device) -> None:
        self._screen.view.fit_to(device)

    def paint_measured(self, found: "Measured") -> None:
        self._screen.view.paint_measured(found)

    def compare_with(self, plan: Plan) -> None:
        self._screen.change(lambda: self._screen.view.compare(plan))

    def lay_pattern(self, name: str) -> None:
        self._screen.change(lambda: self._screen.edits.pattern(name))

    def lay_top(self, found: "Measured", share: float) -> None:
        self._screen.change(lambda: self._screen.edits.top(found, share))
        self.paint_measured(found)

    def refuse(self, text: str) -> None:
        self._screen.refuse(text)
