"""Errors nobody expected: shown, reported without secrets, and the app stays up."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.worker import WorkerFailed

from tests.tui.pilot import screen_text
from tui.app import WorkbenchApp
from tui.plan.screen import PlanScreen
from tui.shell.base import FATAL
from tui.shell.error_screen import ErrorScreen
from tui.shell.errors import ErrorLedger
from tui.shell.report import masked, report_of, written
from workbench.run.layout import Home


class Boom(Exception):
    """Raised on purpose."""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def _drive(home: Home, steps: Callable[[Pilot[Any]], Awaitable[None]]) -> WorkbenchApp:
    app = WorkbenchApp(home)
    app.stays_up_in_tests = True

    async def run() -> None:
        async with app.run_test(size=(100, 30), notifications=True) as pilot:
            await pilot.pause()
            await steps(pilot)

    asyncio.run(run())
    return app


def test_secrets_are_masked() -> None:
    environment = {"HF_TOKEN": "abcdefgh", "PATH": "/usr/bin", "MY_PASSWORD": "hunter22", "API_KEY": "x"}
    text = "abcdefgh hunter22 /usr/bin x hf_0123456789abcdef https://me:pw@host/ token='qwertyuiop' password: letmein"
    found = masked(text, environment)
    for secret in ("abcdefgh", "hunter22", "hf_0123", "me:pw", "qwertyuiop", "letmein"):
        assert secret not in found
    assert "/usr/bin" in found
    assert "host/" in found


def test_a_report_that_cannot_be_kept_says_why(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    report = written(report_of(Boom("x"), {}), blocked / "reports")
    assert report.path is None
    assert str(blocked) in report.problem


def test_a_storm_is_many_in_a_short_time() -> None:
    now = 0.0
    slow, fast = ErrorLedger(lambda: now), ErrorLedger(lambda: 0.0)
    assert [fast.is_storm() for _ in range(20)] == [False] * 19 + [True]
    for _ in range(40):
        now += 1.0
        assert not slow.is_storm()


@pytest.mark.screens
def test_an_error_of_a_key_is_shown_and_the_screen_goes_on(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: PlanScreen) -> None:
        raise Boom("token=abcdefghij [b]and markup")

    monkeypatch.setattr(PlanScreen, "action_colour", fail)
    copied: list[str] = []

    async def steps(pilot: Pilot[Any]) -> None:
        pilot.app.copy_to_clipboard = copied.append  # type: ignore[method-assign]
        await pilot.press("C")
        await pilot.pause()
        assert isinstance(pilot.app.screen, ErrorScreen)
        text = screen_text(pilot.app)
        assert "Boom: *** [b]and markup" in text
        assert "Traceback" not in text.replace("space Traceback", "")
        await pilot.press("t", "y")
        await pilot.pause()
        assert "Traceback (most recent call last)" in screen_text(pilot.app)
        await pilot.press("escape", "v", "down", "minus")
        await pilot.pause()
        assert isinstance(pilot.app.screen, PlanScreen)
        assert pilot.app.screen.draft.rules[-1].endswith("r/=2")
        await pilot.press("C")
        await pilot.pause(0.3)
        assert isinstance(pilot.app.screen, PlanScreen)
        assert "once more: tests.tui.test_shell_errors.Boom: *** [b]and markup" in [
            told.message for told in pilot.app._notifications
        ]

    assert not _drive(home, steps).return_code
    [path] = (home.path / "reports").iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert copied == [path.read_text()]
    assert "abcdefghij" not in copied[0]
    assert "test_shell_errors.py" in copied[0]


@pytest.mark.screens
def test_an_error_of_a_thread_is_shown(home: Home) -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        def loud() -> None:
            raise Boom("in a thread")

        def quiet() -> None:
            raise Boom("in a thread that tells nobody")

        for fail in (loud, quiet):
            worker = pilot.app.screen.run_worker(fail, thread=True, exit_on_error=fail is loud)
            with suppress(WorkerFailed):
                await worker.wait()
            await pilot.pause()
            await pilot.pause()
            assert isinstance(pilot.app.screen, ErrorScreen)
            assert "Boom: in a thread" in screen_text(pilot.app)
            await pilot.press("escape")
            await pilot.pause()

    _drive(home, steps)


@pytest.mark.screens
def test_errors_without_end_end_the_app(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: PlanScreen) -> None:
        raise Boom("whenever")

    async def steps(pilot: Pilot[Any]) -> None:
        pilot.app._ledger = ErrorLedger(lambda: 0.0)
        monkeypatch.setattr(PlanScreen, "action_colour", fail)
        await pilot.press(*["C", "escape"] * 20)
        await pilot.pause()

    app = _drive(home, steps)
    assert app.return_code == FATAL
