"""`workbench study report` over runs of known results: verdicts, tables that their SQL gives, pages, bad studies."""

import html
import random
import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.study_home import fill_study
from store.sandbox import query
from tests.cli.command import Desk
from tests.cli.in_process import Run, runner
from workbench.run.layout import Home
from workbench.run.record import RunRecord

pytestmark = pytest.mark.slow
Values = dict[str, float] | None


@pytest.fixture
def run(desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(desk, monkeypatch, capsys)


@pytest.fixture
def home(desk: Desk) -> Home:
    return Home(desk.home)


def _law(
    costs: dict[str, float], missing: Callable[[str, int], bool] = lambda arm, seed: False
) -> Callable[[RunRecord, str], Values]:
    """The loss is 0.5, a seed's share, a little noise, and what the arm's name says that it costs."""

    def law(record: RunRecord, arm: str) -> Values:
        if missing(arm, record.seed):
            return None
        draw = random.Random(f"{arm} {record.seed}")
        loss = 0.5 + 0.03 * record.seed + draw.gauss(0, 0.002) + sum(c for part, c in costs.items() if part in arm)
        return {"loss": loss, "token_accuracy": 1 - loss / 4, "exact_match": max(0.0, 1 - loss)}

    return law


def _new(run: Run, *words: str) -> None:
    made = run("study", "new", "mine", "--model", "demo", "--seeds", "1-4", *words)
    assert made.code == 0, made.err


def _sql_blocks(page: str) -> list[str]:
    found = re.findall(r"<summary>SQL of this table</summary><pre>(.*?)</pre>", page, re.DOTALL)
    return [html.unescape(block) for block in found]


def test_a_claim_is_judged_by_numbers_that_its_query_gives(run: Run, home: Home) -> None:
    _new(run, "--from", "same-discount")
    fill_study(home, "mine", _law({"from=attention": 0.1, "from=mlp": 0.02}))
    answer = run("study", "report", "mine", "--json").json
    [verdict] = answer["verdicts"]
    assert verdict["verdict"] == "supported"
    estimate = verdict["contrasts"][0]["estimate"]
    assert estimate["mean"] == pytest.approx(0.08, abs=0.005)
    assert run("study", "report", "mine", "--html").code == 0
    page = (home.studies / "mine" / "report.html").read_text(encoding="utf-8")
    statement = _sql_blocks(page)[0]
    [row] = query(home, statement.rstrip(";\n")).rows
    assert row == (4, *(pytest.approx(estimate[key], rel=1e-6) for key in ("mean", "sd", "low", "high")))


def test_the_opposite_is_contradicted_and_noise_is_not_separated(run: Run, home: Home) -> None:
    _new(run, "--from", "same-discount")
    fill_study(home, "mine", _law({"from=attention": 0.02, "from=mlp": 0.1}))
    told = run("study", "report", "mine")
    assert told.out.startswith("contradicted: At the same discount, saving in attention costs more")
    assert "not separated" not in told.out.splitlines()[0]


def test_every_query_of_a_report_runs_and_the_page_loads_nothing(run: Run, home: Home) -> None:
    _new(run, "--from", "rank-by-type-and-depth", "--levels", "cut=1,4")
    fill_study(home, "mine", _law({"type=attn": 0.1, "depth=upper": 0.05}))
    assert run("study", "report", "mine", "--html").code == 0
    page = (home.studies / "mine" / "report.html").read_text(encoding="utf-8")
    statements = [part for block in _sql_blocks(page) for part in block.split(";\n") if part.strip(" ;\n")]
    assert len(statements) > 10
    for statement in statements:
        assert not statement.lstrip().startswith("-")  # the command would take it for an option
        assert query(home, statement.strip().rstrip(";")).rows, statement
    assert not re.findall(r'(?:src|href)="(?!data:|#)', page)
    for heading in ("Verdicts", "Layer type × depth", "Sensitivity of layer groups", "Cost", "Limits", "To repeat it"):
        assert f">{heading}</h2>" in page


def test_markdown_stands_with_its_figures_and_their_data(run: Run, home: Home, tmp_path: Path) -> None:
    _new(run, "--from", "same-discount")
    fill_study(home, "mine", _law({"from=mlp": 0.1}))
    target = tmp_path / "out" / "found.md"
    assert run("study", "report", "mine", "--md", "--out", str(target)).code == 0
    page = target.read_text(encoding="utf-8")
    links = re.findall(r"\]\((found-figures/[^)]+)\)", page)
    assert len(links) >= 6
    for link in links:
        text = (target.parent / link).read_text(encoding="utf-8")
        if link.endswith(".svg"):
            ElementTree.fromstring(text)
    assert "| rank | arm | standing | n |" in page


def test_rates_that_were_tried_are_chosen_for_every_arm(run: Run, home: Home) -> None:
    _new(
        run,
        "--from",
        "balance-by-type-and-depth",
        "--levels",
        "balance=1,2,4",
        "--levels",
        "depth=*",
        "--levels",
        "type=attn,mlp",
    )
    fill_study(home, "mine", _law({"lr=*0.5": 0.2, "lr=*2": -0.05, "balance=2": 0.05, "balance=4": 0.1}))
    answer = run("study", "report", "mine", "--json").json
    assert {arm["arm"] for arm in answer["arms"] if arm["arm"].startswith("type=")} == {
        f"type={kind},depth=*,balance={level}" for kind in ("attn", "mlp") for level in (2, 4)
    }
    [verdict] = answer["verdicts"]
    assert verdict["verdict"] == "supported"
    assert run("study", "report", "mine", "--html").code == 0
    page = (home.studies / "mine" / "report.html").read_text(encoding="utf-8")
    assert "the best of the learning rates" in page
    assert "the lowest or the highest that was tried" in page
    assert "Of a slope per doubling, its size counts" in page
    assert "a number above 0 is for the claim" not in page


def test_missing_runs_are_marked_and_the_rest_is_used(run: Run, home: Home) -> None:
    _new(run, "--from", "same-discount")
    law = _law({"from=attention": 0.1}, missing=lambda arm, seed: arm.startswith("from=mlp,discount=0.1") and seed > 1)
    fill_study(home, "mine", law)
    answer = run("study", "report", "mine", "--json").json
    arms = {arm["arm"]: arm for arm in answer["arms"]}
    assert arms["from=mlp,discount=0.1"]["missing"] == [2, 3, 4]
    assert arms["from=mlp,discount=0.1"]["standing"] == "n < 3"
    assert arms["from=mlp,discount=0.2"]["standing"] != "n < 3"
    [verdict] = answer["verdicts"]
    assert verdict["verdict"] == "not answered"
    assert "1 common seed; at least 3" in verdict["reason"]
    assert "from=mlp,discount=0.1 (3)" in answer["notes"][0]


def test_a_baseline_without_common_seeds_compares_nothing(run: Run, home: Home) -> None:
    _new(run, "--from", "same-discount")
    fill_study(home, "mine", _law({}, missing=lambda arm, seed: (arm == "baseline") == (seed < 3)))
    arms = {arm["arm"]: arm for arm in run("study", "report", "mine", "--json").json["arms"]}
    assert arms["from=both,discount=0.1"]["standing"] == "no common seed"
    assert arms["from=both,discount=0.1"]["delta"] is None


def test_a_study_without_runs_or_without_its_metric_says_what_to_do(run: Run, home: Home) -> None:
    _new(run, "--from", "same-discount")
    none = run("study", "report", "mine")
    assert (none.code, "workbench study run mine" in none.err) == (4, True)
    fill_study(home, "mine", lambda record, arm: None if arm != "baseline" else {"exact_match": 0.5})
    other = run("study", "report", "mine")
    assert other.code == 4
    assert "gave the metric 'loss'" in other.err
    assert "exact_match" in other.err


def test_an_edited_file_is_said(run: Run, home: Home) -> None:
    _new(run, "--from", "same-discount")
    fill_study(home, "mine", _law({}))
    path = home.studies / "mine" / "study.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("[0.1, 0.2]", "[0.1]"), encoding="utf-8")
    notes = run("study", "report", "mine", "--json").json["notes"]
    assert "edited after runs were made" in notes[0]


@pytest.mark.parametrize(
    ("words", "said"),
    [(["--html", "--md"], "exclude each other"), (["--out", "x.html"], "--out goes with")],
)
def test_options_that_do_not_fit(run: Run, words: list[str], said: str) -> None:
    _new(run, "--from", "same-discount")
    done = run("study", "report", "mine", *words)
    assert done.code == 2
    assert said in done.err


def test_numbers_at_the_best_rates_are_those_of_their_queries(run: Run, home: Home) -> None:
    kept = ("balance=1,2", "depth=lower,upper", "type=attn,mlp")
    _new(run, "--from", "balance-by-type-and-depth", *(word for levels in kept for word in ("--levels", levels)))
    fill_study(home, "mine", _law({"lr=*0.5": 0.2, "lr=*2": -0.05, "balance=2": 0.05, "depth=upper": 0.01}))
    answer = run("study", "report", "mine", "--json").json
    assert run("study", "report", "mine", "--html").code == 0
    blocks = _sql_blocks((home.studies / "mine" / "report.html").read_text(encoding="utf-8"))
    contrasts = answer["verdicts"][0]["contrasts"]
    for statement, contrast in zip(blocks[0].split(";\n"), contrasts, strict=True):
        [numbers] = query(home, statement.strip().rstrip(";")).rows
        assert numbers[:2] == (4, pytest.approx(contrast["estimate"]["mean"]))
    [tuned] = [block for block in blocks if "baseline ran as baseline,lr=*2" in block and "worse_per" in block][:1]
    found = query(home, tuned)
    rows = {row[0]: dict(zip(found.columns, row, strict=True)) for row in found.rows}
    for arm in answer["arms"]:
        if arm["delta"]:
            row = rows[f"{arm['arm']},lr=*2"]
            for key in ("low", "high"):
                assert row[key] == pytest.approx(arm["delta"][key], rel=1e-6)
            assert row["delta"] == pytest.approx(arm["delta"]["mean"])
            assert row["correlation"] == pytest.approx(arm["correlation"])
    for block in blocks:
        for statement in block.split(";\n"):
            rows_of = query(home, statement.strip().rstrip(";")).rows
            assert rows_of[0][0] not in (0, None), statement


def test_sensitivity_is_that_of_its_query(run: Run, home: Home) -> None:
    _new(run, "--from", "same-discount", "--metric", "exact_match")
    fill_study(home, "mine", _law({"from=mlp": 0.1}))
    answer = run("study", "report", "mine", "--json").json
    assert run("study", "report", "mine", "--html").code == 0
    page = (home.studies / "mine" / "report.html").read_text(encoding="utf-8")
    [block] = [block for block in _sql_blocks(page) if "worse_per_million" in block and "exact_match" in block][:1]
    found = query(home, block)
    rows = {row[0]: dict(zip(found.columns, row, strict=True)) for row in found.rows}
    for arm in answer["arms"]:
        if arm["sensitivity"]:
            row = rows[arm["arm"]]
            told = (row["worse_per_million"], row["worse_low"], row["worse_high"])
            assert told == tuple(pytest.approx(arm["sensitivity"][key], rel=1e-6) for key in ("mean", "low", "high"))
    assert "The same differences over evaluation examples" in page


def test_rates_that_differ_and_were_not_tuned_are_said(run: Run, home: Home) -> None:
    _new(run, "--from", "balance-by-type-and-depth", "--levels", "depth=*", "--levels", "lr=*2")
    fill_study(home, "mine", _law({}))
    assert run("study", "report", "mine", "--html").code == 0
    page = (home.studies / "mine" / "report.html").read_text(encoding="utf-8")
    assert "Arms have different learning rates" in page
    assert "The learning rate is the same in all arms" not in page


def test_a_template_without_holes_is_tuned_beside_the_baseline(run: Run, home: Home) -> None:
    _new(run, "--from", "same-discount")
    path = home.studies / "mine" / "study.yaml"
    text = 'model: demo\nrecipe: demo\nfactors: {lr: ["*0.5", "*2"]}\ntemplate: "* attn r/=2"\nseeds: [1, 2, 3]\n'
    path.write_text(text, encoding="utf-8")
    fill_study(home, "mine", _law({"template": 0.1}))
    arms = {arm["arm"]: arm for arm in run("study", "report", "mine", "--json").json["arms"]}
    assert (arms["baseline"]["standing"], arms["template"]["standing"]) == ("baseline", "worse")


def test_values_that_are_no_numbers_and_another_metric_are_said(run: Run, home: Home) -> None:
    _new(run, "--from", "same-discount")
    law = _law({})

    def diverged(record: RunRecord, arm: str) -> Values:
        values = law(record, arm)
        return {**values, "loss": float("nan")} if values and arm == "from=mlp,discount=0.1" else values

    fill_study(home, "mine", diverged)
    path = home.studies / "mine" / "study.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("metric: loss", "metric: exact_match"), encoding="utf-8")
    metric, missing = run("study", "report", "mine", "--json").json["notes"]
    assert "The file says metric exact_match; this is by loss" in metric
    assert "from=mlp,discount=0.1 (4)" in missing


def test_members_without_the_baseline_say_what_to_do(run: Run, home: Home) -> None:
    _new(run, "--from", "same-discount")
    fill_study(home, "mine", _law({}))
    members = home.studies / "mine" / "members.jsonl"
    lines = members.read_text(encoding="utf-8").splitlines(keepends=True)
    members.write_text("".join(line for line in lines if '"arm":"baseline"' not in line), encoding="utf-8")
    done = run("study", "report", "mine")
    assert (done.code, "workbench study run mine" in done.err) == (4, True)


def test_predictions_that_cannot_be_read_leave_the_report_standing(run: Run, home: Home, tmp_path: Path) -> None:
    _new(run, "--from", "same-discount")
    ready = fill_study(home, "mine", _law({}))
    first = home.run_dir(ready.expansion.members[0].run_id).predictions(1)
    first.write_text("no prediction\n", encoding="utf-8")
    done = run("study", "report", "mine", "--html")
    assert done.code == 0
    assert "left out of intervals over examples" in done.err
    folder = run("study", "report", "mine", "--html", "--out", str(tmp_path))
    assert (folder.code, "a folder is there" in folder.err) == (2, True)


def test_levels_of_the_recipe_are_part_of_what_a_change_is_called(run: Run, home: Home) -> None:
    _new(run, "--from", "same-discount")
    path = home.studies / "mine" / "study.yaml"
    factors = "{type: [attn, mlp], depth: [lower, upper], steps: [50, 60]}"
    text = f'model: demo\nrecipe: demo\nfactors: {factors}\ntemplate: "{{depth}} {{type}} r/=4"\nseeds: [1, 2, 3]\n'
    path.write_text(text, encoding="utf-8")
    fill_study(home, "mine", _law({}))
    assert run("study", "report", "mine", "--html").code == 0
    page = (home.studies / "mine" / "report.html").read_text(encoding="utf-8")
    assert "Averaged over the changes r=4, steps=50; r=4, steps=60" in page
