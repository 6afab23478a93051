"""The parts of the Library screen: maps, marks, branches, previews of files good and bad."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.written_runs import failed_run
from tests.store.helpers import Metric, finished_run, record, sites
from tui.library.book import Book
from tui.library.branches import branches, closed_at_first, is_empty, title_of
from tui.library.marks import Marks
from tui.library.mini_map import Spot, maps, record_spots
from tui.library.run_rows import RunReader, Runs, best_of
from tui.library.study_preview import member_states
from workbench.library.entry import Entry, Kind, file_entries
from workbench.library.tags import change_tags
from workbench.plan.files import load_plan
from workbench.run.layout import Home
from workbench.study.expand import Member
from workbench.study.members import Members

RUN, OTHER = "0123456789ab", "ba9876543210"
NASTY = "[red]a[/] \x1b[31m‮ 日本"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def _spots(ranks: list[int | None], base: str = "nf4", module: str = "q", method: str = "lora") -> list[Spot]:
    return [Spot(block, module, method if rank else "none", rank, base) for block, rank in enumerate(ranks)]


def _plan(home: Home, name: str, text: str) -> Entry:
    home.plans.mkdir(parents=True, exist_ok=True)
    path = home.plans / f"{name}.yaml"
    path.write_text(text, encoding="utf-8")
    return Entry(Kind.PLAN, name, path)


def _said(home: Home, entry: Entry, runs: Runs | None = None) -> str:
    return Book(home, "demo").preview(entry, runs or Runs()).text().plain


def _row(run_id: str = RUN, **changes: Any) -> dict[str, Any]:
    plain = {"run_id": run_id, "name": "n", "plan": "p", "plan_hash": "", "recipe": "r", "status": "finished"}
    plain |= {"attempt": 1, "eval": {}}
    return {**plain, **changes}


def test_small_ranks_are_digits_and_large_ones_shades() -> None:
    assert maps(_spots([2, 8, None]))[0].lines == ("q 28·",)
    large = maps(_spots([4, 64, None]))[0]
    assert large.lines == ("q ▓█·",)
    assert large.legend.startswith("rank: ▓ 4, █ 64, · none")
    assert maps(_spots([1, 2, 4, 8, 16]))[0].lines == ("q abcde",)
    assert maps(_spots([None, None]))[0].legend.startswith("rank: nothing is adapted")


def test_methods_and_bases_have_maps_where_sites_differ_in_them() -> None:
    assert len(maps(_spots([2, 2]))) == 1
    mixed = [*_spots([2, 2]), *_spots([2, None], base="int8", module="up", method="dora")]
    assert [found.lines for found in maps(mixed)] == [
        ("q  22", "up 2·"),
        ("q  LL", "up D·"),
        ("q  aa", "up bb"),
    ]


def test_many_blocks_are_folded_and_differences_are_seen() -> None:
    found = maps(_spots([2] * 64 + [4] + [2] * 63))[0]
    assert len(found.lines[0]) == len("q ") + 64
    assert found.lines[0].count("≈") == 1
    assert "2 blocks a character" in found.legend


def test_a_run_has_the_map_of_its_record() -> None:
    found = maps(record_spots(record(RUN, placed=sites({"attention": 4, "mlp": None}))))[0]
    assert found.lines == ("q  444", "up ···")


def test_two_of_a_kind_are_marked_and_the_older_makes_room() -> None:
    a, b, c = (Entry(Kind.PLAN, name, Path(name)) for name in "abc")
    run = Entry(Kind.RUN, "run", Path("run"))
    assert Marks().marking(a).marking(b).marking(c).entries == (b, c)
    assert Marks().marking(a).marking(b).marking(a).entries == (b,)
    assert Marks().marking(a).marking(run).entries == (run,)
    assert Marks((a, b)).among([b]).signs == {b.key: 1}


def test_a_filter_leaves_what_has_all_its_words(home: Home) -> None:
    _plan(home, "mine", "model: demo\n")
    rows = Runs((_row(RUN, name="late-s1"), _row(OTHER, name="late-s2", status="failed")), {OTHER: ("debug",)})
    files = file_entries(home)

    def left(wanted: str) -> list[str]:
        return [leaf.entry.name for branch in branches(home, files, rows, wanted) for leaf in branch.leaves]

    assert left("late") == ["late-s1", "late-s2"]
    assert left("LATE debug") == ["late-s2"]
    assert left("failed") == ["late-s2"]
    assert left("mine") == ["mine"]
    assert left("no such thing") == []
    assert "2 shown by late" in title_of(branches(home, files, rows, "late"), "late", narrow=False)


def test_an_empty_home_shows_its_templates(home: Home) -> None:
    files = file_entries(home)
    assert is_empty(files, Runs())
    assert closed_at_first(files, Runs()) == []
    _plan(home, "mine", "model: demo\n")
    assert not is_empty(file_entries(home), Runs())
    assert closed_at_first(file_entries(home), Runs()) == ["Templates"]


def test_a_plan_says_its_cost_its_notes_and_the_best_of_its_runs(home: Home) -> None:
    entry = _plan(home, "mine", f"model: demo\nrules: ['* all r=4']\nnotes: {json.dumps(NASTY)}\n")
    plan_hash = load_plan("mine", home).hash
    for run_id, loss in ((RUN, 0.5), (OTHER, 0.25)):
        finished_run(
            home,
            record(run_id, plan="mine", plan_hash=plan_hash, name=f"run-{loss}"),
            [Metric("loss", loss, False)],
        )
    finished_run(home, record("00000000000f", plan="mine"), [Metric("loss", 0.1, False)])
    arm = record("0000000000a1", plan="a-study:arm", plan_hash=plan_hash, name="a-study:arm-s1")
    finished_run(home, arm, [Metric("loss", 0.75, False)])
    said = _said(home, entry, RunReader(home).read())
    assert "down 444444" in said
    assert "runs (3)" in said
    assert "a-study:arm-s1  finished" in said
    assert "1 of an earlier version" in said
    assert "best loss of 3 finished runs: run-0.25" in said
    assert "loss ↓ 0.2500 nats a target token  (n=" in said
    assert "[red]a[/] \\x1b[31m\\u202e 日本" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("model: demo\nrules: ['uper all']\n", "did you mean 'upper'"),
        ("model: [\n", "not YAML"),
        ("model: /nowhere/at/all\n", "/nowhere/at/all"),
        ("\x00", "mine.yaml"),
    ],
)
def test_a_broken_plan_says_what_is_wrong(home: Home, text: str, said: str) -> None:
    entry = _plan(home, "mine", text)
    found = Book(home, "demo").preview(entry, Runs())
    assert found.problem
    assert said in found.text().plain


def test_what_is_gone_meanwhile_says_so(home: Home) -> None:
    entry = _plan(home, "mine", "model: demo\n")
    entry.path.unlink()
    assert Book(home, "demo").preview(entry, Runs()).problem
    run = Entry(Kind.RUN, "run", home.run_dir(RUN).path)
    assert "not there any more" in _said(home, run)
    assert Book(home, "demo").preview(run, Runs((_row(),))).problem


def test_a_preview_is_made_again_only_when_something_changed(home: Home) -> None:
    book, entry = Book(home, "demo"), _plan(home, "mine", "model: demo\n")
    made = book.preview(entry, Runs())
    assert book.kept(entry, Runs()) is made
    assert book.kept(entry, Runs(version=1)) is None
    book.preview(entry, Runs())
    entry.path.write_text("model: demo\nrules: []\n")
    assert book.kept(entry, Runs()) is None


def test_steps_of_a_run_change_no_version_and_its_state_does(home: Home) -> None:
    reader = RunReader(home)
    finished_run(home, record(RUN), [Metric("loss", 0.5, False)])
    first = reader.read()
    assert reader.read() is first
    change_tags(home.run_dir(RUN), ("debug",))
    tagged = reader.read()
    assert (tagged.tags, tagged.version) == ({RUN: ("debug",)}, first.version)
    failed_run(home, OTHER, "nan")
    assert reader.read().version == first.version + 1


def test_a_failed_run_says_why(home: Home) -> None:
    failed_run(home, RUN, "nan", recipe_name="short")
    runs = RunReader(home).read()
    said = _said(home, Entry(Kind.RUN, "base-run", home.run_dir(RUN).path), runs)
    assert "failed: nan: it went wrong" in said
    assert "nothing evaluated yet" in said
    assert "on disk" in said


def test_a_recipe_says_what_is_not_the_default(home: Home) -> None:
    home.recipes.mkdir(parents=True)
    path = home.recipes / "mine.yaml"
    path.write_text("data: demo\nlr: 0.1\nbatch: 16\n")
    said = _said(home, Entry(Kind.RECIPE, "mine", path))
    assert "lr: 0.1  (default 0.0002)" in said
    assert "batch: 16  (the default)" in said
    path.write_text("data: demo\nlr: much\n")
    assert Book(home, "demo").preview(Entry(Kind.RECIPE, "mine", path), Runs()).problem


def test_a_study_says_how_far_it_is(home: Home) -> None:
    path = home.studies / "s/study.yaml"
    path.parent.mkdir(parents=True)
    path.write_text('model: demo\nrecipe: demo\nseeds: [1, 2]\nquestion: why\narms: {cut: "* mlp r/=4"}\n')
    entry = Entry(Kind.STUDY, "s", path)
    assert "R puts them into the queue" in _said(home, entry)
    path.write_text("model: demo\nrecipe: demo\nseeds: none\n")
    assert Book(home, "demo").preview(entry, Runs()).problem


def test_members_without_a_run_are_missing() -> None:
    members = Members(current=(Member("a", (), 1, RUN), Member("a", (), 2, OTHER)))
    assert member_states(members, Runs((_row(RUN, status="running"),))) == {RUN: "running", OTHER: "missing"}


def test_the_best_run_is_told_by_loss_else_by_what_there_is() -> None:
    low, high = _row(RUN, eval={"loss": 1.0, "exact_match": 0.1}), _row(OTHER, eval={"loss": 2.0, "exact_match": 0.9})
    assert best_of([high, low]) == ("loss", low, 1.0)
    assert best_of([_row(eval={"exact_match": 0.1}), found := _row(eval={"exact_match": 0.2})]) == (
        "exact_match",
        found,
        0.2,
    )
    assert best_of([_row()]) is None


@pytest.mark.parametrize("name", ["all-linear-r16", "attention-upper-half", "middle-third", "only-one-group"])
def test_templates_can_be_looked_at(home: Home, name: str) -> None:
    found = Book(home, "demo").preview(Entry(Kind.TEMPLATE, name, home.path, True), Runs())
    assert not found.problem
    assert "enter" in found.text().plain
