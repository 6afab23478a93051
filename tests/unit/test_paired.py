import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import InvalidError
from workbench.run.predictions import Prediction
from workbench.study.paired import ExamplePair, by_example, count_pairs, pair_examples

NAMES = ("one", "two")


def _prediction(index: int, correct: bool, prompt: str = "p", target: str = "t") -> Prediction:
    return Prediction(3, index, f"{prompt}{index}", f"{target}{index}", "out", correct, 0.5)


def _side(answers: list[bool]) -> list[Prediction]:
    return [_prediction(index, correct) for index, correct in enumerate(answers)]


def _pairs(seed: int, a: list[bool], b: list[bool]) -> list[ExamplePair]:
    return pair_examples(seed, _side(a), _side(b), NAMES)


def test_the_four_cells_by_hand() -> None:
    pairs = _pairs(1, [True, True, True, False, False, False, True], [True, False, False, True, False, False, True])
    counts = count_pairs(pairs)
    assert (counts.both_right, counts.only_a, counts.only_b, counts.both_wrong, counts.n) == (2, 2, 1, 2, 7)
    assert [pair.index for pair in pairs if pair.differs] == [1, 2, 3]
    assert counts.p == 1.0  # 2 · P(X ≤ 1 of 3) = 2 · 4/8


answers = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60)


@given(answers)
def test_exchanging_the_sides_mirrors_the_table_and_keeps_p(rows: list[tuple[bool, bool]]) -> None:
    a, b = [x for x, _ in rows], [y for _, y in rows]
    there, back = count_pairs(_pairs(1, a, b)), count_pairs(_pairs(1, b, a))
    assert (there.both_right, there.only_a, there.only_b) == (back.both_right, back.only_b, back.only_a)
    assert there.p == back.p
    assert there.n == len(rows)


@given(answers, st.integers(1, 4))
def test_seeds_that_say_the_same_add_no_evidence(rows: list[tuple[bool, bool]], seeds: int) -> None:
    a, b = [x for x, _ in rows], [y for _, y in rows]
    one = count_pairs(_pairs(0, a, b))
    summed = by_example([pair for seed in range(seeds) for pair in _pairs(seed, a, b)])
    assert (summed.more_a, summed.more_b) == (one.only_a, one.only_b)
    assert summed.p == one.p
    assert summed.more_a + summed.more_b + summed.equal == len(rows)


def test_an_example_counts_for_the_side_that_is_right_under_more_seeds() -> None:
    first = _pairs(1, [True, True, True], [False, False, False])
    second = _pairs(2, [True, False, False], [False, True, False])
    summed = by_example([*first, *second])
    assert (summed.more_a, summed.more_b, summed.equal) == (2, 0, 1)


def _refusal(a: list[Prediction], b: list[Prediction]) -> InvalidError:
    with pytest.raises(InvalidError) as caught:
        pair_examples(1, a, b, NAMES)
    assert "one and two were not evaluated on the same examples" in caught.value.title
    assert "same evaluation data" in caught.value.hint
    return caught.value


def test_other_prompts_and_targets_are_refused_with_the_examples() -> None:
    a = _side([True] * 10)
    problems = _refusal(a, [_prediction(i, True, prompt="q" if i > 3 else "p") for i in range(10)]).problems
    assert [problem.where for problem in problems] == ["example #4", "example #5", "example #6", "and so on"]
    assert "the prompt is 'p4' in one, 'q4' in two" in problems[0].message
    assert problems[-1].message == "3 more of 10 examples differ"
    [only] = _refusal(a, [_prediction(i, True, target="u" if i == 9 else "t") for i in range(10)]).problems
    assert "the target is 't9' in one, 'u9' in two" in only.message


def test_examples_without_a_partner_are_refused_on_either_side() -> None:
    long, short = _side([True] * 10), _side([True] * 2)
    [problem] = _refusal(long, short).problems
    assert (problem.where, problem.message) == ("one", "8 of its 10 examples have no partner (#2, #3, #4, #5, #6 …)")
    [problem] = _refusal(short, long).problems
    assert problem.where == "two"
