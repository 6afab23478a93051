"""The app: its screens as modes, keys that hold everywhere, and the way back out. It runs nothing itself."""

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import App
from textual.binding import Binding, BindingType
from textual.screen import Screen

from tui.compare.screen import CompareScreen
from tui.opening import OpenPlan, OpenRuns
from tui.plan.screen import PlanScreen
from tui.runs.screen import RunsScreen
from workbench.run.at_work import runs_at_work
from workbench.run.layout import Home

DEMO = "demo"


class WorkbenchApp(App[None]):
    """`home` is the folder that all screens look at; `model` is what the Plan screen begins with."""

    TITLE = "adapter workbench"
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("1", "show('plan')", "Plan", show=False, id="app.plan", tooltip="Compose a plan"),
        Binding("2", "show('runs')", "Runs", show=False, id="app.runs", tooltip="Watch runs"),
        Binding("3", "show('compare')", "Compare", show=False, id="app.compare", tooltip="Compare what was run"),
        Binding("question_mark", "show_help_panel", "Keys", id="app.keys", tooltip="Keys of what has the focus"),
        Binding("q,ctrl+q", "quit", "Quit", show=False, id="app.quit", tooltip="Leave; runs go on"),
    ]

    def __init__(self, home: Home, model: str = DEMO) -> None:
        super().__init__()
        self.home = home
        self._makers: dict[str, Callable[[], Screen[None]]] = {
            "plan": lambda: PlanScreen(home, model),
            "runs": lambda: RunsScreen(home),
            "compare": lambda: CompareScreen(home),
        }

    def on_mount(self) -> None:
        for name, make in self._makers.items():
            self.add_mode(name, make)
        self.switch_mode("plan")

    def action_show(self, name: str) -> None:
        """Goes to a screen; each is made when it is first shown."""
        if name in self._makers:
            self.switch_mode(name)

    @on(OpenRuns)
    async def _open_runs(self, event: OpenRuns) -> None:
        await self.switch_mode("runs")
        if isinstance(self.screen, RunsScreen):
            self.screen.show_only(event.run_ids)

    @on(OpenPlan)
    async def _open_plan(self, event: OpenPlan) -> None:
        await self.open_plan(event.path, event.text, event.name)

    async def open_plan(self, path: Path | None, text: str | None, name: str) -> None:
        """Goes to the Plan screen, and opens a plan file there, or a text that has no file yet."""
        await self.switch_mode("plan")
        screen = next(screen for screen in self.screen_stack if isinstance(screen, PlanScreen))
        screen.open_plan(path, text, name)

    async def action_quit(self) -> None:
        """Leaves, and says what goes on without the screens."""
        live = sum(view.status.is_live for _, view in runs_at_work(self.home))
        text = f"{live} {'run keeps' if live == 1 else 'runs keep'} going; see: workbench runs watch"
        self.exit(message=text if live else None)


def run_app(home: Home, model: str = DEMO) -> None:
    """Runs the app until it is left."""
    WorkbenchApp(home, model).run()
