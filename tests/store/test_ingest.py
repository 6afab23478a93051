import json
import os
import shutil
import subprocess

import pytest

from store import logs
from store.ingest import ingest, main
from tests.store.helpers import INGEST, Metric, finished_run, raw_event, record, rows, site_figures, steps, write_run
from workbench.run.events import EventLog
from workbench.run.layout import Home

RUN = "00000000000a"


def test_a_finished_run_fills_every_column(home: Home) -> None:
    finished_run(home, record(RUN, groups={"late": ["model.layers.2.mlp.up_proj"]}), [Metric("loss", 0.5, False)])
    report = ingest(home)
    assert (report.runs, report.rows, report.bad_lines, report.warnings, report.notice) == (1, 10, 0, (), "")
    columns = "attempt, status, failure_class, device, steps, peak_bytes, train_seconds, device_seconds, adapter_bytes"
    assert rows(home, f"select {columns} from runs") == [(1, "finished", None, "cpu", 3, 9000, 2.0, 1.5, 700)]
    assert rows(home, "select plan, recipe, predicted_bytes, trainable_params, reference from runs") == [
        ("base", "short", 4096, 3 * 4 * (16 + 32), False)
    ]
    assert rows(home, "select created = make_timestamp(1700000010000000), started <= ended from runs") == [(True, True)]
    assert rows(home, "select step, value from metrics where name = 'loss' order by step")[1] == (2, 0.5)
    assert rows(home, "select * exclude run_id from evals") == [(1, 3, "loss", "loss", 0.5, 50, False)]
    assert rows(home, "from groups") == [("late", "f" * 12, "model.layers.2.mlp.up_proj")]
    stored = "select r, layer_type, band, weight_norm, quant_error, update_norm, effective_rank, grad_norm"
    assert rows(home, f"{stored} from run_sites where block = 2 and module = 'up_proj'") == [
        (4, "mlp", "upper", 24.0, 0.1, 6.0, 6.0, 0.5)
    ]


def test_nothing_happens_where_nothing_has_grown_and_where_no_home_is(home: Home) -> None:
    finished_run(home, record(RUN))
    ingest(home)
    again = ingest(home)
    assert (again.runs, again.rows, again.bad_lines) == (0, 0, 0)
    absent = Home(home.path / "absent")
    assert ingest(absent).runs == 0
    assert not absent.path.exists()


def test_a_torn_last_line_waits_and_a_new_attempt_ends_it(home: Home) -> None:
    folder = write_run(home, record(RUN))
    log = EventLog(folder.events, RUN, 1)
    log.write("started", device="cpu", steps=4)
    steps(log, [1, 2])
    log.close()
    with folder.events.open("ab") as file:
        file.write(b'{"kind":"metric","attempt":1,"step":3,"val')
    assert (ingest(home).rows, ingest(home).bad_lines) == (6, 0)
    second = EventLog(folder.events, RUN, 2)
    second.write("started", device="cuda:0", steps=4)
    steps(second, [2, 3])
    second.close()
    report = ingest(home)
    assert (report.rows, report.bad_lines) == (6, 1)
    assert rows(home, "select attempt, device from runs") == [(2, "cuda:0")]
    assert rows(home, "select step, attempt from run_metrics where name = 'loss' order by step") == [
        (1, 1),
        (2, 2),
        (3, 2),
    ]


BAD = [
    b"\x00\x00\x00\x00",
    b"\xff\xfe broken",
    b'{"kind":"metric","attempt":1,"step":3,"val',
    b"[1, 2]",
    b'"kind"',
    b'{"kind":"metric","attempt":1,"values":{"loss":1}}',
    b'{"kind":"metric","step":1,"values":{"loss":1}}',
    b'{"attempt":1}',
    b'{"kind":"eval","attempt":"x","step":1}',
    b"[" * 2000,
]
HARMLESS = [
    b'{"kind":"metric","attempt":1,"step":1,"values":[1]}',
    b'{"kind":"metric","attempt":1,"step":1,"values":{"loss":1,"loss":2}}',
    b'{"kind":"eval","attempt":1,"step":1,"values":"x"}',
    b'{"kind":"site_stats","attempt":1,"sites":[1,null,{"site":7}]}',
    b'{"kind":"site_stats","attempt":1,"sites":{}}',
    b'{"kind":"started","attempt":1,"t":1e300,"steps":"many"}',
    b'{"kind":"finished","attempt":1,"t":"never","peak_bytes":[1]}',
    b"   ",
    b"",
]


def test_bad_lines_are_counted_and_stop_nothing(home: Home) -> None:
    folder = write_run(home, record(RUN))
    folder.events.write_bytes(b"\n".join([*BAD, *HARMLESS]) + b"\n")
    log = EventLog(folder.events, RUN, 1)
    steps(log, [1])
    log.close()
    report = ingest(home)
    # three of the step, and a name that a line gives twice
    assert (report.bad_lines, report.rows) == (len(BAD), 5)
    assert rows(home, "select file, bad_lines from ingest_cursor") == [(f"runs/{RUN}/events.jsonl", len(BAD))]


def test_unknown_kinds_are_kept_whole(home: Home) -> None:
    folder = write_run(home, record(RUN))
    raw_event(folder, 1, "from_the_future", answer=42)
    raw_event(folder, 1, "telemetry", watts=200)
    assert ingest(home).bad_lines == 0
    assert rows(home, "select kind, body->>'answer', source from events") == [("from_the_future", "42", "events")]


def test_a_line_longer_than_a_piece_is_read_whole(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "PIECE_BYTES", 64)
    finished_run(home, record(RUN), [Metric("loss", 0.5, False)])
    assert ingest(home).rows == 10
    assert rows(home, "select count(*) from run_sites where weight_norm is not null") == [(6,)]


def test_numbers_that_json_cannot_hold_become_null(home: Home) -> None:
    finished_run(home, record(RUN), [Metric("loss", float("nan"), False)])
    ingest(home)
    assert rows(home, "select metric, value from evals") == [("loss", None)]


@pytest.mark.parametrize("shim_first", [True, False])
def test_status_comes_from_both_logs_in_any_order(home: Home, shim_first: bool) -> None:
    folder = write_run(home, record(RUN))
    log, shim = EventLog(folder.events, RUN, 1), EventLog(folder.shim_events, RUN, 1)
    writes = [
        lambda: (log.write("started", device="cpu", steps=9), log.write("stopped", reason="user", step=4)),
        lambda: shim.write("failed", **{"class": "killed", "signal": 9}),
    ]
    writes[0]()
    if shim_first:
        hidden = folder.events.rename(folder.path / "hidden")
        writes[1]()
        ingest(home)
        hidden.rename(folder.events)
    else:
        ingest(home)
        assert rows(home, "select status from runs") == [("stopped",)]
        writes[1]()
    ingest(home)
    assert rows(home, "select status, failure_class from runs") == [("failed", "killed")]


def test_a_new_attempt_clears_the_status_and_keeps_the_finished_costs(home: Home) -> None:
    folder = finished_run(home, record(RUN), [Metric("loss", 0.5, False)])
    ingest(home)
    second = EventLog(folder.events, RUN, 2)
    second.write("started", device="cpu", steps=9)
    ingest(home)
    assert rows(home, "select attempt, status, ended, steps, train_seconds from runs") == [(2, None, None, 9, 2.0)]
    assert rows(home, "select attempt, value from final_evals") == [(1, 0.5)]
    second.write("failed", **{"class": "cuda_oom", "message": "out of memory"})
    ingest(home)
    assert rows(home, "select status, failure_class from runs") == [("failed", "cuda_oom")]


def test_the_last_site_statistics_hold(home: Home) -> None:
    written = record(RUN)
    folder = write_run(home, written)
    log = EventLog(folder.events, RUN, 1)
    log.write("site_stats", step=1, sites=site_figures(written, update=1.0))
    log.write("site_stats", step=2, sites=site_figures(written, update=5.0)[:2])
    log.close()
    ingest(home)
    assert rows(home, "select update_norm from run_sites order by rowid limit 3") == [(5.0,), (10.0,), (3.0,)]


@pytest.mark.parametrize(
    "changes", [{"v": 99}, {"seed": "x"}, {"predicted_bytes": {}}, {"sites": [1]}, {"run_id": "b"}, {"created": None}]
)
def test_one_broken_record_does_not_stop_the_others(home: Home, changes: dict[str, object]) -> None:
    finished_run(home, record("00000000000b"))
    finished_run(home, record(RUN))
    broken = home.run_dir("00000000000b").record
    broken.write_text(json.dumps(json.loads(broken.read_text()) | changes))
    report = ingest(home)
    assert report.runs == 1
    assert len(report.warnings) == 1
    assert "runs/00000000000b/run.json" in report.warnings[0]
    assert rows(home, "select run_id, status from runs") == [(RUN, "finished")]


def test_a_repaired_record_brings_its_logs(home: Home) -> None:
    finished_run(home, record(RUN))
    whole = home.run_dir(RUN).record.read_text()
    home.run_dir(RUN).record.write_text("{")
    assert ingest(home).rows == 0
    home.run_dir(RUN).record.write_text(whole)
    assert ingest(home).rows == 9


def test_a_run_made_again_under_its_id_is_read_afresh(home: Home) -> None:
    finished_run(home, record(RUN), [Metric("loss", 0.5, False)], last=5)
    ingest(home)
    shutil.rmtree(home.run_dir(RUN).path)
    finished_run(home, record(RUN, name="again"), [Metric("loss", 0.25, False)], last=2)
    report = ingest(home)
    assert report.warnings == (f"run {RUN}: logs replaced, so read again",)
    assert rows(home, "select name, status from runs") == [("again", "finished")]
    assert rows(home, "select max(step), count(*) from metrics") == [(2, 6)]
    assert rows(home, "select value from evals") == [(0.25,)]


def test_a_group_defined_anew_holds_in_its_newest_form(home: Home) -> None:
    first, second = "model.layers.0.mlp.up_proj", "model.layers.1.mlp.up_proj"
    write_run(home, record("00000000000c", groups={"mine": [second]}))
    write_run(home, record(RUN, groups={"mine": [first], "other": [first]}))
    ingest(home)
    assert sorted(rows(home, "select group_name, site from groups")) == [("mine", second), ("other", first)]


def test_two_ingesters_at_once_count_each_line_once(home: Home) -> None:
    finished_run(home, record(RUN), last=2000)
    running = [subprocess.Popen([*INGEST, str(home.path)]) for _ in range(2)]
    assert [process.wait() for process in running] == [0, 0]
    assert rows(home, "select count(*), count(distinct (step, name)) from metrics") == [(6000, 6000)]


def test_the_command_reports_and_exits_as_the_errors_say(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    finished_run(home, record(RUN))
    home.run_dir(RUN).record.write_text("{")
    assert main([str(home.path)]) == 0
    assert "not a run record" in capsys.readouterr().err


def test_a_log_removed_while_the_ingest_runs_is_passed_over(home: Home) -> None:
    folder = finished_run(home, record(RUN))
    [log] = logs.changed_logs(home, [RUN], {})
    os.unlink(folder.events)
    assert list(logs.batches([log], {})) == []
    assert not logs.is_rewritten(log, logs.Cursor(5, ""))
