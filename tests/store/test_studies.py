"""Studies in the store: from `members.jsonl`, brought up to date with every ingest, and given back by a rebuild."""

from pathlib import Path
from shutil import rmtree

import pytest

from store.ingest import ingest
from store.pilots import seed_values, speeds, study_deltas
from store.rebuild import rebuild
from tests.store.helpers import Metric, finished_run, record, rows
from workbench.run.layout import Home
from workbench.study.expand import Member
from workbench.study.members import add_members, members_file

BASE = [Member("baseline", (), seed, f"00000000000{seed}") for seed in (1, 2)]
CUT = [Member("cut=2,at=mlp", (("cut", "2"), ("at", "mlp")), seed, f"00000000001{seed}") for seed in (1, 2)]
REFERENCE = Member("reference", (), 0, "000000000020")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def add(home: Home, *members: Member, design: str = "d", metric: str = "loss") -> None:
    add_members(members_file(home, "s"), design, "baseline", metric, members)


def study_runs(home: Home) -> list[tuple[object, ...]]:
    ingest(home)
    return rows(home, "select arm, factor, level, seed, run_id from study_runs order by arm, seed, factor")


def test_members_stand_in_both_tables_with_a_row_for_every_factor(home: Home) -> None:
    add(home, *BASE, CUT[0], REFERENCE)
    assert study_runs(home) == [
        ("baseline", None, None, 1, "000000000001"),
        ("baseline", None, None, 2, "000000000002"),
        ("cut=2,at=mlp", "at", "mlp", 1, "000000000011"),
        ("cut=2,at=mlp", "cut", "2", 1, "000000000011"),
        ("reference", None, None, 0, "000000000020"),
    ]
    assert rows(home, "select study, baseline, metric, created is not null from studies") == [
        ("s", "baseline", "loss", True)
    ]


def test_a_study_that_grows_or_is_edited_is_read_again(home: Home) -> None:
    add(home, *BASE)
    assert len(study_runs(home)) == 2
    add(home, *BASE, *CUT)
    assert len(study_runs(home)) == 6
    other = Member("baseline", (), 1, "000000000099")
    add(home, other, design="another", metric="exact_match")
    assert study_runs(home) == [("baseline", None, None, 1, "000000000099")]
    assert rows(home, "select metric from studies") == [("exact_match",)]


def test_a_study_that_is_gone_is_forgotten(home: Home) -> None:
    add(home, *BASE)
    assert len(study_runs(home)) == 2
    rmtree(home.studies / "s")
    assert study_runs(home) == []
    assert rows(home, "select count(*) from studies") == [(0,)]


def test_a_rebuild_gives_studies_back(home: Home) -> None:
    add(home, *BASE, *CUT)
    before = study_runs(home)
    home.database.write_bytes(b"not a database")
    rebuild(home)
    assert rows(home, "select arm, factor, level, seed, run_id from study_runs order by arm, seed, factor") == before


def test_lines_that_cannot_be_read_are_told_of_once(home: Home) -> None:
    add(home, *BASE)
    with members_file(home, "s").open("a", encoding="utf-8") as file:
        file.write("{torn\n")
    assert ingest(home).warnings == (f"{members_file(home, 's')}: 1 lines cannot be read",)
    assert ingest(home).warnings == ()
    assert len(study_runs(home)) == 2


def test_what_earlier_runs_say_of_runs_to_come(home: Home) -> None:
    losses = {"000000000001": 1.0, "000000000002": 2.0, "000000000011": 1.5, "000000000012": 2.75}
    for member in (*BASE, *CUT):
        plan = member.arm.partition("=")[0]
        written = record(member.run_id, plan=plan, plan_hash=plan, seed=member.seed)
        finished_run(home, written, [Metric("loss", losses[member.run_id], False)])
    add(home, *BASE, *CUT)
    ingest(home)
    assert study_deltas(home, "s", "loss") == [[0.5, 0.75]]
    assert seed_values(home, "loss", "f" * 12, "cccccccccccc") == [[1.0, 2.0], [1.5, 2.75]]
    assert seed_values(home, "loss", "f" * 12, "another") == []
    assert seed_values(home, "loss", "f" * 12, "cccccccccccc", "another") == []
    assert {speed.run_id for speed in speeds(home, "f" * 12)} == set(losses)
    assert speeds(home, "another") == []
