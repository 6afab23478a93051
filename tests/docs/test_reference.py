"""The reference pages say what the code says."""

from pathlib import Path

import pytest

from tests.train.support import demo_recipe, demo_sites, make_record
from workbench.report.reference import pages
from workbench.run.event_fields import EVENT_FIELDS
from workbench.run.events import KINDS, EventLog, read_events
from workbench.run.layout import RunDir
from workbench.train.stop import StopFlag
from workbench.train.train_run import train_run

FOLDER = Path(__file__).parents[2] / "docs/reference"
NOT_ALWAYS = {"started": {"why"}, "eval": {"interval"}}
ENVELOPE = {"v", "run_id", "attempt", "seq", "t", "mono", "kind"}


@pytest.mark.parametrize("name", pages())
def test_a_page_is_current(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == pages()[name]


def test_every_kind_of_event_is_documented() -> None:
    assert set(EVENT_FIELDS) == set(KINDS)


@pytest.mark.slow
def test_a_run_writes_the_documented_fields(tmp_path: Path) -> None:
    record = make_record(demo_sites(2), demo_recipe(steps=2))
    run_dir = RunDir(tmp_path / record.run_id)
    run_dir.path.mkdir()
    record.write(run_dir.record)
    log = EventLog(run_dir.events, record.run_id, 1)
    train_run(run_dir, 1, log, StopFlag())
    log.close()
    events = read_events(run_dir.events)
    assert {"started", "base_ready", "audit", "metric", "eval", "site_stats", "finished"} <= {e["kind"] for e in events}
    for event in events:
        always = set(EVENT_FIELDS[event["kind"]]) - NOT_ALWAYS.get(event["kind"], set())
        assert set(event) - ENVELOPE == always, event["kind"]
