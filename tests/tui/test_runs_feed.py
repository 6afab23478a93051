"""What the Runs screen is fed with: every line once, in order, from where it was read to."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.store.helpers import finished_run, record, sites, steps, write_run
from tests.tui.written_homes import FAILED, FINISHED, LIVE, LOSS, LOWER, at_work, written
from tui.runs.console import Console, shown
from tui.runs.facts import FactBook
from tui.runs.feed import Batch, ListFeed, LogFeed, Watched
from tui.runs.lister import Lister
from tui.runs.query import parse_query
from workbench.run.layout import Home
from workbench.run.record import RunRecord, read_record

pytestmark = pytest.mark.screens


class Feed:
    """Both feeds, read one after the other as their threads do."""

    def __init__(self, home: Home) -> None:
        self._lists, self._logs = ListFeed(home), LogFeed(home)

    def read(self, watched: Watched, now: float) -> Batch:
        return replace(self._logs.read(watched), listing=self._lists.read(watched, now).listing)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    found = Home(tmp_path / "home")
    found.path.mkdir()
    return found


def test_an_empty_home_is_told_once(home: Home) -> None:
    feed = Feed(home)
    first = feed.read(Watched(), now=0.0)
    assert first.listing is not None
    assert first.listing.rows == ()
    assert feed.read(Watched(), now=5.0).is_empty


def _groups(feed: ListFeed, now: float) -> dict[str, str] | None:
    """What the list says of each run, by the newest digit of its identifier; None where it says nothing new."""
    listing = feed.read(Watched(), now).listing
    return {row.run_id[-1]: row.group for row in listing.rows} if listing else None


def _four_runs(home: Home) -> None:
    """Of two plans."""
    cut = sites({"attention": 16, "mlp": None})
    for number in range(4):
        plan = {"placed": cut, "plan": "cut"} if number % 2 else {}
        finished_run(home, record(f"{number:012x}", seed=number, **plan), [LOSS])


def test_groups_of_many_runs_come_bite_by_bite_and_wait_for_no_other_list(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.runs.facts._BITE", 0.0)
    _four_runs(home)
    feed = ListFeed(home)
    found = [_groups(feed, now) for now in (0.0, 0.2, 0.4, 0.6, 0.8)]
    assert [groups and sum(map(bool, groups.values())) for groups in found] == [1, 2, 3, 4, None]
    assert found[3] == {"0": "all", "1": "attention", "2": "all", "3": "attention"}


def test_runs_of_one_plan_are_understood_once(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    understood = []

    def counted(path: Path) -> RunRecord:
        understood.append(path)
        return read_record(path)

    monkeypatch.setattr("tui.runs.facts.read_record", counted)
    _four_runs(home)
    assert _groups(ListFeed(home), 0.0) == {"0": "all", "1": "attention", "2": "all", "3": "attention"}
    assert len(understood) == 2


def test_a_record_that_is_damaged_holds_up_no_other_and_is_read_again(home: Home) -> None:
    _four_runs(home)
    rows = Lister(home).rows(0.0)
    book, file = FactBook(home), home.run_dir(rows[0].run_id).record
    whole = file.read_text()
    file.write_text(whole[:-40])
    assert [bool(row.group) for row in book.named(rows)] == [False, True, True, True]
    assert not book.is_behind
    file.write_text(whole)
    book.try_again()
    assert all(row.group for row in book.named(rows))


def test_a_run_at_work_is_followed_without_reading_anything_twice(home: Home) -> None:
    written(home)
    feed, watched = Feed(home), Watched((LIVE,), (LIVE, 1))
    with at_work(home) as (folder, log):
        steps(log, range(1, 4))
        first = feed.read(watched, now=0.0)
        assert first.listing is not None
        assert [row.status for row in first.listing.rows] == ["running", "finished", "failed", "finished"]
        assert [point.step for point in _losses(first.points)] == [1, 2, 3]
        steps(log, [4])
        folder.out(1).write_bytes(b"one\n 10%\r 20%")
        second = feed.read(watched, now=0.2)
        assert second.listing is None
        assert [point.step for point in _losses(second.points)] == [4]
        assert second.said is not None
        assert (second.said.lines, second.said.under_way) == (("one",), " 20%")
        third = feed.read(watched, now=1.1)
        assert third.listing is not None
        assert (third.listing.rows[0].step, third.points, third.said) == (4, (), None)
        assert feed.read(watched, now=2.2).is_empty
    ended = feed.read(watched, now=3.3)
    assert ended.listing is not None
    assert {row.status for row in ended.listing.rows if row.run_id == LIVE} == {"lost"}


def test_what_was_looked_away_from_is_read_anew_even_where_nobody_read_meanwhile(home: Home) -> None:
    """The pane has forgotten it: a mark taken and given back, or two keys in the list, between two readings."""
    written(home)
    feed = LogFeed(home)
    with at_work(home) as (folder, log):
        steps(log, range(1, 4))
        folder.out(1).write_bytes(b"one\n")
        once = Watched((LIVE,), (LIVE, 1)).after(Watched())
        first = feed.read(once)
        again = Watched((LIVE,), (LIVE, 1)).after(Watched((FINISHED,), (FINISHED, 1)).after(once))
        steps(log, [4])
        second = feed.read(again)
        assert [point.step for point in _losses(second.points)] == [1, 2, 3, 4]
        assert second.said is not None
        assert second.said.lines == ("one",)
        assert not again.goes_on(first.watched, LIVE)
        on = Watched((LIVE, FINISHED), (LIVE, 1)).after(again)
        assert on.goes_on(second.watched, LIVE)
        assert feed.read(on).said is None


@pytest.mark.parametrize(
    ("text", "fitting"),
    [
        ("group:mlp", {FINISHED, FAILED}),
        ("r>=16", {LOWER}),
        ("status:finished -plan:cut", {FINISHED}),
        ("loss<0.6", {FINISHED}),
        ("failure:nan", {FAILED}),
        ("seed:1 method:lora", {LOWER}),
        ("[red]", {LOWER}),
    ],
)
def test_a_filter_is_answered_at_once(home: Home, text: str, fitting: set[str]) -> None:
    written(home)
    feed = Feed(home)
    feed.read(Watched(), now=0.0)
    batch = feed.read(Watched(query=parse_query(text)), now=0.1)
    assert batch.listing is not None
    assert {row.run_id for row in batch.listing.shown} == fitting
    assert len(batch.listing.rows) == 3


def test_a_run_that_is_removed_leaves_the_list(home: Home) -> None:
    folder = write_run(home, record(LIVE))
    feed = Feed(home)
    feed.read(Watched((LIVE,), (LIVE, 1)), now=0.0)
    folder.record.unlink()
    folder.path.rmdir()
    batch = feed.read(Watched((LIVE,), (LIVE, 1)), now=1.5)
    assert batch.listing is not None
    assert batch.listing.rows == ()


def test_an_output_is_read_from_near_its_end_and_anew_where_it_was_cut(tmp_path: Path) -> None:
    path = tmp_path / "out.1.log"
    path.write_bytes(b"".join(b"%07d\n" % number for number in range(100_000)))
    console = Console(path)
    said = console.read()
    assert said is not None
    assert said.lines[-1] == "0099999"
    assert 30_000 < len(said.lines) < 40_000
    assert all(len(line) == 7 for line in said.lines)
    path.write_bytes(b"anew\n")
    again = console.read()
    assert again is not None
    assert again.lines == ("anew",)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b"plain", "plain"),
        (b" 10%\r 20%\r 30%\r", " 30%"),
        (b"\x1b[31mred\x1b[0m \x1b]0;title\x07end", "red end"),
        (b"bell \x07 bidi \xe2\x80\xae", "bell \\x07 bidi \\u202e"),
        (b"\xff\xfe", "��"),
        (b"\r\r", ""),
        (b"a\tb", "a       b"),
    ],
)
def test_a_line_of_output_is_as_a_terminal_leaves_it(line: bytes, text: str) -> None:
    assert shown(line) == text


def _losses(points: object) -> list[object]:
    return [point for _, found in points for point in found if point.name == "loss"]  # type: ignore[attr-defined]
