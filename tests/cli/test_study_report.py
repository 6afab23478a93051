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
    assert "| rank | arm | n |" in page


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
