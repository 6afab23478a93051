"""Questions in tokens: templates, where a choice begins, what is cut, what cannot be asked."""

from dataclasses import replace
from typing import Any

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from tests.train.support import BASE
from workbench.data.ask import Asked, ask
from workbench.data.question import Question
from workbench.errors import InvalidError
from workbench.run.recipe import Recipe
from workbench.train.tokenizer import load_tokenizer

TOKENIZER = load_tokenizer(BASE)
QUESTION = Question("1 + 1?", ("one", "two", "three"), 1, "sums", "a.jsonl:7")
RECIPE = Recipe("data")


def _asked(question: Question = QUESTION, tokenizer: Any = TOKENIZER, **changes: Any) -> Asked:
    (found,) = ask([question], tokenizer, replace(RECIPE, **changes))
    return found


def _texts(asked: Asked, tokenizer: Any = TOKENIZER) -> list[tuple[str, str]]:
    """What stands before each choice, and the choice."""
    found = []
    for choice in asked.choices:
        start = choice.target_mask.index(True)
        assert choice.target_mask == (False,) * start + (True,) * (len(choice.ids) - start)
        found.append((tokenizer.decode(list(choice.ids[:start])), tokenizer.decode(list(choice.ids[start:]))))
    return found


def test_the_usual_prompt_lists_the_choices_and_ends_with_answer() -> None:
    before = "<bos>Question: 1 + 1?\nA. one\nB. two\nC. three\nAnswer:"
    asked = _asked()
    assert _texts(asked) == [(before, " one"), (before, " two"), (before, " three")]
    assert (asked.prompt, asked.answers) == (before.removeprefix("<bos>"), (" one", " two", " three"))
    assert not asked.truncated


def test_prompt_and_answer_are_templates() -> None:
    asked = _asked(choices_prompt="{subject}: {question} {{{B}}}", choices_answer="{letter}={choice}")
    before = "<bos>sums: 1 + 1? {two}"
    assert _texts(asked) == [(before, "A=one"), (before, "B=two"), (before, "C=three")]


def test_a_prompt_is_cut_at_its_left_alike_for_every_choice() -> None:
    asked = _asked(max_length=12)
    assert asked.truncated
    assert _texts(asked) == [("<bos>swer:", " one"), ("<bos>swer:", " two"), ("<bos>swer:", " three")]
    assert max(len(choice.ids) for choice in asked.choices) == 12
    assert _texts(_asked(max_length=7))[0] == ("<bos>", " one")  # the longest choice has six
    whole = len("Question: 1 + 1?\nA. one\nB. two\nC. three\nAnswer:") + len(" three") + 1
    assert not _asked(max_length=whole).truncated
    assert _asked(max_length=whole - 1).truncated


@pytest.fixture(scope="module")
def merging() -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer as GPT-2's: a word has its space in one token with it, and nothing stands before."""
    plain = Tokenizer(models.BPE())
    plain.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    plain.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    text = ["Answer: one two three Question: A. B. C."] * 9
    plain.train_from_iterator(text, trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, min_frequency=2))
    return PreTrainedTokenizerFast(tokenizer_object=plain, eos_token="<eos>")


def test_a_choice_has_the_tokens_that_it_has_in_the_text(merging: PreTrainedTokenizerFast) -> None:
    one = merging(" one")["input_ids"]
    assert len(one) == 1
    for prompt, answer in (("{question}\nAnswer:", " {choice}"), ("{question}\nAnswer: ", "{choice}")):
        asked = _asked(tokenizer=merging, choices_prompt=prompt, choices_answer=answer)
        assert list(asked.choices[0].ids[-1:]) == one
        assert [choice.targets for choice in asked.choices] == [1, 1, 1]
        assert {text for text, _ in _texts(asked, merging)} == {"1 + 1?\nAnswer:"}


def test_without_an_opening_some_of_the_prompt_stays(merging: PreTrainedTokenizerFast) -> None:
    asked = _asked(tokenizer=merging, max_length=2)
    assert _texts(asked, merging) == [(":", " one"), (":", " two"), (":", " three")]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"max_length": 6}, "choice C has 6 tokens, too many for max_length 6"),
        ({"choices_answer": "{choice}", "choices": ("", "x")}, "choice A has no token of its own"),
    ],
)
def test_a_question_that_does_not_fit_is_named(changes: dict[str, Any], message: str) -> None:
    question = replace(QUESTION, choices=changes.pop("choices", QUESTION.choices))
    with pytest.raises(InvalidError, match="1 question cannot be asked") as caught:
        _asked(question, **changes)
    (problem,) = caught.value.problems
    assert (problem.where, problem.message) == ("a.jsonl:7", message)


def test_a_prompt_without_a_token_is_named(merging: PreTrainedTokenizerFast) -> None:
    with pytest.raises(InvalidError) as caught:
        _asked(replace(QUESTION, subject=""), merging, choices_prompt="{subject} ")
    assert caught.value.problems[0].message == "its prompt has no token"


@pytest.mark.parametrize(
    ("changes", "title", "hint"),
    [
        ({"choices_prompt": "{qestion}"}, "choices_prompt: no column 'qestion'", "did you mean 'question'?"),
        ({"choices_prompt": "{question} {D}"}, "choices_prompt: a.jsonl:7 has 3 choices only", "write {choices}"),
        ({"choices_prompt": "x"}, "choices_prompt: it has no placeholder", "same"),
        ({"choices_answer": "{answer}"}, "choices_answer: no column 'answer'", "known: choice, letter"),
        ({"choices_answer": "{choice"}, "choices_answer: ", "{{ and }}"),
    ],
)
def test_a_template_that_does_not_fit_is_refused(changes: dict[str, Any], title: str, hint: str) -> None:
    with pytest.raises(InvalidError) as caught:
        _asked(**changes)
    assert title in caught.value.title
    assert hint in caught.value.hint
