"""Whatever the history of several runs, the database that grew with it is the one that a rebuild makes."""

import json
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store import logs
from store.ingest import ingest
from store.rebuild import rebuild
from tests.store.helpers import Metric, all_tables, finished_run, record, rows, write_run
from workbench.run.events import EventLog
from workbench.run.layout import Home, RunDir

RUNS = ("00000000000a", "00000000000b", "00000000000c")
SITES = ("model.layers.1.mlp.up_proj", "model.layers.2.mlp.up_proj")
FLOATS = st.one_of(st.floats(width=32), st.sampled_from(["NaN", "-Infinity", None, True, "x"]))
STEPS = st.integers(0, 6)


def _event(kind: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"kind": st.just(kind), **fields})


EVENTS = st.one_of(
    _event("metric", step=STEPS, values=st.dictionaries(st.sampled_from(["loss", "lr"]), FLOATS)),
    _event("eval", step=STEPS, evaluator=st.just("loss"), values=st.fixed_dictionaries({"loss": FLOATS}), n=st.just(5)),
    _event(
        "site_stats",
        sites=st.lists(st.fixed_dictionaries({"site": st.sampled_from(SITES), "update_norm": FLOATS}), max_size=2),
    ),
    _event("finished", peak_bytes=st.integers(1, 9), train_seconds=st.floats(0, 9), adapter_bytes=st.integers(1, 9)),
    _event("failed", **{"class": st.sampled_from(["crash", "killed", "nan"])}),
    _event("started", device=st.sampled_from(["cpu", "cuda:0"]), steps=st.integers(1, 9)),
    st.sampled_from(["stopped", "paused", "resumed", "novelty", "telemetry"]).map(lambda kind: {"kind": kind}),
)
TORN = st.sampled_from([b'{"kind":"metric","attempt":1,"st', b"\xff\xfe", b"{", b"\x00"])
ACTIONS = st.one_of(
    st.tuples(st.just("events"), st.lists(EVENTS, min_size=1, max_size=5)),
    st.tuples(st.just("shim"), st.lists(EVENTS, min_size=1, max_size=2)),
    st.tuples(st.just("attempt"), st.none()),
    st.tuples(st.just("tear"), TORN),
    st.tuples(st.just("replace"), st.lists(EVENTS, max_size=3)),
    st.tuples(st.just("remove"), st.none()),
    st.tuples(st.just("record"), st.none()),
)


class History:
    """One run as its trainer, its supervisor and people with a shell treat it."""

    def __init__(self, home: Home, run_id: str) -> None:
        self.folder = home.run_dir(run_id)
        self.attempt, self.clock, self.lives = 1, 1.7e9, 0
        self.read = [(0, 0), (0, 0)]
        self.folder.path.mkdir(parents=True, exist_ok=True)

    def act(self, action: str, value: Any) -> None:
        self.folder.path.mkdir(parents=True, exist_ok=True)
        if action in ("events", "shim"):
            self._append(self.folder.events if action == "events" else self.folder.shim_events, value)
        elif action == "attempt":
            self.attempt += 1
        elif action == "tear":
            with self.folder.events.open("ab") as file:
                file.write(value)
        elif action == "record":
            self._record()
        else:
            self._start_again(action, value)

    def before_reading(self) -> None:
        """Of a log that another one replaced, only a file of the very same length is taken for the old one."""
        for place, path in enumerate((self.folder.events, self.folder.shim_events)):
            size = path.stat().st_size if path.exists() else 0
            life, read = self.read[place]
            if size and size == read and life != self.lives:
                self._append(path, [{"kind": "resumed"}])
            self.read[place] = (self.lives, path.stat().st_size if path.exists() else 0)

    def _append(self, path: Path, events: list[dict[str, Any]]) -> None:
        """As EventLog does it: a line of its own after a torn one. The clock goes back every now and then."""
        data = path.read_bytes() if path.exists() else b""
        lines = [] if data.endswith(b"\n") or not data else [""]
        for event in events:
            self.clock += 1.0 if self.lives % 2 else -1000.0
            fields = {"attempt": self.attempt, "seq": len(lines), "t": self.clock, "life": self.lives}
            lines.append(json.dumps({**fields, **event}))
        with path.open("a") as file:
            file.write("\n".join(lines) + "\n")

    def _record(self) -> None:
        """A record comes late, and is written once: it defines the group `mine` in the run's own way."""
        if not self.folder.record.exists():
            site = SITES[int(self.folder.run_id, 16) % 2]
            record(self.folder.run_id, groups={"mine": [site]}).write(self.folder.record)

    def _start_again(self, action: str, events: list[dict[str, Any]] | None) -> None:
        self.lives += 1
        shutil.rmtree(self.folder.path)
        if action == "replace":
            self.folder.path.mkdir()
            self._record()
            self._append(self.folder.events, [{"kind": "resumed"}, *(events or [])])


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    history=st.lists(st.tuples(st.sampled_from(RUNS), ACTIONS, st.booleans()), max_size=25),
    piece=st.sampled_from([64, 300, 1 << 20]),
)
def test_the_grown_database_is_the_rebuilt_one_row_by_row(
    tmp_path_factory: pytest.TempPathFactory, history: list[tuple[str, tuple[str, Any], bool]], piece: int
) -> None:
    home = Home(tmp_path_factory.mktemp("home"))
    runs = {run_id: History(home, run_id) for run_id in RUNS}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logs, "PIECE_BYTES", piece)
        patch.setattr(logs, "BATCH_BYTES", piece)
        for run_id, action, look in history:
            runs[run_id].act(*action)
            if look:
                _read(home, runs.values())
        _read(home, runs.values())
    grown = all_tables(home)
    rebuild(home)
    assert repr(grown) == repr(all_tables(home))  # not by values: NaN is not equal to itself


def _read(home: Home, runs: Iterable[History]) -> None:
    for run in runs:
        run.before_reading()
    ingest(home)


def _removed(home: Home, *run_ids: str) -> Iterator[RunDir]:
    for run_id in run_ids:
        folder = home.run_dir(run_id)
        shutil.rmtree(folder.path)
        yield folder


def test_a_run_whose_folder_is_gone_is_forgotten_with_all_its_rows(home: Home) -> None:
    for run_id in RUNS:
        finished_run(home, record(run_id), [Metric("loss", 0.5, False)])
    ingest(home)
    assert len(list(_removed(home, *RUNS[:2]))) == 2
    assert ingest(home).warnings == ("runs 00000000000a, 00000000000b: no run.json any more, so forgotten",)
    left = all_tables(home)
    for table in ("runs", "run_sites", "metrics", "evals", "events"):
        assert {row[0] for row in left[table]} == {RUNS[2]}, table
    assert [file for file, *_ in left["ingest_cursor"]] == [f"runs/{RUNS[2]}/events.jsonl"]
    assert ingest(home).warnings == ()
    rebuild(home)
    assert all_tables(home) == left


def test_a_warning_names_eight_runs_at_most(home: Home) -> None:
    ids = [f"{number:012x}" for number in range(11)]
    for run_id in ids:
        write_run(home, record(run_id))
    ingest(home)
    assert len(list(_removed(home, *ids))) == 11
    [warning] = ingest(home).warnings
    assert warning == f"runs {', '.join(ids[:8])} and 3 more: no run.json any more, so forgotten"
    assert rows(home, "select count(*) from runs") == [(0,)]


def test_a_longer_log_in_the_place_of_another_is_known_by_its_bytes(home: Home) -> None:
    folder = write_run(home, record(RUNS[0]))
    first = json.dumps({"kind": "metric", "attempt": 1, "step": 1, "values": {"loss": 1.5}})
    folder.events.write_text(first + "\n")
    ingest(home)
    folder.events.write_text(first.replace("1.5", "2.5") + "\n" + first.replace('"step": 1', '"step": 2') + "\n")
    assert ingest(home).warnings == (f"run {RUNS[0]}: logs replaced, so read again",)
    assert rows(home, "select step, value from metrics order by step") == [(1, 2.5), (2, 1.5)]


def test_a_log_that_is_gone_is_forgotten_and_the_run_stays(home: Home) -> None:
    folder = finished_run(home, record(RUNS[0]), [Metric("loss", 0.5, False)])
    ingest(home)
    folder.events.unlink()
    assert ingest(home).warnings == (f"run {RUNS[0]}: logs replaced, so read again",)
    assert rows(home, "select run_id, status from runs") == [(RUNS[0], None)]
    assert rows(home, "select count(*) from metrics") == [(0,)]


def test_the_newest_definition_of_a_group_holds_whenever_it_comes_and_the_next_when_it_goes(home: Home) -> None:
    write_run(home, record(RUNS[2], groups={"mine": [SITES[1]]}))
    ingest(home)
    write_run(home, record(RUNS[0], groups={"mine": [SITES[0]]}))  # older, and read later
    ingest(home)
    assert rows(home, "select site from groups") == [(SITES[1],)]
    assert len(list(_removed(home, RUNS[2]))) == 1
    ingest(home)
    assert rows(home, "select site from groups") == [(SITES[0],)]


@pytest.mark.parametrize("back", [3600.0, 1e9])
def test_a_clock_set_back_changes_no_state(home: Home, monkeypatch: pytest.MonkeyPatch, back: float) -> None:
    folder = write_run(home, record(RUNS[0]))
    now = 1.7e9
    monkeypatch.setattr("time.time", lambda: now)
    first = EventLog(folder.events, RUNS[0], 1)
    first.write("started", device="cpu", steps=9)
    first.write("failed", **{"class": "nan"})
    now -= back
    second = EventLog(folder.events, RUNS[0], 2)
    second.write("started", device="cuda:0", steps=9)
    second.write("paused", step=4)
    now -= back / 2
    second.write("finished", step=9, peak_bytes=7)
    ingest(home)
    assert rows(home, "select attempt, status, failure_class, device, peak_bytes from runs") == [
        (2, "finished", None, "cuda:0", 7)
    ]
    now -= back / 4
    EventLog(folder.shim_events, RUNS[0], 2).write("failed", **{"class": "killed"})
    now -= back / 8
    EventLog(folder.shim_events, RUNS[0], 2).write("failed", **{"class": "host_oom"})  # by another supervisor
    ingest(home)
    assert rows(home, "select status, failure_class from runs") == [("failed", "host_oom")]


def test_the_seconds_of_an_attempt_are_of_a_clock_that_nobody_sets(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    from store.history import history

    folder = write_run(home, record(RUNS[0]))
    log = EventLog(folder.events, RUNS[0], 1)
    for t, mono, kind in ((2e9, 50.0, "started"), (1e9, 52.5, "finished")):
        monkeypatch.setattr("time.time", lambda t=t: t)
        monkeypatch.setattr("time.monotonic", lambda mono=mono: mono)
        log.write(kind)
    monkeypatch.undo()
    ingest(home)
    [attempt] = history(home, RUNS[0])
    assert (attempt.started, attempt.seconds) == (2e9, 2.5)


def test_a_run_made_again_without_its_record_waits_for_it(home: Home) -> None:
    write_run(home, record(RUNS[0]))
    ingest(home)
    [folder] = _removed(home, RUNS[0])
    folder.path.mkdir()
    folder.events.write_text(json.dumps({"kind": "metric", "attempt": 1, "step": 1, "values": {"loss": 1.5}}) + "\n")
    assert ingest(home).warnings == (f"run {RUNS[0]}: no run.json any more, so forgotten",)
    assert rows(home, "select count(*) from metrics") == [(0,)]
    record(RUNS[0]).write(folder.record)
    assert ingest(home).rows == 1
