"""Conversations, text and odd tokenizers: which tokens become targets."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer, ByT5Tokenizer, PreTrainedTokenizerBase

from tests.train.support import BASE, demo_sites, load, make_record
from workbench.data.example import Example, Message
from workbench.data.tokenize import tokenize
from workbench.data.tokens import TokenizedExample, opening
from workbench.errors import InvalidError
from workbench.train.batches import IGNORED, collate, pad_id_of
from workbench.train.demo_base import character_tokenizer
from workbench.train.evaluate import score_examples, write_predictions
from workbench.train.tokenizer import load_tokenizer

CHATML = (
    "{% for m in messages %}<bos>{{ m.role }}\n{{ m.content }}<eos>\n{% endfor %}"
    "{% if add_generation_prompt %}<bos>assistant\n{% endif %}"
)
# As Phi-3's: a marker after every message and another one where a conversation ends.
CLOSED = CHATML.replace("{% if add", "{% if not add_generation_prompt %}<unk>{% endif %}{% if add")
# As Qwen3's: empty thoughts before the last answer only.
THINKING = CHATML.replace(
    "{{ m.content }}", "{% if loop.last and m.role == 'assistant' %}(think)\n{% endif %}{{ m.content }}"
)
# As OLMo 2's: the last answer ends with another marker than those before.
ENDED = CHATML.replace("<eos>\n", "{{ '<unk>' if loop.last and m.role == 'assistant' else '<eos>\n' }}")
# As DeepSeek-R1's: the generation prompt opens thoughts that the rendered answer does not have.
OPENED = CHATML.replace("<bos>assistant\n{% endif %}", "<bos>assistant\n(think){% endif %}")
FORGETS = CHATML.replace("{{ m.content }}", "{% if loop.last or m.role == 'user' %}{{ m.content }}{% endif %}")
STRICT = "{% if messages[0].role == 'system' %}{{ raise_exception('no system role') }}{% endif %}" + CHATML


def _chat(*turns: str, line: int = 1) -> Example:
    roles = ("user", "assistant")
    return Example("", "", line, tuple(Message(roles[i % 2], turn) for i, turn in enumerate(turns)))


def _tokenizer(template: str | None) -> PreTrainedTokenizerBase:
    tokenizer = character_tokenizer()
    tokenizer.chat_template = template
    return tokenizer


def _targets(example: TokenizedExample, tokenizer: PreTrainedTokenizerBase) -> list[str]:
    return [tokenizer.decode(list(example.ids[start:end])) for start, end, target in example.runs() if target]


def _one(example: Example, tokenizer: PreTrainedTokenizerBase) -> TokenizedExample:
    (tokenized,) = tokenize([example], tokenizer, 200, "training").examples
    return tokenized


@pytest.mark.parametrize(
    ("template", "targets"),
    [
        (CHATML, ["one<eos>", "two<eos>"]),
        (CLOSED, ["one<eos>", "two<eos>\n<unk>"]),
        (THINKING, ["one<eos>", "(think)\ntwo<eos>"]),
        (ENDED, ["one<eos>", "two<unk>"]),
    ],
)
def test_every_answer_with_its_end_marker_is_a_target(template: str, targets: list[str]) -> None:
    tokenizer = _tokenizer(template)
    example = _chat("first", "one", "second", "two")
    tokenized = _one(example, tokenizer)
    assert _targets(tokenized, tokenizer) == targets
    messages = [{"role": m.role, "content": m.content} for m in example.messages]
    assert tokenizer.decode(list(tokenized.ids)) == tokenizer.apply_chat_template(messages, tokenize=False)
    assert tokenized.ids.count(tokenizer.bos_token_id) == 4


def test_what_follows_the_last_answer_is_no_target() -> None:
    tokenizer = _tokenizer(CHATML)
    assert _targets(_one(_chat("first", "one", "one more?"), tokenizer), tokenizer) == ["one<eos>"]


@pytest.mark.parametrize(
    ("template", "turns", "message"),
    [
        (OPENED, ("a", "b"), "not prefix-stable: what it writes before an answer"),
        (FORGETS, ("a", "bc", "d", "e"), "not prefix-stable: it leaves out part of an answer once more"),
        (STRICT, (), "the chat template refuses it (no system role)"),
    ],
)
def test_a_template_that_cannot_be_masked_names_the_line(template: str, turns: Sequence[str], message: str) -> None:
    odd = _chat(*turns, line=7)
    if not turns:
        odd = Example("", "", 7, (Message("system", "s"), Message("user", "u"), Message("assistant", "a")))
    with pytest.raises(InvalidError) as caught:
        tokenize([odd], _tokenizer(template), 200, "training")
    assert caught.value.title == "1 conversation does not fit the chat template (training data)"
    (problem,) = caught.value.problems
    assert problem.where == "training data, line 7"
    assert message in problem.message
    assert problem.hint


def test_an_answer_that_merges_with_the_template_is_refused(tmp_path: Path) -> None:
    tokenizer = _merging_tokenizer()
    assert _targets(_one(_chat("a", "b"), tokenizer), tokenizer) == ["b<eos>"]
    with pytest.raises(InvalidError) as caught:
        tokenize([_chat("a", "\nb")], tokenizer, 200, "evaluation")
    assert "one token with the template's last ones" in caught.value.problems[0].message


def _merging_tokenizer() -> PreTrainedTokenizerBase:
    """Byte pairs that make one token of two line breaks, as most large vocabularies do."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    letters = {chr(c): i for i, c in enumerate(range(97, 123))}
    words = {**letters, "Ċ": 26, "ĊĊ": 27, "<bos>": 28, "<eos>": 29}
    inner = Tokenizer(models.BPE(vocab=words, merges=[("Ċ", "Ċ")]))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    inner.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, bos_token="<bos>", eos_token="<eos>")
    tokenizer.chat_template = CHATML
    return tokenizer


def test_a_tokenizer_without_a_chat_template_says_what_to_do() -> None:
    with pytest.raises(InvalidError, match="has no chat template") as caught:
        tokenize([_chat("a", "b")], load_tokenizer(BASE), 64, "training")
    assert "format: prompt_completion" in caught.value.hint


def test_all_of_a_plain_text_is_target() -> None:
    tokenizer = load_tokenizer(BASE)
    tokenized = _one(Example("", "abc", 1), tokenizer)
    assert tokenizer.decode(list(tokenized.ids)) == "<bos>abc<eos>"
    assert _targets(tokenized, tokenizer) == ["abc<eos>"]


def _post_processed(*pieces: str, **changes: Any) -> PreTrainedTokenizerBase:
    from tokenizers.processors import TemplateProcessing

    tokenizer = character_tokenizer()
    special = [(p, tokenizer.convert_tokens_to_ids(p)) for p in pieces if p != "$A"]
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(single=" ".join(pieces), special_tokens=special)
    for name, value in changes.items():
        setattr(tokenizer, name, value)
    return tokenizer


@pytest.mark.parametrize(
    ("pieces", "whole"),
    [
        (("<bos>", "$A", "<eos>"), "<bos>ab=cd<eos>"),
        (("$A", "<eos>"), "ab=cd<eos>"),
        (("$A",), "ab=cd<eos>"),
        (("<eos>", "$A"), "<eos>ab=cd<eos>"),
        (("<bos>", "$A", "<unk>", "<eos>"), "<bos>ab=cd<eos>"),
    ],
)
def test_special_tokens_around_a_text_stand_where_the_tokenizer_puts_them(pieces: Sequence[str], whole: str) -> None:
    tokenizer = _post_processed(*pieces)
    tokenized = _one(Example("ab=", "cd", 1), tokenizer)
    assert tokenizer.decode(list(tokenized.ids)) == whole
    assert _targets(tokenized, tokenizer) == ["cd<eos>"]
    bare = _one(Example("", "cd", 1), tokenizer)
    assert tokenizer.decode(list(bare.ids)) == whole.replace("ab=", "")
    assert not bare.target_mask[0]


def test_a_slow_tokenizer_without_a_beginning_that_ends_texts_by_itself(tmp_path: Path) -> None:
    ByT5Tokenizer().save_pretrained(tmp_path)
    tokenizer = load_tokenizer(str(tmp_path))
    assert not tokenizer.is_fast
    assert opening(tokenizer) == []
    tokenized = _one(Example("ab=", "é", 1), tokenizer)
    assert tokenizer.decode(list(tokenized.ids)) == "ab=é</s>"
    assert tokenized.target_mask == (False, False, False, True, True, True)


def test_a_tokenizer_without_a_padding_token_pads_and_scores_alike(tmp_path: Path) -> None:
    character_tokenizer().save_pretrained(tmp_path)
    without = AutoTokenizer.from_pretrained(tmp_path)
    without.pad_token = None
    assert without.pad_token_id is None
    assert pad_id_of(without) == without.eos_token_id
    tokens = tokenize([Example("sort cab=", "abc", 1), Example("a=", "a", 2)], without, 64, "evaluation").examples
    batch = collate(tokens, pad_id_of(without), torch.device("cpu"))
    assert batch.ids[1, 5:].tolist() == [without.eos_token_id] * (batch.ids.shape[1] - 5)
    assert batch.mask[1].sum() == 5
    assert (batch.labels[1, 5:] == IGNORED).all()
    model = load(make_record(demo_sites(None))).model
    plain = score_examples(model, tokens, load_tokenizer(BASE), 2)
    assert [s.loss for s in score_examples(model, tokens, without, 2)] == pytest.approx([s.loss for s in plain])


def test_predictions_of_conversations_stop_before_the_last_answer(tmp_path: Path) -> None:
    import json

    tokenizer = _tokenizer(CHATML)
    examples = [_chat("first", "one", "second", "two"), _chat("a", "b")]
    tokens = tokenize(examples, tokenizer, 200, "evaluation").examples
    scores = score_examples(load(make_record(demo_sites(None))).model, tokens, tokenizer, 2)
    assert [score.targets for score in scores] == [8, 2]
    write_predictions(tmp_path / "p.jsonl", 1, scores, tokens, examples, tokenizer)
    first, second = (json.loads(line) for line in (tmp_path / "p.jsonl").read_text().splitlines())
    assert (
        first["prompt"] == "<bos>user\nfirst<eos>\n<bos>assistant\none<eos>\n<bos>user\nsecond<eos>\n<bos>assistant\n"
    )
    assert (first["target"], second["target"]) == ("one\ntwo", "b")
    assert first["output"].count("\n") >= 1
