"""What the terminal shows after too many errors is the report as it is, whatever markup an error holds."""

import asyncio
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tests.tui.pilot import NARROW
from tui.app import WorkbenchApp
from workbench.run.layout import Home

pytestmark = pytest.mark.screens


def test_markup_in_an_error_does_not_break_the_last_words(tmp_path: Path) -> None:
    app = WorkbenchApp(Home(tmp_path / "home"))
    app.stays_up_in_tests = True
    said: list[Any] = []

    async def run() -> None:
        async with app.run_test(size=NARROW) as pilot:
            await pilot.pause()
            for _ in range(20):
                app.tell_error(ValueError("[/b] closes nothing, [red]is no colour"))
            said.extend(app._exit_renderables)

    asyncio.run(run())
    out = StringIO()
    Console(file=out, width=200).print(said[0])
    assert "ValueError: [/b] closes nothing, [red]is no colour" in out.getvalue()
