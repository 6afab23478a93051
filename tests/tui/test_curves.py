"""Curves from logs, and braille pictures of them."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.runs.curves import Curves, points_of, smoothed
from tui.widgets.braille import picture, scale_of


def _metric(attempt: int, step: int, loss: float | None) -> dict[str, Any]:
    return {"kind": "metric", "attempt": attempt, "step": step, "values": {"loss": loss}}


def test_what_another_attempt_makes_anew_replaces_what_was_there() -> None:
    curves = Curves()
    curves.add("a", points_of(_metric(1, step, 1.0) for step in range(1, 11)))
    curves.add("a", points_of(_metric(2, step, 2.0) for step in (6, 7)))
    assert curves.line("a", "loss") == ([1, 2, 3, 4, 5, 6, 7], [1.0] * 5 + [2.0] * 2)
    curves.add("a", points_of([_metric(3, 1, 3.0)]))
    assert curves.line("a", "loss") == ([1], [3.0])
    curves.keep(["b"])
    assert curves.line("a", "loss") == ((), ())


def test_numbers_of_all_kinds_of_events_are_told_apart_and_what_is_no_number_is_left_out() -> None:
    events = [
        {"kind": "telemetry", "attempt": 1, "values": {"gpu_percent": 90, "watts": None}},
        _metric(1, 3, None),
        {"kind": "eval", "attempt": 1, "step": 4, "values": {"loss": 0.5}},
        {"kind": "telemetry", "attempt": 1, "values": {"gpu_percent": 91, "rss_bytes": True}},
        {"kind": "warning", "attempt": 1, "message": "x"},
        {"kind": "metric", "attempt": 1, "step": 5, "values": "damaged"},
    ]
    found = [(point.step, point.name, point.value) for point in points_of(events, step=2)]
    assert found == [
        (2, "telemetry.gpu_percent", 90.0),
        (4, "eval.loss", 0.5),
        (4, "telemetry.gpu_percent", 91.0),
    ]


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50), st.floats(0, 0.99))
def test_a_smoothed_curve_begins_where_the_raw_one_does_and_stays_within_it(values: list[float], weight: float) -> None:
    found = smoothed(values, weight)
    slack = 1e-6 * max(1.0, *map(abs, values))
    assert math.isclose(found[0], values[0], rel_tol=1e-9, abs_tol=1e-9)
    assert all(min(values) - slack <= value <= max(values) + slack for value in found)


_LINES = st.lists(
    st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), max_size=40).map(
        lambda ys: (list(range(len(ys))), ys)
    ),
    max_size=4,
)


@given(_LINES, st.booleans(), st.integers(1, 40), st.integers(1, 12))
def test_every_picture_stays_in_its_frame(lines: list[Any], log: bool, columns: int, rows: int) -> None:
    scale = scale_of(lines, log)
    drawable = [y for _, ys in lines for y in ys if math.isfinite(y) and (y > 0 or not log)]
    assert (scale is None) == (not drawable)
    if scale:
        drawn = picture(lines, scale, columns, rows)
        assert (len(drawn.dots), {len(row) for row in drawn.dots}) == (rows, {columns})
        assert all(0 <= row < rows and 0 <= column < columns for row, column in drawn.markers)
        assert any(any(row) for row in drawn.dots)


@pytest.mark.parametrize("number", range(7))
def test_a_spike_is_seen_whatever_the_dashes(number: int) -> None:
    flat = (list(range(5000)), [1.0] * 5000)
    for place in range(2000, 2040, 3):
        spiked = (flat[0], [9.0 if x == place else 1.0 for x in flat[0]])
        lines = [*([flat] * number), spiked]
        scale = scale_of(lines, False)
        assert scale is not None
        assert any(picture(lines, scale, 60, 10).dots[0])


def test_lines_are_told_apart_by_dashes_and_markers() -> None:
    level = [(list(range(200)), [float(number)] * 200) for number in range(6)]
    scale = scale_of(level, False)
    assert scale is not None
    drawn = picture(level, scale, 100, 24)
    rows = [tuple(row) for row in drawn.dots if any(row)]
    assert (
        len({tuple(bool(cell & 0x47) for cell in row) + tuple(bool(cell & 0xB8) for cell in row) for row in rows}) == 6
    )
    assert set(drawn.markers.values()) == set(range(6))
