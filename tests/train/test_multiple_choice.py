"""Multiple choice against sums by hand in float64, and what becomes of it in a run's files."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from bitsandbytes.functional import dequantize_4bit
from transformers import AutoModelForCausalLM

from tests.train.support import BASE, demo_recipe, demo_sites, load, make_record
from workbench.data.ask import Asked, ask
from workbench.data.question import Question
from workbench.run.predictions import at_step, read_predictions
from workbench.study.wilson import wilson
from workbench.train.evaluate import Evaluation
from workbench.train.multiple_choice import ChoiceScore, score_choices, summarize_choices, write_choice_predictions
from workbench.train.stop import StopFlag, StopRequestedError
from workbench.train.tokenizer import load_tokenizer

TOKENIZER = load_tokenizer(BASE)
RECIPE = demo_recipe(choices_prompt="{question}=", choices_answer="{choice}")
SKILLS: dict[str, Callable[[str], str]] = {
    "reverse": lambda text: text[::-1],
    "upper": str.upper,
    "sort": lambda text: "".join(sorted(text)),
    "double": lambda text: "".join(2 * letter for letter in text),
}
WORDS = ("fbead", "qwer", "zyxab", "mnpo", "hgfjdk")


def _questions() -> list[Question]:
    """Of every word every skill, each choice what another skill makes of it: some twice as long as others."""
    found = []
    for at, word in enumerate(WORDS):
        choices = tuple(skill(word) for skill in SKILLS.values())
        turned = choices[at % 4 :] + choices[: at % 4]
        for name, skill in SKILLS.items():
            found.append(Question(f"{name} {word}", turned, turned.index(skill(word)), name, f"q:{len(found) + 1}"))
    return found


@pytest.fixture(scope="module")
def asked() -> tuple[Asked, ...]:
    """Some with the usual prompt, of which the base has never seen the like."""
    usual = replace(RECIPE, choices_prompt="Question: {question}\n{choices}\nAnswer:", max_length=99)
    return (*ask(_questions(), TOKENIZER, RECIPE), *ask(_questions()[:4], TOKENIZER, usual))


@pytest.fixture(scope="module", params=["nf4", "fp32"])
def pair(request: pytest.FixtureRequest) -> tuple[torch.nn.Module, torch.nn.Module]:
    """The base as runs load it, and its very weights in a plain model in float64."""
    model = load(make_record(demo_sites(None, base=request.param))).model
    dense = AutoModelForCausalLM.from_pretrained(BASE, dtype=torch.float64, attn_implementation="eager").eval()
    if request.param == "nf4":
        for site in demo_sites(None):
            weight: Any = model.get_submodule(site.site).weight
            stored = dequantize_4bit(weight.data, weight.quant_state).double()
            dense.get_submodule(site.site).weight.data.copy_(stored.view(site.out_features, site.in_features))
    return model, dense


@torch.no_grad()
def _by_hand(dense: torch.nn.Module, asked: Asked) -> list[float]:
    """Log-likelihoods of the choices, one at a time and without padding."""
    sums = []
    for choice in asked.choices:
        start = choice.target_mask.index(True)
        logits = dense(input_ids=torch.tensor([choice.ids])).logits[0]
        shifted = logits - logits.max(-1, keepdim=True).values
        logs = shifted - shifted.exp().sum(-1, keepdim=True).log()
        sums.append(sum(logs[at - 1, choice.ids[at]].item() for at in range(start, len(choice.ids))))
    return sums


@pytest.mark.slow
def test_log_likelihoods_are_those_of_a_dense_float64_model(
    pair: tuple[torch.nn.Module, torch.nn.Module], asked: tuple[Asked, ...]
) -> None:
    model, dense = pair
    scores = score_choices(model, asked, TOKENIZER, 7)
    by_hand = [_by_hand(dense, one) for one in asked]
    for score, sums in zip(scores, by_hand, strict=True):
        assert score.sums == pytest.approx(sums, rel=2e-5, abs=2e-5)
        assert score.tokens == tuple(len(text) for text in score.asked.answers)  # a token is a letter here
    chosen = [_best(sums, score.tokens) for sums, score in zip(by_hand, scores, strict=True)]
    assert [score.chosen for score in scores] == chosen
    raw = [_best(sums, [1] * 4) == score.asked.question.answer for sums, score in zip(by_hand, scores, strict=True)]
    assert [score.right_raw for score in scores] == raw
    assert 0 < sum(score.right for score in scores) < len(scores)
    assert [score.right for score in scores] != raw  # sums favour short choices


def _best(sums: list[float], tokens: Any) -> int:
    means = [total / count for total, count in zip(sums, tokens, strict=True)]
    return means.index(max(means))


@pytest.fixture(scope="module")
def model() -> torch.nn.Module:
    return load(make_record(demo_sites(None))).model


@pytest.mark.slow
def test_the_split_into_batches_changes_nothing_and_twice_is_the_same(
    model: torch.nn.Module, asked: tuple[Asked, ...]
) -> None:
    once = score_choices(model, asked, TOKENIZER, 7)
    assert score_choices(model, asked, TOKENIZER, 7) == once
    for batch in (1, 4, 64):
        other = score_choices(model, asked, TOKENIZER, batch)
        assert [score.chosen for score in other] == [score.chosen for score in once]
        for one, two in zip(once, other, strict=True):
            assert one.sums == pytest.approx(two.sums, rel=1e-4, abs=1e-4)
    turned = score_choices(model, asked[::-1], TOKENIZER, 7)
    assert [score.chosen for score in turned][::-1] == [score.chosen for score in once]


def _score(answer: int, sums: tuple[float, ...], tokens: tuple[int, ...], subject: str = "") -> ChoiceScore:
    texts = tuple(f"text {at}" for at in range(len(sums)))
    question = Question("why?", texts, answer, subject, "q:1")
    return ChoiceScore(Asked(question, "why?", texts, (), False), sums, tokens)


def test_the_mean_over_a_choices_own_tokens_decides() -> None:
    score = _score(1, (-3.0, -4.0), (1, 4))
    assert (score.means, score.chosen, score.right, score.right_raw) == ((-3.0, -1.0), 1, True, False)


def test_of_equal_choices_the_first_is_chosen_and_none_where_a_value_is_no_number() -> None:
    assert _score(0, (-2.0, -2.0), (1, 1)).chosen == 0
    for broken in (math.nan, -math.inf, math.inf):
        score = _score(0, (-1.0, broken), (1, 1))
        assert (score.chosen, score.right, score.right_raw) == (None, False, False)


def test_accuracy_is_given_over_all_and_per_subject_with_intervals() -> None:
    right, wrong = (-1.0, -2.0), (-2.0, -1.0)
    scores = [_score(0, sums, (1, 1), name) for sums, name in ((right, "b"), (wrong, "b"), (right, "a"), (right, ""))]
    assert summarize_choices(scores) == [
        Evaluation("choice_accuracy", 0.75, 4, wilson(3, 4)),
        Evaluation("choice_accuracy_raw", 0.75, 4, wilson(3, 4)),
        Evaluation("choice_accuracy/a", 1.0, 1, wilson(1, 1)),
        Evaluation("choice_accuracy/b", 0.5, 2, wilson(1, 2)),
    ]
    assert all(found.higher_is_better for found in summarize_choices(scores))
    assert summarize_choices([]) == []


def test_predictions_of_questions_stand_beside_those_of_examples(tmp_path: Path) -> None:
    path = tmp_path / "predictions.1.jsonl"
    example = {"step": 3, "index": 0, "prompt": "p", "target": "t", "output": "o", "correct": False, "loss": 1.0}
    path.write_text(json.dumps(example) + "\n")
    write_choice_predictions(path, 3, [_score(1, (-3.0, -4.0), (1, 4)), _score(0, (-1.0, math.nan), (1, 1))])
    assert [found.prompt for found in at_step(read_predictions(path))] == ["p"]
    first, second = at_step(read_predictions(path, "choice_accuracy"))
    assert (first.prompt, first.target, first.output, first.correct, first.loss) == (
        *("why?", "text 1", "text 1"),
        *(True, 1.0),
    )
    assert (second.target, second.output, second.correct) == ("text 0", "", False)
    row = json.loads(path.read_text().splitlines()[1])
    assert (row["log_likelihoods"], row["tokens"], row["correct_raw"]) == ([-3.0, -4.0], [1, 4], False)


@pytest.mark.slow
def test_it_is_given_up_when_a_stop_is_asked_for(model: torch.nn.Module, asked: tuple[Asked, ...]) -> None:
    stop = StopFlag()
    stop.requested = True
    with pytest.raises(StopRequestedError):
        score_choices(model, asked, TOKENIZER, 4, stop)
