"""Work for keys is done once they rest, and ten times a second while they do not."""

import asyncio
import time

import pytest
from textual.app import App

from tui.plan import resting
from tui.plan.resting import MOST, Resting

pytestmark = pytest.mark.screens
REST = 0.02


def _done(keys: int, pause: float, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """When the work was done, in seconds after the first of so many keys that come at this distance."""
    monkeypatch.setattr(resting, "REST", REST)
    done: list[float] = []

    async def run() -> None:
        app: App[None] = App()
        async with app.run_test():
            began = time.monotonic()
            waiting = Resting(app, lambda: done.append(time.monotonic() - began))
            for _ in range(keys):
                waiting.put_off()
                if pause:
                    await asyncio.sleep(pause)
            await asyncio.sleep(5 * REST)

    asyncio.run(run())
    return done


def test_one_key_is_worked_for_a_moment_later(monkeypatch: pytest.MonkeyPatch) -> None:
    (after,) = _done(1, 0.0, monkeypatch)
    assert after >= REST


def test_keys_in_a_row_are_worked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(_done(20, 0.0, monkeypatch)) == 1


def test_a_key_that_is_held_down_does_not_put_it_off_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    done = _done(60, REST / 4, monkeypatch)
    assert len(done) > 1
    assert done[0] >= MOST
