"""kill -9 of a rebuild, at the moments that matter and at random ones: nothing lost, nothing twice, nothing left."""

import random
import signal
import subprocess
import sys
from contextlib import suppress

import pytest

from store.connection import writing
from store.ingest import ingest
from store.rebuild import rebuild
from store.schema import FORMAT
from tests.store.helpers import INGEST, Metric, all_tables, finished_run, record
from workbench.run.layout import Home

pytestmark = pytest.mark.slow
# Arguments: the home, what to do, and the moment at which the process kills itself.
DIES = """
import os, signal, sys
from pathlib import Path
from store import ingest, intake, rebuild
from workbench.run.layout import Home

def dies(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def then_dies(action):
    return lambda *given: (action(*given), dies())

home, what, moment = Home(Path(sys.argv[1])), sys.argv[2], sys.argv[3]
if moment == "first lines taken in":
    intake.take = then_dies(intake.take)
elif moment == "all taken in":
    intake._report = dies
elif moment == "new file complete":
    rebuild.ingest_into = then_dies(rebuild.ingest_into)
elif moment == "old log removed":
    Path.replace = dies
else:
    Path.replace = then_dies(Path.replace)
{"ingest": ingest.ingest, "rebuild": rebuild.rebuild}[what](home)
"""
MOMENTS = ("first lines taken in", "all taken in", "new file complete", "old log removed", "renamed")
REBUILD = [sys.executable, "-P", "-m", "workbench.cli.main", "--home"]


def _dies(home: Home, what: str, moment: str) -> None:
    done = subprocess.run([sys.executable, "-c", DIES, str(home.path), what, moment], check=False)
    assert done.returncode == -signal.SIGKILL


def _fill(home: Home, first: int, count: int = 3) -> None:
    for number in range(first, first + count):
        finished_run(home, record(f"{number:012x}"), [Metric("loss", 0.5, False)], last=50)


def _is_whole(home: Home) -> None:
    """All rows once, as a rebuild gives them, and no files but the database and its lock."""
    ingest(home)
    assert sorted(path.name for path in home.path.glob("results*")) == ["results.duckdb", "results.lock"]
    grown = all_tables(home)
    rebuild(home)
    assert all_tables(home) == grown


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_rebuild_killed_at_the_worst_moments_loses_nothing(home: Home, moment: str) -> None:
    _fill(home, 0)
    ingest(home)
    _fill(home, 3)
    _dies(home, "ingest", "first lines taken in")  # its rows stand in the write-ahead log alone
    assert home.database.with_name("results.duckdb.wal").stat().st_size > 0
    _dies(home, "rebuild", moment)
    _is_whole(home)
    assert len(all_tables(home)["metrics"]) == 6 * 50 * 3


@pytest.mark.parametrize("moment", MOMENTS)
def test_an_ingest_killed_while_it_makes_the_database_anew_loses_nothing(home: Home, moment: str) -> None:
    _fill(home, 0)
    ingest(home)
    with writing(home) as opened:
        opened.execute("update store_format set version = ?", [FORMAT + 1])
    _dies(home, "ingest", moment)
    _is_whole(home)
    assert len(all_tables(home)["metrics"]) == 3 * 50 * 3


def test_rebuilds_and_ingests_killed_at_random_lose_nothing(home: Home) -> None:
    draw = random.Random(7)
    kills = 0
    for turn in range(12):
        _fill(home, turn, 1)
        command = [*REBUILD, str(home.path), "db", "rebuild"] if turn % 2 else [*INGEST, str(home.path)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=draw.uniform(0.15, 0.6))
            process.kill()
        kills += process.returncode == -signal.SIGKILL
    _is_whole(home)
    assert kills > 0
    assert len(all_tables(home)["metrics"]) == 12 * 50 * 3
