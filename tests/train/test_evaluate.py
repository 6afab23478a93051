import json
from pathlib import Path

import pytest
import torch

from tests.train.support import BASE, demo_examples, demo_sites, load, make_record
from workbench.data.example import Example
from workbench.data.tokenize import tokenize
from workbench.train.batches import IGNORED, collate, pad_id_of
from workbench.train.evaluate import score_examples, summarize, write_predictions
from workbench.train.forward import keeps_logits, predict
from workbench.train.stop import StopFlag, StopRequestedError
from workbench.train.tokenizer import load_tokenizer

TOKENIZER = load_tokenizer(BASE)
# The base knows the first kind and not the second, so right and wrong outputs both occur.
KNOWN = [Example(f"{name} {text}=", out, 1) for name, text, out in (
    ("reverse", "abcd", "dcba"), ("sort", "hgaz", "aghz"), ("upper", "qwerty", "QWERTY"), ("next", "abz", "bca"),
)]  # fmt: skip


@pytest.fixture(scope="module")
def model() -> torch.nn.Module:
    return load(make_record(demo_sites(None))).model


def _examples() -> list[Example]:
    return [*KNOWN, *demo_examples("eval")[:12]]


def test_exact_match_equals_greedy_generation(model: torch.nn.Module) -> None:
    examples = _examples()
    tokens = tokenize(examples, TOKENIZER, 64, "evaluation")
    scores = score_examples(model, tokens.examples, TOKENIZER, 5)
    generated = []
    for example in examples:
        ids = torch.tensor([TOKENIZER(example.prompt)["input_ids"]])
        out = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=14, do_sample=False)
        generated.append(TOKENIZER.decode(out[0, ids.shape[1] :]) == example.completion + "<eos>")
    assert [score.exact for score in scores] == generated
    assert any(generated)
    assert not all(generated)


def test_the_values_do_not_depend_on_batches_or_padding(model: torch.nn.Module) -> None:
    tokens = tokenize(_examples(), TOKENIZER, 64, "evaluation").examples
    names = ("loss", "token_accuracy", "exact_match")
    one = summarize(score_examples(model, tokens, TOKENIZER, 1), names)
    many = summarize(score_examples(model, tokens, TOKENIZER, 16), names)
    assert [e.value for e in one] == pytest.approx([e.value for e in many], rel=1e-5)
    assert [e.n for e in one] == [sum(t.targets for t in tokens), sum(t.targets for t in tokens), len(tokens)]


def test_the_loss_is_the_mean_over_target_tokens(model: torch.nn.Module) -> None:
    tokens = tokenize(_examples(), TOKENIZER, 64, "evaluation").examples
    batch = collate(tokens, pad_id_of(TOKENIZER), torch.device("cpu"))
    with torch.no_grad():
        logits = model(input_ids=batch.ids, attention_mask=batch.mask).logits[:, :-1].double()
    expected = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), batch.labels[:, 1:].flatten(), ignore_index=IGNORED
    )
    (loss,) = summarize(score_examples(model, tokens, TOKENIZER, 4), ("loss",))
    assert loss.value == pytest.approx(expected.item(), rel=1e-5)


def test_logits_are_computed_where_targets_are_and_nowhere_else(model: torch.nn.Module) -> None:
    tokens = tokenize(_examples()[:3], TOKENIZER, 64, "evaluation").examples
    batch = collate(tokens, pad_id_of(TOKENIZER), torch.device("cpu"))
    assert keeps_logits(model)
    with torch.no_grad():
        predicted = predict(model, batch)
        full = model(input_ids=batch.ids, attention_mask=batch.mask).logits[:, :-1]
    wanted = batch.labels[:, 1:] != IGNORED
    assert torch.allclose(predicted.logits, full[wanted], atol=1e-5)
    assert torch.equal(predicted.labels, batch.labels[:, 1:][wanted])
    assert predicted.rows.tolist() == wanted.nonzero()[:, 0].tolist()


def test_predictions_name_step_prompt_target_and_output(model: torch.nn.Module, tmp_path: Path) -> None:
    examples = _examples()
    tokens = tokenize(examples, TOKENIZER, 64, "evaluation")
    scores = score_examples(model, tokens.examples, TOKENIZER, 8)
    path = tmp_path / "predictions.1.jsonl"
    write_predictions(path, 3, scores, tokens.examples, examples, TOKENIZER)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(rows) == len(examples)
    assert rows[0] | {"loss": 0} == {
        "step": 3,
        "index": 0,
        "prompt": "reverse abcd=",
        "target": "dcba",
        "output": "dcba",
        "correct": True,
        "loss": 0,
    }
    assert all(row["output"] == row["target"] for row in rows if row["correct"])


def test_an_answer_that_was_cut_is_not_right(model: torch.nn.Module) -> None:
    whole = tokenize([KNOWN[0]], TOKENIZER, 64, "evaluation")
    cut = tokenize([KNOWN[0]], TOKENIZER, len(whole.examples[0].ids) - 2, "evaluation")
    (right,), (short,) = (score_examples(model, part.examples, TOKENIZER, 1) for part in (whole, cut))
    assert right.exact
    assert short.right == short.targets
    assert not short.exact


def test_an_evaluation_is_given_up_when_a_stop_is_asked_for(model: torch.nn.Module) -> None:
    tokens = tokenize(_examples(), TOKENIZER, 64, "evaluation").examples
    stop = StopFlag()
    stop.requested = True
    with pytest.raises(StopRequestedError):
        score_examples(model, tokens, TOKENIZER, 4, stop)
