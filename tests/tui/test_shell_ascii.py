"""`--ascii`: nothing but ASCII on any screen, in as many cells, whatever plans and runs are called."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.pilot import Pilot

from tests.cli.written_runs import RECIPE
from tests.store.helpers import Metric, finished_run, record
from tests.tui.pilot import NARROW, WIDE, screen_text
from tests.tui.written_homes import FINISHED
from tui.app import WorkbenchApp
from tui.shell.ascii import needs_ascii, to_ascii
from workbench.run.layout import Home

FOREIGN = "学习 مرحبا 🚀é"


@given(st.text(alphabet=st.characters(exclude_categories=("C", "Mn", "Me", "Mc"))))
def test_a_text_keeps_its_width(text: str) -> None:
    found = to_ascii(text)
    assert found.isascii()
    assert cell_len(found) == cell_len(text)


def test_what_has_a_likeness_keeps_it() -> None:
    assert to_ascii("╭─ a │ ×2 · ≥3 ●") == "+- a | x2 . >3 *"
    assert to_ascii("\u2800\u2801\u28ff学é") == " .#??e"


@pytest.mark.parametrize(
    ("environment", "encoding", "expected"),
    [
        ({"LANG": "de_DE.UTF-8", "TERM": "xterm-256color"}, "utf-8", False),
        ({"TERM": "linux", "LANG": "C.UTF-8"}, "utf-8", True),
        ({"TERM": "dumb"}, "utf-8", True),
        ({"LC_ALL": "de_DE.ISO-8859-1", "LANG": "C.UTF-8"}, "utf-8", True),
        ({"LC_ALL": "C"}, "utf-8", True),
        ({"LANG": "en_US.utf8"}, "utf-8", False),
        ({}, "ascii", True),
        ({}, "utf-8", False),
    ],
)
def test_who_gets_it_without_asking(environment: dict[str, str], encoding: str, expected: bool) -> None:
    assert needs_ascii(environment, encoding) is expected


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    named = record(FINISHED, name=FOREIGN, plan=FOREIGN, recipe=RECIPE)
    folder = finished_run(home, named, [Metric("loss", 0.5, False)], last=40)
    folder.out(1).write_text(FOREIGN, encoding="utf-8")
    folder.meta.write_text(json.dumps({"tags": [FOREIGN]}), encoding="utf-8")
    return home


@pytest.mark.screens
@pytest.mark.parametrize("size", [NARROW, WIDE])
def test_no_other_glyph_on_any_screen(home: Home, size: tuple[int, int]) -> None:
    async def run() -> None:
        async with WorkbenchApp(home, only_ascii=True).run_test(size=size) as pilot:
            for keys in [
                (),
                ("colon", "学"),
                ("escape", "R"),
                ("escape", "2"),
                ("3", "s", "学"),
                ("escape", "4"),
                ("f2",),
            ]:
                await pilot.press(*keys)
                await pilot.pause(0.3)
                _all_ascii(pilot)
            await pilot.press("escape", "question_mark")
            await pilot.pause()
            pilot.app.notify(FOREIGN, title="…", markup=False)
            await pilot.pause()
            _all_ascii(pilot)

    asyncio.run(run())


def _all_ascii(pilot: Pilot[Any]) -> None:
    text = screen_text(pilot.app)
    assert len(text) > 200
    assert [line for line in text.splitlines() if not line.isascii()] == []
