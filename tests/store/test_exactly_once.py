"""Each line counts once, whatever happens to the ingest and however the logs grow."""

import json
import os
import random
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store import logs
from store.ingest import ingest
from store.rebuild import rebuild
from tests.store.helpers import INGEST, all_tables, record, rows, write_run
from workbench.errors import InvalidError, NotFoundError
from workbench.run.layout import Home

KILLS = 20
RUNS = ("00000000000a", "00000000000b", "00000000000c")
LINES = 25_000


def _metric(step: int) -> bytes:
    return json.dumps({"attempt": 1, "kind": "metric", "t": 1.5, "step": step, "values": {"loss": step / 7}}).encode()


@pytest.mark.slow
def test_twenty_kills_lose_and_repeat_nothing(home: Home) -> None:
    draw = random.Random(20)
    data = b"".join(_metric(step) + b"\n" for step in range(1, LINES + 1))
    folders = [write_run(home, record(run_id)) for run_id in RUNS]
    written, kills, offsets, patience = 0, 0, set[int](), 0.02
    while kills < KILLS:
        process = subprocess.Popen([*INGEST, str(home.path)])
        for _ in range(draw.randint(4, 40)):  # the logs grow while it runs, in chunks that tear lines
            chunk = data[written : written + draw.randint(100, 5000)]
            written += len(chunk)
            for folder in folders:
                _append(folder.events, chunk)
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=draw.uniform(0.005, patience))
                break
        process.kill()
        kills += process.wait() == -signal.SIGKILL
        offsets |= _offsets(home)
        patience = 0.02 if offsets else min(0.1, 1.3 * patience)  # on a busy machine it got nowhere yet
    for folder in folders:
        _append(folder.events, data[written:])
    assert ingest(home).bad_lines == 0
    assert any(0 < offset < len(data) for offset in offsets)
    for run_id in RUNS:
        counted = f"select count(*), count(distinct step), max(step) from metrics where run_id = '{run_id}'"
        assert rows(home, counted) == [(LINES, LINES, LINES)]


def _append(path: Path, data: bytes) -> None:
    with path.open("ab", buffering=0) as file:
        file.write(data)


def _offsets(home: Home) -> set[int]:
    """Where the cursor stands; nowhere before an ingest has come so far as to make the tables."""
    try:
        return {offset for (offset,) in rows(home, 'select "offset" from ingest_cursor')}
    except (NotFoundError, InvalidError):
        return set()


NUMBERS = st.floats(allow_nan=False)
EVENTS = st.one_of(
    st.builds(lambda s, v: {"kind": "metric", "step": s, "values": {"loss": v, "lr": 0.1}}, st.integers(0, 9), NUMBERS),
    st.builds(
        lambda s, v: {"kind": "eval", "step": s, "evaluator": "loss", "values": {"loss": v}, "n": 5},
        st.integers(0, 9),
        NUMBERS,
    ),
    st.builds(
        lambda u: {"kind": "site_stats", "sites": [{"site": "model.layers.1.mlp.up_proj", "update_norm": u}]},
        st.floats(0, 9),
    ),
    st.builds(
        lambda kind: {"kind": kind, "device": "cpu", "steps": 3, "class": "crash"},
        st.sampled_from(["started", "finished", "failed", "stopped", "paused", "novelty"]),
    ),
)
GARBAGE = st.one_of(
    st.binary(max_size=30).map(lambda b: b.replace(b"\n", b"")), st.sampled_from([b"{", b"[]", b"  ", b"\x00"])
)


@st.composite
def log_bytes(draw: st.DrawFn, name: str) -> bytes:
    """A log with attempts, garbage, and sometimes a torn last line."""
    lines, attempt = [], 1
    for seq, item in enumerate(draw(st.lists(st.one_of(EVENTS, GARBAGE), max_size=20))):
        if isinstance(item, bytes):
            lines.append(item)
            continue
        attempt += draw(st.booleans())
        lines.append(json.dumps({"attempt": attempt, "seq": seq, "t": 1.0 + seq, "log": name, **item}).encode())
    return b"\n".join(lines) + draw(st.sampled_from([b"", b"\n"]))


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    contents=st.tuples(log_bytes("events"), log_bytes("shim")),
    cuts=st.lists(st.tuples(st.integers(0, 1), st.integers(1, 400)), max_size=6),
    piece=st.sampled_from([16, 200, 4096]),
)
def test_any_growth_gives_the_rows_of_one_ingest(
    tmp_path_factory: pytest.TempPathFactory, contents: tuple[bytes, bytes], cuts: list[tuple[int, int]], piece: int
) -> None:
    home = Home(tmp_path_factory.mktemp("home"))
    folder = write_run(home, record(RUNS[0]))
    paths, shown = (folder.events, folder.shim_events), [0, 0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logs, "PIECE_BYTES", piece)
        patch.setattr(logs, "BATCH_BYTES", piece)
        for which, count in [*cuts, (0, 1 << 20), (1, 1 << 20)]:
            with paths[which].open("ab") as file:
                file.write(contents[which][shown[which] : shown[which] + count])
                shown[which] = min(len(contents[which]), shown[which] + count)
            ingest(home)
    grown = all_tables(home)
    rebuild(home)
    assert grown == all_tables(home)
    assert sum(offset for _, offset, *_ in grown["ingest_cursor"]) == sum(data.rfind(b"\n") + 1 for data in contents)


def test_rows_and_cursor_move_together(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_run(home, record(RUNS[0]))
    folder.events.write_bytes(b"\n".join(_metric(step) for step in range(1, 101)) + b"\n")
    monkeypatch.setattr(logs, "PIECE_BYTES", 2000)
    monkeypatch.setattr(logs, "BATCH_BYTES", 2000)
    ingest(home)
    assert rows(home, 'select "offset" from ingest_cursor') == [(os.path.getsize(folder.events),)]
    assert rows(home, "select count(*), count(distinct step) from metrics") == [(100, 100)]
