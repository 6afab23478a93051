"""A store that another process holds is a banner on the Runs screen; curves and output go on from the logs."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from store import connection
from tests.store.helpers import HOLDER, finished_run, record
from tests.tui.pilot import NARROW, drive, screen_text
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


@pytest.fixture
def holder(home: Home) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(home.database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


async def _until(pilot: Pilot[Any], holds: Callable[[], bool]) -> None:
    for _ in range(200):
        if holds():
            return
        await pilot.pause(0.05)
    raise AssertionError(screen_text(pilot.app))


def test_the_holder_is_named_and_the_banner_goes_with_it(home: Home, holder: subprocess.Popen[bytes]) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("2")
        await _until(pilot, lambda: f"pid {holder.pid}" in screen_text(pilot.app))
        assert "curves and output go on" in " ".join(screen_text(pilot.app).split())
        holder.communicate(b"")
        await _until(pilot, lambda: not pilot.app.screen.query_one(LockedBanner).display)
        await _until(pilot, lambda: "whole-s0" in screen_text(pilot.app))

    drive(home, steps, NARROW)


def test_a_live_curve_goes_on_while_the_store_is_held(home: Home) -> None:
    with at_work(home) as (_, log):

        async def steps(pilot: Pilot[Any]) -> None:
            await pilot.press("2")
            await _until(pilot, lambda: "live-s0" in screen_text(pilot.app))
            process = subprocess.Popen(
                [sys.executable, "-c", HOLDER, str(home.database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            try:
                assert process.stdout is not None
                assert process.stdout.readline() == b"held\n"
                finished_run(home, record("0123456789ab", name="late-s0"), [LOSS])  # of which the store knows nothing
                await _until(pilot, lambda: pilot.app.screen.query_one(LockedBanner).display)
                for step in range(1, 31):
                    log.write("metric", step=step, values={"loss": 777.0 if step == 30 else 1.0 / step})
                await _until(pilot, lambda: "777" in screen_text(pilot.app))
                assert pilot.app.screen.query_one(LockedBanner).display
            finally:
                process.communicate(b"")

        drive(home, steps, (120, 36))
