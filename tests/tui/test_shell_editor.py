"""`e` gives a text to the person's own editor and takes it back."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.tui.pilot import drive
from tui.app import WorkbenchApp
from tui.compare.editor import SqlEditor
from tui.widgets.outside_editor import editor_of
from workbench.errors import UsageError
from workbench.run.layout import Home


@pytest.mark.parametrize(
    ("environment", "command"),
    [
        ({}, ["vi"]),
        ({"EDITOR": " "}, ["vi"]),
        ({"EDITOR": "code --wait"}, ["code", "--wait"]),
        ({"EDITOR": "nano", "VISUAL": "'/a b/gvim' -f"}, ["/a b/gvim", "-f"]),
    ],
)
def test_which_editor(environment: dict[str, str], command: list[str]) -> None:
    assert editor_of(environment) == command


def test_an_editor_that_cannot_be_read_is_named() -> None:
    with pytest.raises(UsageError, match=r"\$EDITOR cannot be read"):
        editor_of({"EDITOR": "nano 'x"})


def _script(folder: Path, body: str) -> str:
    path = folder / "ed it"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return f"'{path}'"


@contextlib.contextmanager
def _stepped_aside(_: Any) -> Iterator[None]:
    yield


def _press_e(home: Path, steps_after: Any) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("3")
        await pilot.pause()
        editor = pilot.app.screen.query_one(SqlEditor)
        editor.put("select 1")
        await pilot.press("e")
        await pilot.pause()
        await steps_after(pilot, editor)

    drive(Home(home / "home"), steps)


@pytest.mark.screens
def test_sql_comes_back_from_the_editor_and_can_be_undone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WorkbenchApp, "suspend", _stepped_aside)
    monkeypatch.setenv("VISUAL", _script(tmp_path, 'case "$1" in *.sql) echo "-- [b]two" >> "$1";; esac'))

    async def after(pilot: Pilot[Any], editor: SqlEditor) -> None:
        assert editor.text == "select 1-- [b]two"
        editor.undo()
        assert editor.text == "select 1"

    _press_e(tmp_path, after)


@pytest.mark.screens
@pytest.mark.parametrize(
    ("editor", "said"), [("/no/such/editor", "cannot be started"), ("false", "false ended with code 1")]
)
def test_an_editor_that_fails_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, editor: str, said: str
) -> None:
    monkeypatch.setattr(WorkbenchApp, "suspend", _stepped_aside)
    monkeypatch.setenv("VISUAL", editor)

    async def after(pilot: Pilot[Any], sql: SqlEditor) -> None:
        assert sql.text == "select 1"
        assert any(said in note.message for note in pilot.app._notifications)

    _press_e(tmp_path, after)


@pytest.mark.screens
def test_where_the_screens_cannot_step_aside_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISUAL", "true")

    async def after(pilot: Pilot[Any], sql: SqlEditor) -> None:
        assert sql.text == "select 1"
        assert any("as in a browser" in note.message for note in pilot.app._notifications)

    _press_e(tmp_path, after)
