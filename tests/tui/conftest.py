"""The sample is unpacked into a cache of the test's own; a home with a study is there for a whole file."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.store.lens_home import fill
from tests.tui.holding import held
from workbench.run.layout import Home


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder


@pytest.fixture(autouse=True)
def _short_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    """After each key the pilot waits until the processor rests, twice; it looks more often than every 20 ms.

    What keys have changed is painted all the same before a test looks: Textual paints 60 times a second. What waits
    for a rest of the keys does not.
    """
    press = Pilot.press

    async def painted(pilot: Pilot[Any], *keys: str) -> None:
        await press(pilot, *keys)
        await pilot.pause()

    monkeypatch.setattr(Pilot, "press", painted)
    monkeypatch.setattr("textual._wait.SLEEP_GRANULARITY", 0.005)
    monkeypatch.setattr("textual._wait.SLEEP_IDLE", 0.0005)
    monkeypatch.setattr("tui.plan.resting.REST", 0.0)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Home:
    made = Home(tmp_path_factory.mktemp("compare") / ".workbench")
    made.path.mkdir()
    fill(made)
    return made


@pytest.fixture
def fresh(filled: Home) -> Home:
    """The home without drafts and lenses of its own."""
    for path in [*filled.path.glob("drafts/*"), *filled.path.glob("lenses/*")]:
        path.unlink()
    return filled


@pytest.fixture
def holder(home: Home) -> Iterator[subprocess.Popen[bytes]]:
    """Another program, which holds the store of the test's home."""
    with held(home) as process:
        yield process
