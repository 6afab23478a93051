"""The app: its screens as modes, keys that hold everywhere, and the way back out. It runs nothing itself."""

import asyncio
import gc
from functools import partial
from pathlib import Path
from typing import ClassVar

from textual import events, on
from textual.binding import Binding, BindingType
from textual.screen import Screen

from tui.left import left
from tui.opening import OpenPlan, OpenRuns, OpenSample, Pinned
from tui.screens import NAMES, import_screens, make_screen
from tui.shell.base import ShellApp
from tui.shell.near import NearCompositor
from tui.welcome.cover import Cover
from tui.welcome.lines import add_lines
from workbench.run.layout import Home
from workbench.sample.mark import is_sample

DEMO = "demo"
SAMPLE_LENS = "delta to baseline"
_BETWEEN = "between"


class WorkbenchApp(ShellApp):
    """`home` is the folder that all screens look at.

    `model` is what the Plan screen begins with; without one it is the plan that was left, or the demo.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("1", "show('plan')", "Plan", show=False, id="app.plan", tooltip="Compose a plan"),
        Binding("2", "show('runs')", "Runs", show=False, id="app.runs", tooltip="Watch runs"),
        Binding("3", "show('compare')", "Compare", show=False, id="app.compare", tooltip="Compare what was run"),
        Binding("4", "show('library')", "Library", show=False, id="app.library", tooltip="All that the home holds"),
        Binding("t", "sample", "Sample", show=False, id="app.sample", tooltip="Look at a finished sample study"),
        Binding("0", "own_home", "Own home", show=False, id="app.own_home", tooltip="Leave the sample study"),
    ]

    def __init__(self, home: Home, model: str = "", only_ascii: bool = False, begin_with_sample: bool = False) -> None:
        super().__init__(home, only_ascii)
        self._own = home
        self._begin_with_sample = begin_with_sample
        self._model = model
        self._pinned: str | None = None

    def import_screens(self) -> None:
        super().import_screens()
        import_screens()

    def get_default_screen(self) -> Screen[None]:
        return Cover(self.home, self._model or DEMO)

    async def on_mount(self) -> None:
        self.add_mode(_BETWEEN, Screen)
        self._add_modes()
        if not self.covers_first:
            await self._begin()

    @on(events.Ready)
    async def _painted(self) -> None:
        """The cover stands on the terminal."""
        if self.covers_first:
            try:
                await self._begin()
            finally:
                _collect_again()

    @property
    def covers_first(self) -> bool:
        """Whether something is painted before the first screen is read. Tests press keys on that screen at once."""
        return not self.is_headless

    async def _begin(self) -> None:
        """A key that was pressed meanwhile may have asked for another screen."""
        if isinstance(self.screen_stack[0], Cover):
            await self.action_show("plan")
            self.fit_to(self.size)
        if self._begin_with_sample:
            self.action_sample()

    def delay_update(self, delay: float = 0.05) -> None:
        """Textual holds paint back after a change of screens. What follows the cover is new, and whole once painted."""
        if not isinstance(self.screen, Cover):
            super().delay_update(delay)

    async def action_show(self, name: str) -> None:
        """Goes to a screen; each is made when it is first shown."""
        if name in NAMES:
            await self.switch_mode(name)
            if name == "compare":
                self._tell_baseline()
            await add_lines(self.screen_stack[0], self.home, self._own, greets=self._greets(name))

    def _greets(self, name: str) -> bool:
        """The welcome is about the demo: it is for who begins with it."""
        return name == "plan" and self._model in ("", DEMO) and left(self.home) is None

    @on(Pinned)
    def _pin(self, event: Pinned) -> None:
        self._pinned = event.run_id

    def _tell_baseline(self) -> None:
        from tui.compare.screen import CompareScreen

        if isinstance(self.screen_stack[0], CompareScreen):
            self.screen_stack[0].compare_with(self._pinned)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("sample", "own_home"):
            return is_sample(self.home) == (action == "own_home") and (action == "sample" or self.home != self._own)
        return super().check_action(action, parameters)

    def action_sample(self) -> None:
        self.post_message(OpenSample())

    @on(OpenSample)
    async def _open_sample(self) -> None:
        from tui.compare.screen import CompareScreen
        from workbench.sample.home import sample_home

        if not is_sample(self.home):
            await self._look_at(await asyncio.to_thread(sample_home), "compare")
            if isinstance(self.screen, CompareScreen):
                self.screen.begin_with(SAMPLE_LENS)

    async def action_own_home(self) -> None:
        await self._look_at(self._own, "plan")

    async def _look_at(self, home: Home, name: str) -> None:
        """Another home; the screens of the one before are closed, and what was typed there is in its files."""
        await self.switch_mode(_BETWEEN)
        self.home, self._pinned = home, None
        for each in NAMES:
            await self.remove_mode(each)
        self._add_modes()
        await self.action_show(name)

    def _add_modes(self) -> None:
        for name in NAMES:
            self.add_mode(name, partial(self._made, name))

    def _made(self, name: str) -> Screen[None]:
        screen = make_screen(name, self.home, self._model)
        # What is made now has the present theme; Textual would parse all styles anew, twice, to be sure of that.
        screen._css_update_count = self._css_update_count
        screen._compositor = NearCompositor()
        return screen

    @on(OpenRuns)
    async def _open_runs(self, event: OpenRuns) -> None:
        from tui.runs.screen import RunsScreen

        await self.action_show("runs")
        if isinstance(self.screen, RunsScreen):
            self.screen.show_only(event.run_ids)

    @on(OpenPlan)
    async def _open_plan(self, event: OpenPlan) -> None:
        await self.open_plan(event.path, event.text, event.name)

    async def open_plan(self, path: Path | None, text: str | None, name: str) -> None:
        """Goes to the Plan screen, and opens a plan file there, or a text that has no file yet."""
        from tui.plan.screen import PlanScreen

        await self.action_show("plan")
        screen = next(screen for screen in self.screen_stack if isinstance(screen, PlanScreen))
        screen.open_plan(path, text, name)

    async def action_quit(self) -> None:
        """Leaves, and says what goes on without the screens."""
        from workbench.run.at_work import runs_at_work

        live = sum(view.status.is_live for _, view in runs_at_work(self._own))
        text = f"{live} {'run keeps' if live == 1 else 'runs keep'} going; see: workbench runs watch"
        self.exit(message=text if live else None)


def _collect_again() -> None:
    """From now on garbage is looked for where that was put off; what is there by now stays until the end."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()


def run_app(home: Home, model: str = "", only_ascii: bool = False, sample: bool = False) -> int:
    """Runs the app until it is left; `sample` begins with the study that ships. Answers with an exit code."""
    app = WorkbenchApp(home, model, only_ascii, begin_with_sample=sample)
    app.run()
    return app.return_code or 0
