"""The Plan screen by its dialogs: patterns, heat maps, diffs, devices, files, models, runs."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.store.helpers import Metric, finished_run, record, sites, write_run
from tests.tui.pilot import NARROW, WIDE, drive, keys, screen_text, until
from tests.tui.plan_steps import chosen_cells, pick, plan_screen, settle, toasts
from tests.unit.plan.support import write_llama
from tui.app import WorkbenchApp
from tui.plan.changed_dialog import ChangedDialog
from tui.plan.desk import Desk, open_model
from tui.plan.launch import Wish
from tui.plan.picker import Choice, Picker
from tui.plan.preflight import preflight
from tui.plan.run_dialog import PlanRunDialog
from tui.plan.screen import PlanScreen
from workbench.plan.files import load_plan
from workbench.run.layout import Home
from workbench.sample.mark import MARK

pytestmark = pytest.mark.screens
Screen = Pilot[Any]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def test_a_pattern_adapts_there_and_nowhere_else_of_the_modules(home: Home) -> None:
    async def steps(pilot: Screen) -> None:
        await pilot.press("v", "right")
        await pick(pilot, "p", "last third")
        plan = plan_screen(pilot).draft
        assert plan.rules[-2:] == ("* q,k off", "upper q,k")
        assert chosen_cells(pilot) == {(row, column) for row in (4, 5) for column in (0, 1)}
        await pilot.press("minus", "u", "u")
        await pilot.pause()
        assert plan_screen(pilot).draft.rules == ("* all",)

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
        before = plan_screen(pilot).draft.text
        for key in ("p", "d", "D", "M", "O", "R", "H"):
            await pilot.press(key)
            await settle(pilot)
            assert isinstance(pilot.app.screen, Picker | PlanRunDialog), key
            assert ("no finished run" in screen_text(pilot.app)) == (key == "H")
            await pilot.press("escape")
            await pilot.pause()
            assert isinstance(pilot.app.screen, PlanScreen)
        assert plan_screen(pilot).draft.text == before

    drive(home, steps)


def test_a_model_that_takes_long_to_read_is_told_of_and_the_draft_goes_on(
    home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    model = write_llama(tmp_path / "large")
    read_on = threading.Event()

    def late(home: Home, model: str) -> Desk:
        read_on.wait(30)
        return open_model(home, model)

    monkeypatch.setattr("tui.plan.answered.open_model", late)

    async def steps(pilot: Screen) -> None:
        await pilot.press("M")
        pilot.app.screen.query_one(Input).value = str(model)
        await pilot.press("enter")
        await until(pilot, lambda: "reading" in screen_text(pilot.app).splitlines()[0])
        assert "this plan stays until then" in screen_text(pilot.app)
        await pilot.press("minus")
        await until(pilot, lambda: "> L8 <" in screen_text(pilot.app))
        read_on.set()
        await until(pilot, lambda: "4 blocks" in screen_text(pilot.app))
        assert "reading" not in screen_text(pilot.app)
        await pilot.press("M")
        pilot.app.screen.query_one(Input).value = str(tmp_path / "nowhere")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, Picker) and "cannot be had" in screen_text(pilot.app))
        await pilot.press("escape")
        await until(pilot, lambda: "4 blocks" in screen_text(pilot.app))
        assert "reading" not in screen_text(pilot.app)

    try:
        drive(home, steps)
    finally:
        read_on.set()


def test_what_differs_from_another_plan_is_marked(home: Home) -> None:
    async def steps(pilot: Screen) -> None:
        await pick(pilot, "O", "demo-quarter-mlp")
        await pick(pilot, "d", "demo-baseline")
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
        await pick(pilot, "D", "0.1 GB")
        assert "too large" in screen_text(pilot.app)

    drive(home, steps)
    drive(home, steps, NARROW)


def test_a_file_changed_outside_is_offered_and_kept_until_asked(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.plan.screen._LOOK", 1000.0)

    async def steps(pilot: Screen) -> None:
        await pilot.press("w")
        await pilot.pause()
        path = plan_screen(pilot).draft.path
        theirs = path.read_text() + "# theirs\n"
        path.write_text(theirs)
        await pilot.press("w")
        await pilot.pause()
        assert isinstance(pilot.app.screen, ChangedDialog)
        assert "+# theirs" in screen_text(pilot.app)
        await pilot.press("k")
        await pilot.pause()
        assert path.read_text() == theirs
        await until(pilot, lambda: "draft kept, w writes the file" in screen_text(pilot.app))
        await pilot.press("w", "r")
        await pilot.pause()
        assert plan_screen(pilot).draft.text == theirs
        await pilot.press("backspace")
        path.write_text(theirs + "# more\n")
        await pilot.press("w")
        await pilot.pause()
        assert isinstance(pilot.app.screen, ChangedDialog)
        await pilot.press("o")
        await pilot.pause()
        assert path.read_text() == plan_screen(pilot).draft.text
        assert "more" not in path.read_text()
        path.write_text(theirs)
        plan_screen(pilot).file_watch.look()
        await pilot.pause()
        assert isinstance(pilot.app.screen, ChangedDialog)
        await pilot.press("escape")
        await pilot.pause()
        plan_screen(pilot).file_watch.look()
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
        await pick(pilot, "M", str(folder))
        assert plan_screen(pilot).draft.plan.model == str(folder)
        await pilot.press("down", "backspace")
        rmtree(folder)
        await pilot.press("down", "backspace")
        await pilot.pause()
        assert "no model folder" in screen_text(pilot.app)
        await pick(pilot, "M", "demo")
        assert plan_screen(pilot).draft.rules == ("* all", "0 q off")
        await pick(pilot, "M", str(folder))
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
        await settle(pilot)
        assert plan_screen(pilot).draft.rules == ("* mlp r=2",)
        assert "copy   demo, 6 blocks" in screen_text(app)
        await app.open_plan(home.path / "gone.yaml", None, "gone")
        await settle(pilot)
        assert "gone.yaml" in toasts(pilot)[-1]
        assert plan_screen(pilot).draft.rules == ("* mlp r=2",)

    drive(home, steps)


def test_the_run_dialog_looks_before_it_launches(home: Home) -> None:
    async def steps(pilot: Screen) -> None:
        await pilot.press("R")
        await pilot.pause(0.5)
        await settle(pilot)
        text = screen_text(pilot.app)
        assert "6,000 examples" in text
        assert "100 steps each; time not known" in text
        assert "--recipe demo --seed 1" in text
        pilot.app.screen.query_one("#data", Input).value = "gone.jsonl"
        await pilot.pause(0.5)
        await settle(pilot)
        assert "✗" in screen_text(pilot.app)
        assert "data=gone.jsonl" in screen_text(pilot.app)
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(pilot.app.screen, PlanRunDialog)
        await pilot.press("ctrl+y")
        assert "--set data=gone.jsonl" in pilot.app.clipboard

    drive(home, steps)
    assert home.run_dirs() == []


def test_runs_of_other_contents_with_the_name_of_the_plan_are_told(home: Home) -> None:
    before = open_model(home, "demo").draft.plan
    write_run(home, record("aaaaaaaaaaa1", plan="draft", plan_hash=before.hash))
    wish = Wish(home.plans / "draft.yaml", "demo", (1,))
    assert not [found for found in preflight(home, before, wish) if "other contents" in found.text]
    write_run(home, record("aaaaaaaaaaa2", plan="draft", plan_hash="0123456789ab"))
    (told,) = [found for found in preflight(home, before, wish) if "other contents" in found.text]
    assert told.mark == "!"
    assert f"draft#{before.hash[:6]}" in told.text


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_a_draft_becomes_another_plan_and_is_edited_there(home: Home, size: tuple[int, int]) -> None:
    async def steps(pilot: Screen) -> None:
        await pilot.press("w", "V", "backspace", "W", *keys("draft"))
        await pilot.pause()
        assert "there is a plan draft: another name" in screen_text(pilot.app)
        await pilot.press(*keys("-off"), "enter")
        await pilot.pause()
        assert plan_screen(pilot).draft.name == "draft-off"

    async def again(pilot: Screen) -> None:
        assert plan_screen(pilot).draft.name == "draft-off"

    drive(home, steps, size)
    drive(home, again, size)
    assert len(load_plan("draft", home).adapted) == 42
    assert len(load_plan("draft-off", home).adapted) == 35


def test_a_model_that_was_named_is_what_the_program_begins_with_from_then_on(home: Home, tmp_path: Path) -> None:
    model = write_llama(tmp_path / "mine", blocks=3)

    async def steps(pilot: Screen) -> None:
        await until(pilot, lambda: plan_screen(pilot).draft.plan.map.path == model)

    drive(home, steps, model=str(model))
    drive(home, steps)


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
            assert "sample study" in toasts(pilot)[-1]
            assert isinstance(pilot.app.screen, PlanScreen)

    drive(home, steps)
    assert not home.plans.exists()


def test_what_is_read_for_a_dialog_that_was_left_meanwhile_is_not_shown(home: Home) -> None:
    """At every moment of its way out, widget by widget."""

    async def steps(pilot: Screen) -> None:
        picker = Picker("Compare with", [Choice("a", "a")], reading="reading the runs …")
        await pilot.app.push_screen(picker)
        picker.dismiss(None)
        for _ in range(200):
            picker.fill([Choice("b", "b")])
            await asyncio.sleep(0)
        await until(pilot, lambda: isinstance(pilot.app.screen, PlanScreen))

    drive(home, steps)
