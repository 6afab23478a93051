"""A store that another process holds is a banner on the Runs screen; curves and output go on from the logs."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from store import connection
from tests.store.helpers import finished_run, record
from tests.tui.holding import held
from tests.tui.pilot import NARROW, drive, screen_text, until
from tests.tui.written_homes import LOSS, at_work, written
from tui.widgets.banner import LockedBanner
from workbench.run.layout import Home

pytestmark = pytest.mark.screens


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setattr(connection, "FOREIGN_PATIENCE", 0.05)
    found = Home(tmp_path / "home")
    found.path.mkdir()
    written(found)
    return found


def test_the_holder_is_named_and_the_banner_goes_with_it(home: Home, holder: subprocess.Popen[bytes]) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("2")
        await until(pilot, lambda: f"pid {holder.pid}" in screen_text(pilot.app))
        assert "curves and output go on" in " ".join(screen_text(pilot.app).split())
        holder.communicate(b"")
        await until(pilot, lambda: not pilot.app.screen.query_one(LockedBanner).display)
        await until(pilot, lambda: "whole-s0" in screen_text(pilot.app))

    drive(home, steps, NARROW)


def test_a_live_curve_goes_on_while_the_store_is_held(home: Home) -> None:
    with at_work(home) as (_, log):

        async def steps(pilot: Pilot[Any]) -> None:
            await pilot.press("2")
            await until(pilot, lambda: "live-s0" in screen_text(pilot.app))
            with held(home):
                finished_run(home, record("0123456789ab", name="late-s0"), [LOSS])  # of which the store knows nothing
                await until(pilot, lambda: pilot.app.screen.query_one(LockedBanner).display)
                for step in range(1, 31):
                    log.write("metric", step=step, values={"loss": 777.0 if step == 30 else 1.0 / step})
                await until(pilot, lambda: "777" in screen_text(pilot.app))
                assert pilot.app.screen.query_one(LockedBanner).display

        drive(home, steps, (120, 36))
