"""What the keys of the Runs screen do beside watching: fixes of failures, clones, exports, one word for the layers."""

from pathlib import Path

import pytest

from tests.cli.written_runs import RECIPE, failed_run
from tests.store.helpers import record, sites, write_run
from tui.runs.adapted import adapted_group
from tui.runs.asking import Ask, Wish
from tui.runs.cloning import clone_of
from tui.runs.curve_file import Shown, export_words, write_curves
from tui.runs.fixes import failed, fixes_of
from tui.widgets.spark import spark
from workbench.errors import UsageError
from workbench.run.attempt_changes import read_changes
from workbench.run.failures import FAILURE_CLASSES
from workbench.run.layout import Home
from workbench.run.record import read_record

RUN = "aaaa00000001"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    found = Home(tmp_path / "home")
    found.path.mkdir()
    return found


def test_out_of_memory_is_met_by_keys_that_do_what_the_command_does(home: Home) -> None:
    folder = failed_run(home, RUN, "cuda_oom")
    attempt = failed(folder, read_record(folder.record), 1, None)
    first, second, third = fixes_of(FAILURE_CLASSES["cuda_oom"].fixes, attempt)
    assert first.wish == Wish(Ask.RETRY, ("batch=1",))
    assert "micro-batches of 1 × 2" in first.text
    assert second.wish is not None
    assert second.wish.words(RUN) == ["runs", "retry", RUN, "--set", "gradient_checkpointing=true"]
    assert (third.wish, third.copied) == (None, "workbench doctor")


def test_a_lower_rate_is_another_run_and_its_command_is_copied(home: Home) -> None:
    folder = failed_run(home, RUN, "nan")
    command = "/x/workbench run 'my plan' --recipe demo"
    attempt = failed(folder, read_record(folder.record), 1, command)
    fix = fixes_of(FAILURE_CLASSES["nan"].fixes, attempt)[0]
    assert (fix.wish, fix.copied) == (None, "workbench run 'my plan' --recipe demo --set lr=0.05")
    of_study = failed(folder, read_record(folder.record), 1, "workbench study run cut")
    assert fixes_of(FAILURE_CLASSES["nan"].fixes, of_study)[0].copied == FAILURE_CLASSES["nan"].fixes[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lr=1", "makes another run"),
        ("batch=3", "1, 2"),
        ("batch=0", "batch=4"),
        ("gradient_checkpointing=yes", "gradient_checkpointing=true"),
    ],
)
def test_an_attempt_takes_no_setting_that_would_make_it_another_experiment(text: str, said: str) -> None:
    with pytest.raises(UsageError) as error:
        read_changes([text], record(RUN, recipe=RECIPE))
    assert said in error.value.hint


def test_settings_of_an_attempt_keep_the_effective_batch() -> None:
    changes = read_changes(["batch=1", "gradient_checkpointing=true"], record(RUN, recipe=RECIPE))
    assert changes == {"batch": 1, "accumulation": 2, "gradient_checkpointing": True}


def test_a_clone_is_a_plan_file_with_a_name_of_its_own(home: Home) -> None:
    plan_file = {"name": "cut:r=2", "model": "demo", "base": "nf4", "rules": ["* all", "* mlp r=2"]}
    folder = write_run(home, record(RUN, plan="study:r=2,x/y", plan_file=plan_file))
    name, text = clone_of(folder)
    assert name == "study-r-2-x-y-copy"
    assert f"# from run {RUN}\n" in text
    assert f"name: {name}\n" in text
    assert "- '* mlp r=2'" in text


def test_layers_that_are_adapted_have_one_word() -> None:
    placed = sites({"attention": 4, "mlp": 4})
    assert adapted_group(record(RUN, placed=placed)) == "all"
    assert adapted_group(record(RUN, placed=sites({"attention": None, "mlp": None}))) == "none"
    assert adapted_group(record(RUN, placed=sites({"attention": None, "mlp": 2}))) == "mlp"
    lower = tuple(site for site in placed if site.block == 0)
    rest = tuple(site for site in sites({"attention": None, "mlp": None}) if site.block > 0)
    assert adapted_group(record(RUN, placed=(*lower, *rest))) == "lower"
    odd = tuple(site for site in placed if site.block != 1)
    middle = tuple(site for site in sites({"attention": None, "mlp": None}) if site.block == 1)
    assert adapted_group(record(RUN, placed=(*odd, *middle))) == "mixed"
    named = {"mine": [site.site for site in odd]}
    assert adapted_group(record(RUN, placed=(*odd, *middle), groups=named)) == "mine"


def test_curves_are_written_with_every_digit(tmp_path: Path) -> None:
    shown = Shown("eval.loss", ((RUN, "a,b", ([1, 2], [0.1 + 0.2, 1e-9])), ("b", "c", ([], []))))
    file = tmp_path / "x.csv"
    assert write_curves(shown, str(file)) == f"wrote {file}: 2 points of eval.loss, 2 runs"
    assert file.read_text().splitlines()[1] == f'{RUN},"a,b",eval.loss,1,0.30000000000000004'
    with pytest.raises(UsageError, match="exists"):
        write_curves(shown, str(file))
    assert write_curves(shown, f"{file}!")
    with pytest.raises(UsageError, match="no CSV file"):
        write_curves(shown, str(tmp_path / "x.xls"))
    words = export_words(shown)
    assert (words[0], "evals where metric = 'loss'" in words[1]) == ("sql", True)


def test_a_sparkline_goes_from_the_first_to_the_last() -> None:
    assert spark([4.0, 3.0, 2.0, 1.0], 20) == "4 █▆▃▁ 1"
    assert spark([2.0] * 3, 20) == "2 ▄▄▄ 2"
    assert spark([], 20) == ""
    assert spark([9.0, 8.0], 7) == "9 → 8"
    assert all(len(spark([float(i) for i in range(500)], width)) <= width for width in range(7, 100))
