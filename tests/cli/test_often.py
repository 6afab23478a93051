"""`runs list` without Typer and with it: one answer."""

import subprocess
import sys

import pytest

from tests.cli.command import Desk
from tests.store.helpers import Metric, finished_run, record
from workbench.cli.often import answer_at_once
from workbench.run.layout import Home


@pytest.fixture
def desk_with_runs(desk: Desk) -> Desk:
    for number in range(2):
        finished_run(Home(desk.home), record(f"{number:012x}"), [Metric("loss", 0.5, False)])
    return desk


@pytest.mark.parametrize("words", [["runs", "list"], ["runs", "list", "--json"]])
def test_both_ways_print_the_same(desk_with_runs: Desk, words: list[str]) -> None:
    code = "import sys; from workbench.cli.app import app; sys.argv[0] = 'workbench'; app()"
    line = [sys.executable, "-P", "-c", code, "--home", str(desk_with_runs.home), *words]
    slow = subprocess.run(line, env=desk_with_runs.environment(), text=True, capture_output=True, check=True)
    at_once = desk_with_runs("--home", str(desk_with_runs.home), *words)
    assert (at_once.code, at_once.err) == (0, "")
    assert at_once.out == slow.stdout
    assert at_once.out.count("00000000000") == 2


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["runs"],
        ["runs", "list", "--help"],
        ["runs", "list", "--jsn"],
        ["--home"],
        ["--home", "x", "runs", "show"],
        ["tui", "--help"],
        ["tui", "--model"],
    ],
)
def test_other_words_are_left_alone(words: list[str]) -> None:
    assert not answer_at_once(words)
