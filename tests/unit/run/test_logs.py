import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.run import logs, queue
from workbench.run.events import EventLog, read_events
from workbench.run.follow import RunTail, Tail
from workbench.run.foreground import Follower
from workbench.run.layout import Home, RunDir
from workbench.run.liveness import RunView, view_of
from workbench.run.logs import latest_attempt, planned_steps, recent_events
from workbench.run.states import RunStatus
from workbench.run.tickets import Ticket

EVENTS = st.lists(
    st.fixed_dictionaries({"kind": st.sampled_from(["metric", "eval"]), "text": st.text(max_size=20)}), max_size=12
)


def _lines(events: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(event, ensure_ascii=False) + "\n" for event in events).encode()


@given(events=EVENTS, data=st.data())
def test_a_tail_gives_the_same_events_however_the_log_grows(
    events: list[dict[str, Any]], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("log") / "events.jsonl"
    tail, seen, rest = Tail(path), [], _lines(events)
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        with path.open("ab") as file:
            file.write(rest[:size])
        rest = rest[size:]
        seen += tail.read()
    assert seen == events
    assert tail.read() == []


@given(events=EVENTS, count=st.integers(1, 14), block=st.integers(1, 200), torn=st.sampled_from([b"", b'{"kind": "m']))
def test_the_newest_events_are_those_of_the_whole_log(
    events: list[dict[str, Any]], count: int, block: int, torn: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("log") / "events.jsonl"
    path.write_bytes(_lines(events) + torn)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logs, "BLOCK_BYTES", block)
        assert recent_events(path, count) == events[-count:] == read_events(path)[-count:]


def test_a_tail_waits_for_a_file_and_for_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    tail = Tail(path)
    assert tail.read() == []
    path.write_bytes(b'{"kind": "met')
    assert tail.read() == []
    with path.open("ab") as file:
        file.write(b'ric"}\nnot an event\n')
    assert tail.read() == [{"kind": "metric"}]


def test_only_as_much_is_read_as_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"\xff" * 10_000_000 + b"\n" + b'{"kind": "finished"}\n')
    with path.open("rb") as file:
        assert next(logs._newest_first(file)) == {"kind": "finished"}
        assert file.tell() > 9_900_000


def test_the_latest_attempt_is_the_highest_that_left_a_trace(tmp_path: Path) -> None:
    run_dir = RunDir(tmp_path)
    assert latest_attempt(run_dir) == 0
    EventLog(run_dir.events, "run", 2).write("started", steps=7)
    assert latest_attempt(run_dir) == 2
    run_dir.out(10).touch()
    (tmp_path / "out.old.log").touch()
    assert latest_attempt(run_dir) == 10
    EventLog(run_dir.shim_events, "run", 11).write("failed")
    assert latest_attempt(run_dir) == 11
    assert planned_steps(run_dir) == 7


def test_an_event_written_just_before_the_end_is_not_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_dir = RunDir(tmp_path / "runs" / "aaaa00000000")
    run_dir.path.mkdir(parents=True)

    def view_and_end(asked: RunDir) -> RunView:
        """The run ends right after its state was looked at, but is seen to be over by the next look only."""
        view = view_of(asked)
        if not asked.events.exists():
            EventLog(asked.events, asked.run_id, 1).write("finished", step=3)
        return view

    queue.enqueue(Home(tmp_path), [Ticket(run_dir.run_id, 0, hold=True)])
    events: list[dict[str, Any]] = []
    follower = Follower(Home(tmp_path), [run_dir], [], events.append)
    monkeypatch.setattr("workbench.run.foreground.view_of", view_and_end)
    assert follower.follow() == {run_dir.run_id: RunStatus.FINISHED}
    assert [event["kind"] for event in events] == ["finished"]


def test_a_run_tail_leaves_out_earlier_attempts(tmp_path: Path) -> None:
    run_dir = RunDir(tmp_path)
    EventLog(run_dir.events, "run", 1).write("started")
    tail = RunTail(run_dir, since=2)
    EventLog(run_dir.shim_events, "run", 2).write("failed")
    EventLog(run_dir.events, "run", 2).write("started")
    assert [(event["attempt"], event["kind"]) for event in tail.read()] == [(2, "started"), (2, "failed")]
