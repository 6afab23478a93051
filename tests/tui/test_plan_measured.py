"""What a run measured, on the map of the Plan screen: read from the store, painted, and turned into rules."""

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.store.helpers import Metric, finished_run, record, sites
from tests.tui.pilot import drive, screen_text
from tui.plan.cell_text import Shown
from tui.plan.measured import QUANTITIES, finished_runs, measured
from tui.plan.picker import Picker
from tui.plan.screen import PlanScreen
from workbench.errors import NotFoundError
from workbench.run.layout import Home

RUN = "0" * 11 + "1"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A finished run on the demo, whose update norms and gradient norms the trainer logged."""
    home = Home(tmp_path / "home")
    placed = sites({"attention": 16, "mlp": None})
    finished_run(home, record(RUN, name="first-s0", model="demo", sites=placed), [Metric("loss", 0.5, False)])
    return home


def test_finished_runs_of_the_model_are_found_without_another_screen(home: Home, tmp_path: Path) -> None:
    [run] = finished_runs(home, "demo")
    assert (run.run_id, run.name) == (RUN, "first-s0")
    assert finished_runs(home, "it's another") == ()
    assert finished_runs(Home(tmp_path / "none"), "demo") == ()
    assert not (tmp_path / "none").exists()


def test_a_quantity_is_read_by_site_and_only_where_it_was_measured(home: Home) -> None:
    [run] = finished_runs(home, "demo")
    norms = measured(home, run, QUANTITIES["update norm"]).values
    ratios = measured(home, run, QUANTITIES["relative update"]).values
    assert norms
    assert all(".self_attn." in name for name in norms)
    assert set(ratios.values()) == {0.25}
    for quantity in QUANTITIES.values():
        assert measured(home, run, quantity).values


def test_a_run_without_such_numbers_says_so(home: Home) -> None:
    placed = sites({"attention": None, "mlp": None})
    finished_run(home, record("0" * 11 + "2", name="none-s0", model="demo", sites=placed), [Metric("loss", 0.5, False)])
    run = next(run for run in finished_runs(home, "demo") if run.name == "none-s0")
    with pytest.raises(NotFoundError, match="no update norm"):
        measured(home, run, QUANTITIES["update norm"])


async def _answer(pilot: Pilot[Any], text: str) -> None:
    for _ in range(100):
        await pilot.pause(0.05)
        if isinstance(pilot.app.screen, Picker):
            break
    pilot.app.screen.query_one(Input).value = text
    await pilot.pause()
    await pilot.press("enter")
    await pilot.pause()


async def _until_painted(pilot: Pilot[Any]) -> PlanScreen:
    for _ in range(100):
        await pilot.pause(0.05)
        if isinstance(pilot.app.screen, PlanScreen) and pilot.app.screen.grid.shown is Shown.MEASURED:
            break
    assert isinstance(pilot.app.screen, PlanScreen)
    return pilot.app.screen


@pytest.mark.screens
def test_the_heat_map_has_numbers_and_a_legend(home: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("H")
        await _answer(pilot, "update norm")
        await _answer(pilot, "first-s0")
        await _until_painted(pilot)
        await pilot.pause()
        text = screen_text(pilot.app)
        legend = next(line for line in text.splitlines() if "update norm" in line)
        assert "‖ΔW‖" in legend
        assert "first-s0" in legend
        assert "–" in next(line for line in text.splitlines() if line.startswith("│     0  nf4"))
        await pilot.press("C")
        await pilot.pause()
        assert "by rank" in screen_text(pilot.app)

    drive(home, steps)


@pytest.mark.screens
def test_the_largest_measured_sites_become_rules(home: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("p")
        await _answer(pilot, "the largest")
        await _answer(pilot, "update norm")
        await _answer(pilot, "first-s0")
        await _answer(pilot, "10%")
        screen = await _until_painted(pilot)
        assert screen.draft.rules[1] == "* all off"
        values = measured(home, finished_runs(home, "demo")[0], QUANTITIES["update norm"]).values
        best = sorted(values, key=lambda name: -values[name])[: max(1, round(0.1 * len(values)))]
        assert {planned.site.name for planned in screen.draft.plan.adapted} == set(best)

    drive(home, steps)
