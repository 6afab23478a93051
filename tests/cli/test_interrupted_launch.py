"""Ctrl-C at the odd moments of `workbench run`: before its runs are followed."""

import os
import signal
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.cli.written_runs import RECIPE
from tests.store.helpers import record
from workbench.cli import launching, progress
from workbench.cli.launching import Options, launch
from workbench.run.layout import Home
from workbench.run.states import RunStatus
from workbench.run.tickets import Tickets


@pytest.mark.parametrize("moment", ["display", "queued"])
def test_an_interrupt_before_the_runs_are_followed_leaves_none_in_the_queue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    make, enqueue = progress.make_progress, launching.enqueue

    def interrupt() -> None:
        os.kill(os.getpid(), signal.SIGINT)

    def make_late(names: Mapping[str, str]) -> object:
        interrupt()
        return make(names)

    def enqueue_first(home: Home, wanted: list[object]) -> list[str]:
        done = enqueue(home, wanted)  # type: ignore[arg-type]
        assert Tickets(home).waiting()
        interrupt()
        return done

    if moment == "display":
        monkeypatch.setattr(progress, "make_progress", make_late)
    else:
        monkeypatch.setattr(launching, "enqueue", enqueue_first)
    home = Home(tmp_path / "home")
    wanted = record("aaaa00000001", recipe={**RECIPE, "optimizer": "adamw"}, predicted_bytes={"total": 1})
    outcome = launch(home, [wanted], Options(jobs=1))
    assert outcome.interrupted
    assert [answer["status"] for answer in outcome.answers] == [RunStatus.STOPPED]
    assert (Tickets(home).waiting(), Tickets(home).started()) == ([], [])
    assert not home.run_dir("aaaa00000001").out(1).exists()
