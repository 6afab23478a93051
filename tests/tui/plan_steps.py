"""What tests of the Plan screen do on it."""

from typing import Any

from textual.dom import DOMNode
from textual.pilot import Pilot
from textual.widgets import Input

from tui.plan.picker import Picker
from tui.plan.screen import PlanScreen
from tui.runs.screen import RunsScreen
from workbench.plan.plan import PlannedSite

Screen = Pilot[Any]


def plan_screen(pilot: Screen) -> PlanScreen:
    screen = next(screen for screen in pilot.app.screen_stack if isinstance(screen, PlanScreen))
    assert isinstance(screen, PlanScreen)
    return screen


def chosen_cells(pilot: Screen) -> set[tuple[int, int]]:
    return set(plan_screen(pilot).grid.chosen.cells)


def adapted(pilot: Screen) -> list[PlannedSite]:
    return list(plan_screen(pilot).draft.plan.adapted)


def toasts(pilot: Screen) -> list[str]:
    return [toast.message for toast in pilot.app._notifications]


async def pick(pilot: Screen, key: str, text: str) -> None:
    """Opens a dialog by its key, narrows it, and takes what is left on top."""
    await pilot.press(key)
    await settle(pilot)
    assert isinstance(pilot.app.screen, Picker)
    await answer(pilot, text)


async def answer(pilot: Screen, text: str) -> None:
    pilot.app.screen.query_one(Input).value = text
    await pilot.pause()
    await pilot.press("enter")
    await settle(pilot)


def _follows_runs(node: DOMNode) -> bool:
    return any(isinstance(above, RunsScreen) for above in node.ancestors_with_self)


async def settle(pilot: Screen) -> None:
    """What the Plan screen and its dialogs read is there; followers of other screens never end."""
    for _ in range(2):
        ending = [worker for worker in pilot.app.workers if not _follows_runs(worker.node)]
        if ending:
            await pilot.app.workers.wait_for_complete(ending)
        await pilot.pause()
