from itertools import islice

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.train.support import BASE
from workbench.data.example import Example
from workbench.data.tokenize import tokenize
from workbench.errors import InvalidError
from workbench.train.batches import IGNORED, collate, training_order
from workbench.train.tokenizer import load_tokenizer

TOKENIZER = load_tokenizer(BASE)
TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12)


def test_the_target_is_the_completion_and_the_end_of_text() -> None:
    (one,) = tokenize([Example("sort cab=", "abc", 1)], TOKENIZER, 64, "training").examples
    assert TOKENIZER.decode(list(one.ids)) == "<bos>sort cab=abc<eos>"
    assert TOKENIZER.decode(list(one.ids[-one.targets :])) == "abc<eos>"


@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=6), st.integers(2, 30))
def test_nothing_but_targets_is_labelled(texts: list[tuple[str, str]], max_length: int) -> None:
    examples = [Example(prompt, completion, i + 1) for i, (prompt, completion) in enumerate(texts)]
    lengths = [1 + len(p) for p, _ in texts]
    if all(length >= max_length for length in lengths):
        with pytest.raises(InvalidError, match="no target token is left"):
            tokenize(examples, TOKENIZER, max_length, "training")
        return
    tokens = tokenize(examples, TOKENIZER, max_length, "training")
    assert len(tokens.examples) + tokens.dropped == len(examples)
    batch = collate(tokens.examples, 0, torch.device("cpu"))
    for row, example in enumerate(tokens.examples):
        prompt, completion = texts[example.index]
        expected = (TOKENIZER(completion, add_special_tokens=False)["input_ids"] + [TOKENIZER.eos_token_id])[
            : max_length - 1 - len(prompt)
        ]
        labelled = batch.labels[row][batch.labels[row] != IGNORED]
        assert labelled.tolist() == expected
        assert batch.mask[row].sum() == len(example.ids) <= max_length
    assert batch.targets == int((batch.labels[:, 1:] != IGNORED).sum())
    assert batch.tokens == int(batch.mask.sum())


def test_no_target_left_says_what_to_raise() -> None:
    with pytest.raises(InvalidError) as caught:
        tokenize([Example("x" * 40, "y", 1)], TOKENIZER, 8, "evaluation")
    assert "1 evaluation examples at max_length 8" in caught.value.title
    assert caught.value.hint == "the longest prompt has 41 tokens: raise max_length"


@given(count=st.integers(1, 40), seed=st.integers(0, 3))
def test_every_epoch_is_a_permutation_of_its_own(count: int, seed: int) -> None:
    order = list(islice(training_order(range(count), seed), 2 * count))
    assert sorted(order[:count]) == sorted(order[count:]) == list(range(count))
    assert order == list(islice(training_order(range(count), seed), 2 * count))
    if count > 20:
        assert order[:count] != order[count:]
        assert order[:count] != list(islice(training_order(range(count), seed + 1), count))


@given(count=st.integers(2, 30), seed=st.integers(0, 3), gone=st.integers(0, 29))
def test_leaving_an_example_out_moves_none_of_the_others(count: int, seed: int, gone: int) -> None:
    kept = [index for index in range(count) if index != gone % count]
    whole = [index for index in islice(training_order(range(count), seed), count) if index != gone % count]
    assert [kept[position] for position in islice(training_order(kept, seed), count - 1)] == whole


@given(count=st.integers(1, 20), seed=st.integers(0, 3), skip=st.integers(0, 70))
def test_skipping_is_as_if_the_first_had_been_drawn(count: int, seed: int, skip: int) -> None:
    whole = list(islice(training_order(range(count), seed), skip + 30))
    assert list(islice(training_order(range(count), seed, skip), 30)) == whole[skip:]


def test_epochs_that_are_skipped_cost_nothing() -> None:
    assert next(training_order(range(3), 1, 3 * 10**12)) in range(3)
