"""Writes the plan file and launches runs of it, after asking; says what came of it."""

from typing import TYPE_CHECKING

from textual.message import Message

from tui.plan.background import said
from tui.plan.desk import open_plan
from workbench.errors import WorkbenchError
from workbench.report.plain import visible
from workbench.sample.mark import require_own

if TYPE_CHECKING:
    from tui.plan.launch import Launched, Wish
    from tui.plan.screen import PlanScreen

_MOST = 600


class WasLaunched(Message):
    """The command that launches has ended."""

    def __init__(self, launched: "Launched") -> None:
        super().__init__()
        self.launched = launched


class Launcher:
    """What the keys `w` and `R` do. Posts `WasLaunched` to the screen."""

    def __init__(self, screen: "PlanScreen") -> None:
        self._screen = screen

    def save(self) -> None:
        self._screen.file_watch.before_writing(self._save)

    def _save(self) -> None:
        if self._write():
            self._screen.notify(f"wrote {visible(str(self._screen.draft.path))}", markup=False)

    def save_as(self, name: str) -> None:
        """Writes the draft as another plan and goes on with that; the plan before stays as it is."""
        from workbench.library.copies import named_text
        from workbench.library.entry import Kind

        before = self._screen.desk
        try:
            require_own(before.home)
            desk = open_plan(before.home, None, named_text(Kind.PLAN, before.draft.text, name), name)
            desk.write()
        except WorkbenchError as error:
            self._screen.refuse(said(error))
        except OSError as error:
            self._screen.refuse(f"the plan file cannot be written: {error}")
        else:
            self._screen.show_desk(desk)
            self._screen.notify(f"wrote {visible(str(desk.draft.path))}", markup=False)

    def ask(self) -> None:
        """Asks for seeds and recipe. An invalid plan cannot be run."""
        if self._screen.draft.errors:
            self._screen.refuse("the plan has errors: see beside the map")
            return
        self._screen.file_watch.before_writing(self._ask)

    def _ask(self) -> None:
        from tui.plan.run_dialog import PlanRunDialog

        if self._write():
            desk = self._screen.desk
            self._screen.app.push_screen(PlanRunDialog(desk.home, desk.draft), self._launch)

    def _write(self) -> bool:
        try:
            require_own(self._screen.desk.home)
            self._screen.desk.write()
        except WorkbenchError as error:
            self._screen.refuse(said(error))
            return False
        except OSError as error:
            self._screen.refuse(f"the plan file cannot be written: {error}")
            return False
        self._screen.view.show_heading()
        return True

    def _launch(self, wish: "Wish | None") -> None:
        if wish is not None:
            self._screen.notify("putting the runs into the queue …", markup=False)
            self._screen.run_worker(lambda: self._in_thread(wish), thread=True, group="launch", exit_on_error=False)

    def _in_thread(self, wish: "Wish") -> None:
        from tui.plan.launch import launch

        self._screen.post_message(WasLaunched(launch(self._screen.desk.home.path, wish)))

    def say(self, done: "Launched") -> None:
        if done.code == 0:
            self._screen.notify("queued; 2 shows the runs", markup=False)
            return
        told = visible(done.said[-_MOST:])
        self._screen.notify(told, title="not launched", severity="error", markup=False, timeout=20)
