"""`workbench study new|check|run|status|list` as a person types them; nothing is trained here."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import Desk
from tests.cli.in_process import Run, runner
from workbench.run import locks
from workbench.run.checkpoints import complete_checkpoints
from workbench.run.events import EventLog
from workbench.run.layout import Home
from workbench.run.process import boot_id
from workbench.run.terms import Terms
from workbench.run.tickets import Tickets
from workbench.study.members import members_file, read_members

pytestmark = pytest.mark.slow

CUT = {"factors": {"cut": [4]}, "template": "* mlp r/={cut}", "seeds": [1, 2], "references": False}


@pytest.fixture
def run(desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(desk, monkeypatch, capsys)


@pytest.fixture
def home(desk: Desk) -> Home:
    return Home(desk.home)


def write_study(desk: Desk, name: str = "tiny", **values: Any) -> str:
    """A study file beside the home; JSON values are YAML ones."""
    given = {"name": name, "model": "demo", "recipe": "demo", "set": {"steps": 2, "batch": 8}, **CUT, **values}
    path = desk.folder / f"{name}.yaml"
    path.write_text("".join(f"{key}: {json.dumps(value)}\n" for key, value in given.items()), encoding="utf-8")
    return str(path)


def test_a_study_is_made_from_a_built_in_one_and_checked(run: Run, desk: Desk, home: Home) -> None:
    made = run(
        "study", "new", "mine", "--from", "same-discount", "--model", "demo", "--seeds", "1-4", "--alpha", "fixed"
    )
    assert made.code == 0
    assert "question: For the same cut" in made.out
    assert "contradicted if: The arm that saves in attention" in made.out
    text = (home.studies / "mine" / "study.yaml").read_text(encoding="utf-8")
    assert "alpha: 32" in text
    assert "seeds: [1, 2, 3, 4]" in text
    checked = run("study", "check", "mine", "--json")
    answer = checked.json
    assert (checked.code, answer["ok"], answer["runs"], answer["missing"]) == (0, True, 7 * 4 + 2, 30)
    arms = {arm["arm"]: arm for arm in answer["arms"]}
    assert arms["from=mlp,discount=0.2"]["discount"] == pytest.approx(0.2, abs=0.005)
    assert arms["from=mlp,discount=0.2"]["budget"]["deviation"] == pytest.approx(0, abs=0.005)
    assert answer["time"]["seconds"] is None
    assert "no finished run on this model" in answer["time"]["source"]
    assert answer["power"]["sd"] is None
    assert any("differ in scaling" in warning["message"] for warning in answer["warnings"])
    shown = run("study", "check", "mine")
    assert "runs        30, of which 0 are finished" in shown.out
    assert "time        unknown" in shown.out
    assert "power       unknown" in shown.out
    assert not members_file(home, "mine").exists()


def test_what_cannot_be_made_is_refused_and_nothing_is_written(run: Run, home: Home) -> None:
    for words, code, said in (
        (("x", "--from", "same-discont", "--model", "demo"), 4, "did you mean 'same-discount'?"),
        (("x", "--from", "same-discount", "--model", "nowhere", "--recipe", "demo"), 4, "nowhere"),
        (("x/y", "--from", "same-discount", "--model", "demo"), 2, "no slashes"),
        (("x", "--from", "same-discount", "--model", "demo", "--seeds", "1,1"), 3, "a second time"),
        (("x", "--from", "same-discount", "--model", "demo", "--seeds", "1,b"), 2, "'b' is no seed"),
        (("x", "--from", "same-discount", "--model", "demo", "--levels", "discount"), 2, "FACTOR=LEVEL"),
        (("x", "--from", "rank-by-type-and-depth", "--model", "demo", "--metric", "los"), 3, "did you mean 'loss'?"),
    ):
        refused = run("study", "new", *words)
        assert (refused.code, refused.out) == (code, ""), words
        assert said in refused.err
    assert not home.studies.exists()
    assert run("study", "new", "x", "--from", "same-discount", "--model", "demo").code == 0
    again = run("study", "new", "x", "--from", "same-discount", "--model", "demo")
    assert (again.code, "--force" in again.err) == (2, True)
    other = run("study", "new", "y", "--from", "same-discount", "--model", str(home.path))
    assert (other.code, "--recipe" in other.err) == (2, True)


def test_a_rank_that_cannot_be_cut_that_far_is_refused_by_check(run: Run) -> None:
    assert run("study", "new", "r8", "--from", "rank-by-type-and-depth", "--model", "demo", "--rank", "8").code == 0
    checked = run("study", "check", "r8", "--json")
    assert (checked.code, checked.json["ok"]) == (3, False)
    assert any("turns r 8 into 0.5" in error["message"] for error in checked.json["errors"])
    assert "turns r 8 into 0.5" in checked.err
    assert run("study", "run", "r8").code == 3


def test_all_studies_are_listed_with_their_questions(run: Run, desk: Desk) -> None:
    run("study", "new", "mine", "--from", "only-one-group", "--model", "demo")
    rows = {row["study"]: row["kind"] for row in run("study", "list", "--json").json}
    assert rows["mine"] == "yours"
    assert rows["base-precision"] == "built-in"
    assert "How far does one layer group come" in run("study", "list").out


def test_merged_arms_few_seeds_and_untuned_rates_are_said(run: Run, desk: Desk) -> None:
    path = write_study(desk, factors={"cut": [1, 4]}, arms={}, template="* mlp r/={cut}")
    shown = run("study", "check", path)
    assert "2 seeds: arms with fewer than 3 are labelled, and never ranked" in shown.out
    assert "arm cut=1 set the same as baseline: merged with it" in shown.out
    methods = {"arms": {"dora": "* all method=dora"}, "factors": {}, "template": [], "seeds": [1, 2, 3]}
    warned = run("study", "check", write_study(desk, "methods", **methods), "--json").json["warnings"]
    assert ["all have one learning rate" in warning["message"] for warning in warned] == [True]


def test_a_run_study_stands_in_the_home_and_its_members_in_the_queue(run: Run, desk: Desk, home: Home) -> None:
    started = run("study", "run", write_study(desk), "--hold", "--retries", "2", "--priority", "3")
    assert started.code == 0
    assert started.json == {
        "study": "tiny",
        "arms": 2,
        "runs": 4,
        "new_members": 4,
        "missing_before": 4,
        "statuses": {"queued": 4},
    }
    tickets = Tickets(home).waiting()
    assert {(t.batch, t.retries, t.priority, t.hold) for t in tickets} == {("tiny", 2, 3, True)}
    members = read_members(members_file(home, "tiny")).current
    assert [ticket.run_id for ticket in tickets] == [member.run_id for member in members]
    names = {json.loads(home.run_dir(m.run_id).record.read_text())["name"] for m in members}
    assert names == {"tiny:baseline-s1", "tiny:baseline-s2", "tiny:cut=4-s1", "tiny:cut=4-s2"}
    again = run("study", "run", "tiny", "--hold")
    assert (again.json["new_members"], len(Tickets(home).waiting())) == (0, 4)
    rows = run("sql", "select arm, count(*) as n from study_runs group by arm order by arm", "--json").json
    assert rows == [{"arm": "baseline", "n": 2}, {"arm": "cut=4", "n": 2}]


def test_status_counts_what_is_where(run: Run, desk: Desk, home: Home) -> None:
    path = write_study(desk)
    before = run("study", "status", path)
    assert (before.code, "workbench study run tiny" in before.err) == (4, True)
    run("study", "run", path, "--hold")
    answer = run("study", "status", "tiny", "--json").json
    assert answer["statuses"] == {"queued": 4}
    assert [arm["arm"] for arm in answer["arms"]] == ["baseline", "cut=4"]
    assert [member["seed"] for member in answer["arms"][1]["members"]] == [1, 2]
    assert "0/2" in run("study", "status", "tiny").out
    (home.queue / "batches").mkdir(parents=True, exist_ok=True)
    state = {"boot_id": boot_id(), "began": 0.0, "outcomes": {}, "paused": "3 failures"}
    (home.queue / "batches" / "tiny.json").write_text(json.dumps(state))
    assert run("study", "status", "tiny", "--json").json["paused"] == "3 failures"
    assert "workbench runs release tiny" in run("study", "status", "tiny").out
    assert "is paused: 3 failures" in run("study", "run", "tiny", "--hold").err


def test_a_level_and_a_seed_more_extend_the_study(run: Run, desk: Desk, home: Home) -> None:
    run("study", "run", write_study(desk), "--hold")
    first = read_members(members_file(home, "tiny"))
    path = write_study(desk, factors={"cut": [4, 2]}, seeds=[1, 2, 3])
    said = run("study", "check", path)
    assert "5 members are new; 4 are as before" in said.out
    more = run("study", "run", path, "--hold")
    assert (more.json["new_members"], more.json["runs"]) == (5, 9)
    known = read_members(members_file(home, "tiny"))
    assert set(first.current) < set(known.current)
    assert (known.design, known.earlier) == (first.design, ())


def test_an_edited_study_says_what_changes_and_old_members_stay(run: Run, desk: Desk, home: Home) -> None:
    run("study", "run", write_study(desk), "--hold")
    old = read_members(members_file(home, "tiny")).current
    path = write_study(desk, set={"steps": 3, "batch": 8}, seeds=[1])
    said = run("study", "check", path)
    assert "baseline: other runs than before: steps 2 → 3" in said.out
    assert "2 members are other runs now" in said.out
    assert "2 members stay" in said.out
    assert run("study", "check", path, "--json").json["changes"]["reasons"]["cut=4"] == "steps 2 → 3"
    edited = run("study", "run", path, "--hold")
    assert "steps 2 → 3" in edited.err
    known = read_members(members_file(home, "tiny"))
    assert set(known.earlier) == set(old)
    assert {m.run_id for m in known.current}.isdisjoint({m.run_id for m in old})
    assert all(home.run_dir(member.run_id).record.is_file() for member in old)
    assert run("study", "status", "tiny", "--json").json["earlier_members"] == 4
    assert "of an earlier version of the file stay" in run("study", "status", "tiny").out


def test_a_stopped_run_with_a_checkpoint_goes_on_from_it(run: Run, desk: Desk, home: Home) -> None:
    run("study", "run", write_study(desk), "--hold")
    run("runs", "stop", "--all")
    one = read_members(members_file(home, "tiny")).current[0]
    run_dir = home.run_dir(one.run_id)
    log = EventLog(run_dir.events, one.run_id, 1)
    log.write("started", steps=2, device="cpu")
    log.write("stopped", step=1, reason="user")
    log.close()
    Terms(1, threads=1).write(run_dir)
    folder = run_dir.checkpoints / "step-000001"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text('{"step": 1, "attempt": 1, "files": {}}')
    assert complete_checkpoints(run_dir)
    home.slots.mkdir(exist_ok=True)
    held = [locks.take(home.slots / f"cpu.{number}.lock") for number in range(2)]
    assert None not in held  # no room: nothing starts
    assert run("study", "run", "tiny").code == 0
    tickets = {ticket.run_id: ticket for ticket in Tickets(home).waiting()}
    assert len(tickets) == 4
    assert [ticket.resume for ticket in tickets.values()].count(True) == 1
    assert (tickets[one.run_id].resume, tickets[one.run_id].batch) == (True, "tiny")


def test_a_recipe_beside_the_file_is_found_from_the_home_too(run: Run, desk: Desk, home: Home) -> None:
    (desk.folder / "sub").mkdir()
    recipe = desk.folder / "sub" / "short.yaml"
    recipe.write_text("data: demo\nmax_length: 32\nsteps: 2\nlr: 1e-3\n", encoding="utf-8")
    path = Path(write_study(desk, recipe="short.yaml"))
    moved = path.rename(desk.folder / "sub" / "tiny.yaml")
    assert run("study", "run", str(moved), "--hold").code == 0
    kept = (home.studies / "tiny" / "study.yaml").read_text(encoding="utf-8")
    assert str(recipe) in kept
    assert run("study", "check", "tiny").code == 0


def test_names_may_be_left_out_where_they_are_clear(run: Run, home: Home) -> None:
    assert run("study", "new", "--from", "same-discount", "--model", "demo").code == 0
    assert (home.studies / "same-discount" / "study.yaml").is_file()
    assert run("study", "check", "--json").json["study"] == "same-discount"
    assert run("study", "new", "other", "--from", "same-discount", "--model", "demo").code == 0
    unclear = run("study", "check")
    assert (unclear.code, "name one of other, same-discount" in unclear.err) == (2, True)


def test_a_home_without_studies_says_how_to_make_one(run: Run) -> None:
    none = run("study", "status")
    assert (none.code, "study new --from" in none.err) == (4, True)


def test_a_study_that_cannot_be_read_is_listed_beside_the_others(run: Run, home: Home) -> None:
    (home.studies / "broken").mkdir(parents=True)
    (home.studies / "broken" / "study.yaml").write_text("a: [1\n", encoding="utf-8")
    done = run("study", "list")
    assert (done.code, "(cannot be read)" in done.out, "same-discount" in done.out) == (0, True, True)
    assert "not YAML" in done.err
