"""The command run inside of the test's own process: the same words, answers and exit codes, without the start-up."""

import sys
from collections.abc import Callable

import pytest

from tests.cli.command import Answer, Desk
from workbench.cli.main import main

Run = Callable[..., Answer]


def runner(desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs commands with the desk's home and returns what a process of its own would have answered."""
    for name, value in desk.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(desk.folder)

    def run(*words: str) -> Answer:
        monkeypatch.setattr(sys, "argv", ["workbench", *words])
        capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        printed = capsys.readouterr()
        return Answer(code, printed.out, printed.err)

    return run
