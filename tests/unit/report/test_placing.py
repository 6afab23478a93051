"""Labels keep off each other, off what is drawn, and inside."""

from hypothesis import given
from hypothesis import strategies as st

from workbench.report.figures.palette import ink_on
from workbench.report.figures.placing import Box, Wanted, placed
from workbench.report.figures.reach import reach_of
from workbench.report.figures.words import digits_for, label

ROOM = Box(0, 0, 600, 400)
positions = st.tuples(st.floats(10, 590), st.floats(10, 390))


@given(st.lists(positions, max_size=20))
def test_labels_that_need_not_stand_never_cover_anything(points: list[tuple[float, float]]) -> None:
    markers = [Box(x - 4, y - 4, x + 4, y + 4) for x, y in points]
    found = placed([Wanted(x, y, 80, 10, must=False) for x, y in points], markers, ROOM)
    boxes = [place.box for place in found if place]
    assert all(box.shared(marker) == 0 for box in boxes for marker in markers)
    assert all(one.shared(two) == 0 for i, one in enumerate(boxes) for two in boxes[:i])
    assert all(box.shared(ROOM) >= box.area - 0.01 for box in boxes)


def test_a_label_alone_stands_to_the_right_and_at_the_border_to_the_left() -> None:
    free, border = placed([Wanted(300, 200, 80, 10, False), Wanted(590, 100, 80, 10, False)], [], ROOM)
    assert free is not None
    assert free.box.left > 300
    assert not free.lined
    assert border is not None
    assert border.box.right < 590


def test_a_label_that_must_stand_stands_where_it_covers_least() -> None:
    all_taken = [Box(0, 0, 600, 400)]
    assert placed([Wanted(300, 200, 80, 10, must=True)], all_taken, ROOM) != [None]
    assert placed([Wanted(300, 200, 80, 10, must=False)], all_taken, ROOM) == [None]


def test_an_axis_holds_all_means_and_the_usual_intervals() -> None:
    usual = [(1.0, (0.5, 1.5), True)] * 3
    reach = reach_of([*usual, (2.0, (-98.0, 102.0), True), (3.0, (-99.0, 99.0), False), (None, None, False)])
    assert reach.low < 0
    assert 4 < reach.high < 5
    assert reach.cuts(-98.0, 102.0)
    assert not reach.cuts(0.5, 1.5)


def test_an_axis_of_nothing_or_of_one_value_has_a_width() -> None:
    for reach in (reach_of([]), reach_of([(None, None, False)], ()), reach_of([(5.0, None, True)], ())):
        assert reach.low < reach.high


def test_numbers_have_three_digits_at_their_largest() -> None:
    assert [digits_for([value]) for value in (0.0, 250.0, 2.5, -0.25, 0.025, 1e-12)] == [3, 0, 2, 3, 4, 6]
    assert digits_for([None, float("nan"), 0.5]) == 3


def test_ink_is_dark_on_light_and_light_on_dark() -> None:
    assert ink_on(1, 1, 1) == "#222222"
    assert ink_on(0.1, 0.0, 0.3) == "#FFFFFF"


def test_a_label_is_never_empty() -> None:
    assert label("") == label("  ") == "–"
