"""The event log, written by several threads at once."""

import json
import threading
from pathlib import Path

from workbench.run.events import EventLog, read_events


def test_events_of_several_threads_come_one_after_the_other(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl", "run", 1)
    start = threading.Barrier(4)

    def write(thread: int) -> None:
        start.wait()
        for number in range(200):
            log.write("telemetry", values={"thread": thread, "number": number, "text": "x" * 500})

    threads = [threading.Thread(target=write, args=(thread,)) for thread in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.close()
    assert all(json.loads(line) for line in log_lines(tmp_path))
    events = read_events(tmp_path / "events.jsonl")
    assert [event["seq"] for event in events] == list(range(1, 801))
    for thread in range(4):
        numbers = [event["values"]["number"] for event in events if event["values"]["thread"] == thread]
        assert numbers == list(range(200))


def log_lines(folder: Path) -> list[bytes]:
    return (folder / "events.jsonl").read_bytes().splitlines()
