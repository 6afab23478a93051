from pathlib import Path

import pytest

from tests.store.helpers import record, write_run
from workbench.errors import NotFoundError, UsageError
from workbench.run.find import find_run, find_runs
from workbench.run.layout import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    for run_id, name in (("abcd00000001", "first"), ("abcd00000002", "twice"), ("abce00000003", "twice")):
        write_run(home, record(run_id, name=name))
    return home


@pytest.mark.parametrize(
    ("word", "run_id"), [("abcd00000002", "abcd00000002"), ("first", "abcd00000001"), ("abce", "abce00000003")]
)
def test_a_run_is_found_by_id_name_and_start(home: Home, word: str, run_id: str) -> None:
    assert find_run(home, word) == home.run_dir(run_id)


@pytest.mark.parametrize("word", ["abcd", "twice"])
def test_what_fits_several_runs_names_them(home: Home, word: str) -> None:
    with pytest.raises(UsageError, match="fits 2 runs") as raised:
        find_run(home, word)
    assert "abcd00000002 (twice)" in raised.value.hint


def test_what_fits_none_gets_the_nearest_name(home: Home) -> None:
    with pytest.raises(NotFoundError) as raised:
        find_run(home, "frist")
    assert raised.value.hint == "did you mean 'first'?"


@pytest.mark.parametrize("word", ["abc", "", ".", "..", "../runs/abcd00000001"])
def test_too_short_a_start_and_paths_find_nothing(home: Home, word: str) -> None:
    with pytest.raises(NotFoundError):
        find_run(home, word)


def test_a_name_that_was_changed_is_the_one_that_counts(home: Home) -> None:
    home.run_dir("abcd00000001").meta.write_text('{"name": "renamed"}')
    assert find_run(home, "renamed").run_id == "abcd00000001"
    home.run_dir("abcd00000001").meta.write_text("{")
    assert find_run(home, "first").run_id == "abcd00000001"


def test_a_home_without_runs_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="there are no runs"):
        find_run(Home(tmp_path), "first")


def test_several_words_give_each_run_once(home: Home) -> None:
    assert find_runs(home, ["first", "abcd00000001", "abce"]) == [
        home.run_dir(i) for i in ("abcd00000001", "abce00000003")
    ]
