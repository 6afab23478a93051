"""The Plan screen by keys and mouse: selections, edits, lines, dialogs, heat maps, diffs, files, drafts."""

from pathlib import Path
from typing import Any

import pytest
from textual.dom import DOMNode
from textual.pilot import Pilot
from textual.widgets import Input

from tests.store.helpers import Metric, finished_run, record, sites
from tests.tui.pilot import NARROW, WIDE, drive, keys, screen_text
from tui.app import WorkbenchApp
from tui.plan.changed_dialog import ChangedDialog
from tui.plan.desk import open_model
from tui.plan.layer_grid import CELL, LABEL, LayerGrid
from tui.plan.picker import Picker
from tui.plan.rule_line import RuleLine
from tui.plan.run_dialog import PlanRunDialog
from tui.plan.screen import PlanScreen
from tui.runs.screen import RunsScreen
from workbench.plan.plan import PlannedSite
from workbench.run.layout import Home
from workbench.sample.mark import MARK

pytestmark = pytest.mark.screens
Screen = Pilot[Any]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def _plan(pilot: Screen) -> PlanScreen:
    screen = next(screen for screen in pilot.app.screen_stack if isinstance(screen, PlanScreen))
    assert isinstance(screen, PlanScreen)
    return screen


def _cells(pilot: Screen) -> set[tuple[int, int]]:
    return set(_plan(pilot).grid.chosen.cells)


def _adapted(pilot: Screen) -> list[PlannedSite]:
    return list(_plan(pilot).draft.plan.adapted)


def _toasts(pilot: Screen) -> list[str]:
    return [toast.message for toast in pilot.app._notifications]


async def _pick(pilot: Screen, key: str, text: str) -> None:
    """Opens a dialog by its key, narrows it, and takes what is left on top."""
    await pilot.press(key)
    await _settle(pilot)
    assert isinstance(pilot.app.screen, Picker)
    await _answer(pilot, text)


async def _answer(pilot: Screen, text: str) -> None:
    pilot.app.screen.query_one(Input).value = text
    await pilot.pause()
    await pilot.press("enter")
    await _settle(pilot)


def _follows_runs(node: DOMNode) -> bool:
    return any(isinstance(above, RunsScreen) for above in node.ancestors_with_self)


async def _settle(pilot: Screen) -> None:
    """What the Plan screen and its dialogs read is there; followers of other screens never end."""
    for _ in range(2):
        ending = [worker for worker in pilot.app.workers if not _follows_runs(worker.node)]
        if ending:
            await pilot.app.workers.wait_for_complete(ending)
        await pilot.pause()


def test_cells_are_chosen_by_rows_columns_kind_and_corner(home: Home) -> None:
    async def steps(pilot: Screen) -> None:
        await pilot.press("j", "V", "j")
        assert _cells(pilot) == {(row, column) for row in (1, 2) for column in range(7)}
        assert "Blocks, 14 cells" in screen_text(pilot.app)
        await pilot.press("escape", "l", "c", "l")
        assert _cells(pilot) == {(row, column) for row in range(6) for column in (1, 2)}
        await pilot.press("escape", "v", "down", "right", "o")
        assert _plan(pilot).grid.cursor == (2, 2)
        await pilot.press("left")
        assert _cells(pilot) == {(row, column) for row in (2, 3) for column in (1, 2, 3)}
        await pilot.press("minus", "asterisk")
        assert len(_cells(pilot)) == 6
        await pilot.press("a")
        assert len(_cells(pilot)) == 42
        await pilot.press("escape", "shift+right", "shift+down")
        assert len(_cells(pilot)) == 4
        await pilot.press("g", "home")
        assert _plan(pilot).grid.cursor == (0, 0)

    drive(home, steps)


def test_the_mouse_drags_an_area_and_a_click_chooses_a_cell(home: Home) -> None:
    async def steps(pilot: Screen) -> None:
        def place(row: int, column: int) -> tuple[int, int]:
            return (LABEL + column * CELL + 2 + 1, row + 1 + 1)  # inside of the border, below the heading

        await pilot.mouse_down(LayerGrid, offset=place(1, 1))
        await pilot.hover(LayerGrid, offset=place(3, 2))
        await pilot.mouse_up(LayerGrid, offset=place(3, 2))
        await pilot.pause()
        assert _cells(pilot) == {(row, column) for row in (1, 2, 3) for column in (1, 2)}
        await pilot.click(LayerGrid, offset=place(4, 5))
        await pilot.pause()
        assert _cells(pilot) == {(4, 5)}
        await pilot.press("backspace")
        assert _plan(pilot).draft.rules[-1] == "4 up off"

    drive(home, steps)


def test_the_brush_paints_what_was_set_last_or_picked(home: Home) -> None:
    async def steps(pilot: Screen) -> None:
        await pilot.press("r", *keys("4"), "enter", "down", "space")
        await pilot.pause()
        assert [p.adapter.r for p in _adapted(pilot) if p.site.module == "q_proj" and p.adapter] == [
            4,
            4,
            16,
            16,
            16,
            16,
        ]
        await pilot.press("end", "P", "home", "space")
        await pilot.pause()
        assert [p.adapter.r for p in _adapted(pilot) if p.site.module == "q_proj" and p.adapter] == [
            4,
            16,
            16,
            16,
            16,
            16,
        ]
        assert "method=lora r=16 alpha=2r" in screen_text(pilot.app)

    drive(home, steps)


def test_the_last_edit_is_repeated_at_another_selection(home: Home) -> None:
    async def steps(pilot: Screen) -> None:
        await pilot.press("m", "down", "right", "full_stop")
        await pilot.pause()
        assert _plan(pilot).draft.rules[-2:] == ("0 q method=rslora", "1 k method=rslora")
        await pilot.press("b", "left", "full_stop", "Y")
        await pilot.pause()
        assert pilot.app.clipboard.endswith("--rule '1 q base=fp4'")
        await pilot.press("y")
        assert pilot.app.clipboard == "1 q"

    drive(home, steps)


def test_nothing_to_repeat_is_said(home: Home) -> None:
    async def steps(pilot: Screen) -> None:
        await pilot.press("full_stop", "Y")
        await pilot.pause()
        first, second = _toasts(pilot)
        assert "no edit to repeat" in first
        assert "no edit has been made" in second
        assert _plan(pilot).draft.rules == ("* all",)

    drive(home, steps)


def test_edits_of_folded_rows_are_edits_of_all_their_blocks(home: Home) -> None:
    async def steps(pilot: Screen) -> None:
        await pilot.press("r", *keys("8"), "enter", "Z")
        await pilot.pause()
        assert "≈" in screen_text(pilot.app)
        await pilot.press("minus", "n", *keys("top"), "enter", "V", "backspace", "colon", *keys("@top r=2"), "enter")
        await pilot.pause()
        ranks = {p.site.block: p.adapter.r for p in _adapted(pilot) if p.site.module == "q_proj" and p.adapter}
        assert ranks == {0: 2, 1: 2, 2: 2, 3: 2, 4: 16, 5: 16}
        assert {p.site.block for p in _adapted(pilot) if p.site.module == "k_proj"} == {4, 5}
        await pilot.press("Z", "u", "u")
        await pilot.pause()
        assert len(_adapted(pilot)) == 42

    drive(home, steps)


def test_a_line_completes_by_tab_and_points_at_what_is_wrong(home: Home) -> None:
    async def steps(pilot: Screen) -> None:
        await pilot.press("colon", *keys("upp"))
        await pilot.pause()
        await pilot.press("tab", *keys(" mlp r=x"))
        await pilot.pause()
        assert _plan(pilot).query_one("#rule", Input).value == "upper mlp r=x"
        says = next(line for line in screen_text(pilot.app).splitlines() if "expected a whole number" in line)
        assert says.index("^") == len(" upper mlp r=")
        await pilot.press("backspace", "4")
        await pilot.pause()
        assert "6 sites, shown as ( ) on the map" in screen_text(pilot.app)
        assert "(L16 )" in screen_text(pilot.app)

    drive(home, steps)


def test_a_megabyte_pasted_into_the_line_is_refused(home: Home) -> None:
    from textual.events import Paste

    async def steps(pilot: Screen) -> None:
        await pilot.press("colon")
        line = _plan(pilot).query_one("#rule", Input)
        line.post_message(Paste("* all r=4 " * 100_000))
        await pilot.pause()
        assert line.value == ""
        await pilot.press("escape")
        assert not _plan(pilot).query_one(RuleLine).is_open

    drive(home, steps)


def test_a_pattern_adapts_there_and_nowhere_else_of_the_modules(home: Home) -> None:
    async def steps(pilot: Screen) -> None:
        await pilot.press("v", "right")
        await _pick(pilot, "p", "last third")
        plan = _plan(pilot).draft
        assert plan.rules[-2:] == ("* q,k off", "upper q,k")
        assert _cells(pilot) == {(row, column) for row in (4, 5) for column in (0, 1)}
        await pilot.press("minus", "u", "u")
        await pilot.pause()
        assert _plan(pilot).draft.rules == ("* all",)

    drive(home, steps)


def _measured(home: Home) -> None:
    """A finished run whose blocks have update norms from 0 on."""
    stats = [
        {"site": site.site, "update_norm": float(site.block), "weight_norm": 2.0, "grad_norm": 1.0, "quant_error": 0.1}
        for site in sites({"attention": 16, "mlp": 16})
    ]
    finished_run(home, record("0" * 11 + "1", name="first-s0"), [Metric("loss", 0.5, False)], stats=stats)


def test_escape_leaves_every_dialog_as_it_was(home: Home) -> None:
    async def steps(pilot: Screen) -> None:
        before = _plan(pilot).draft.text
        for key in ("p", "d", "D", "M", "O", "R"):
            await pilot.press(key)
            await _settle(pilot)
            assert isinstance(pilot.app.screen, Picker | PlanRunDialog), key
            await pilot.press("escape")
            await pilot.pause()
            assert isinstance(pilot.app.screen, PlanScreen)
        await pilot.press("H")
        await _settle(pilot)
        assert "no finished run" in _toasts(pilot)[-1]
        assert _plan(pilot).draft.text == before

    drive(home, steps)


def test_what_differs_from_another_plan_is_marked(home: Home) -> None:
    async def steps(pilot: Screen) -> None:
        await _pick(pilot, "O", "demo-quarter-mlp")
        await _pick(pilot, "d", "demo-baseline")
        text = screen_text(pilot.app)
        assert "~ 18 sites differ from demo-baseline" in text
        assert "L2 ~" in text.replace(" L2  ~", " L2 ~")
        assert "From demo-baseline to this" in text
        assert "of demo-baseline" in text
        await pilot.press("escape")
        await pilot.pause()
        assert "differ from" not in screen_text(pilot.app)

    drive(home, steps)


def test_the_plan_is_held_against_the_chosen_device(home: Home) -> None:
    async def steps(pilot: Screen) -> None:
        await _pick(pilot, "D", "0.1 GB")
        assert "too large" in screen_text(pilot.app)

    drive(home, steps)
    drive(home, steps, NARROW)


def test_a_file_changed_outside_is_offered_and_kept_until_asked(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.plan.screen._LOOK", 1000.0)

    async def steps(pilot: Screen) -> None:
        await pilot.press("w")
        await pilot.pause()
        path = _plan(pilot).draft.path
        theirs = path.read_text() + "# theirs\n"
        path.write_text(theirs)
        await pilot.press("w")
        await pilot.pause()
        assert isinstance(pilot.app.screen, ChangedDialog)
        assert "+# theirs" in screen_text(pilot.app)
        await pilot.press("k")
        await pilot.pause()
        assert path.read_text() == theirs
        await pilot.press("w", "r")
        await pilot.pause()
        assert _plan(pilot).draft.text == theirs
        await pilot.press("backspace")
        path.write_text(theirs + "# more\n")
        await pilot.press("w")
        await pilot.pause()
        assert isinstance(pilot.app.screen, ChangedDialog)
        await pilot.press("o")
        await pilot.pause()
        assert path.read_text() == _plan(pilot).draft.text
        assert "more" not in path.read_text()
        path.write_text(theirs)
        _plan(pilot).file_watch.look()
        await pilot.pause()
        assert isinstance(pilot.app.screen, ChangedDialog)
        await pilot.press("escape")
        await pilot.pause()
        _plan(pilot).file_watch.look()
        await pilot.pause()
        assert isinstance(pilot.app.screen, PlanScreen)
        assert path.read_text() == theirs

    drive(home, steps)


def test_another_model_has_a_draft_of_its_own(home: Home, tmp_path: Path) -> None:
    from importlib.resources import files
    from shutil import copytree, rmtree

    folder = tmp_path / "tiny"
    copytree(str(files("workbench.demo") / "base"), folder)

    async def steps(pilot: Screen) -> None:
        await pilot.press("backspace")
        await _pick(pilot, "M", str(folder))
        assert _plan(pilot).draft.plan.model == str(folder)
        await pilot.press("down", "backspace")
        rmtree(folder)
        await pilot.press("down", "backspace")
        await pilot.pause()
        assert "no model folder" in screen_text(pilot.app)
        await _pick(pilot, "M", "demo")
        assert _plan(pilot).draft.rules == ("* all", "0 q off")
        await _pick(pilot, "M", str(folder))
        await pilot.pause()
        assert isinstance(pilot.app.screen, Picker)
        assert "cannot be had" in screen_text(pilot.app)

    drive(home, steps)


def test_other_screens_open_plans_here(home: Home) -> None:
    async def steps(pilot: Screen) -> None:
        app = pilot.app
        assert isinstance(app, WorkbenchApp)
        await pilot.press("2")
        await pilot.pause()
        await app.open_plan(None, 'name: copy\nmodel: demo\nrules: ["* mlp r=2"]\n', "copy")
        await _settle(pilot)
        assert _plan(pilot).draft.rules == ("* mlp r=2",)
        assert "copy   demo, 6 blocks" in screen_text(app)
        await app.open_plan(home.path / "gone.yaml", None, "gone")
        await _settle(pilot)
        assert "gone.yaml" in _toasts(pilot)[-1]
        assert _plan(pilot).draft.rules == ("* mlp r=2",)

    drive(home, steps)


def test_the_run_dialog_looks_before_it_launches(home: Home) -> None:
    async def steps(pilot: Screen) -> None:
        await pilot.press("R")
        await pilot.pause(0.5)
        await _settle(pilot)
        text = screen_text(pilot.app)
        assert "6,000 examples" in text
        assert "100 steps each; time not known" in text
        assert "--recipe demo --seed 1" in text
        pilot.app.screen.query_one("#data", Input).value = "gone.jsonl"
        await pilot.pause(0.5)
        await _settle(pilot)
        assert "✗" in screen_text(pilot.app)
        assert "data=gone.jsonl" in screen_text(pilot.app)
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(pilot.app.screen, PlanRunDialog)
        await pilot.press("ctrl+y")
        assert "--set data=gone.jsonl" in pilot.app.clipboard

    drive(home, steps)
    assert home.run_dirs() == []


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_a_model_with_markup_and_control_characters_in_its_plan(home: Home, size: tuple[int, int]) -> None:
    home.plans.mkdir(parents=True)
    name = r"[red]x[/] \u202e \u200f \e[31m"
    (home.plans / "draft.yaml").write_text(f'name: "{name}"\nmodel: demo\nrules: ["* all"]\n')
    assert open_model(home, "demo").draft.plan.name.startswith("[red]")

    async def steps(pilot: Screen) -> None:
        assert "[red]x[/]" in screen_text(pilot.app)
        assert "\x1b" not in screen_text(pilot.app)
        await pilot.press("R")
        await pilot.pause()
        assert "[red]x[/]" in screen_text(pilot.app)

    drive(home, steps, size)


def test_the_sample_home_is_not_changed(home: Home) -> None:
    home.path.mkdir(parents=True)
    (home.path / MARK).write_text("")

    async def steps(pilot: Screen) -> None:
        for key in ("w", "R"):
            await pilot.press(key)
            await pilot.pause()
            assert "sample study" in _toasts(pilot)[-1]
            assert isinstance(pilot.app.screen, PlanScreen)

    drive(home, steps)
    assert not home.plans.exists()
