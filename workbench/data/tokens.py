"""Token ids with the tokens marked that the loss is taken on, and what is asked of a tokenizer for them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from workbench.errors import InvalidError

_CHUNK = 1000


class Tokenizer(Protocol):
    """What is asked of a tokenizer of transformers, fast or slow."""

    eos_token_id: int
    all_special_ids: list[int]
    added_tokens_decoder: Mapping[int, Any]
    chat_template: Any
    name_or_path: str

    def __call__(self, text: Any, /, **options: Any) -> Mapping[str, Any]: ...

    def decode(self, token_ids: Any, /, **options: Any) -> str: ...

    def apply_chat_template(self, conversation: Any, /, **options: Any) -> Any: ...


@dataclass(frozen=True, slots=True)
class TokenizedExample:
    """Token ids of one example; `target_mask`, of the same length, says which of them the loss is taken on.

    The first token is never a target: nothing predicts it. `index` is the example's place in its part.
    """

    ids: tuple[int, ...]
    target_mask: tuple[bool, ...]
    index: int
    truncated: bool = False

    @property
    def targets(self) -> int:
        """How many tokens the loss is taken on."""
        return sum(self.target_mask)

    def runs(self) -> Iterator[tuple[int, int, bool]]:
        """The stretches of tokens that are all target or all not, as (start, end, target)."""
        start = 0
        for at in range(1, len(self.ids) + 1):
            if at == len(self.ids) or self.target_mask[at] != self.target_mask[start]:
                yield start, at, self.target_mask[start]
                start = at


@dataclass(frozen=True, slots=True)
class TokenizedSet:
    """The examples that kept at least one target token, and how many were cut or lost to `max_length`."""

    examples: tuple[TokenizedExample, ...]
    truncated: int
    dropped: int


def cut(whole: Sequence[TokenizedExample], max_length: int, what: str) -> TokenizedSet:
    """The examples cut at their end. Raises InvalidError when no target token is left in any."""
    short = [_cut(example, max_length) for example in whole]
    kept = tuple(example for example in short if any(example.target_mask))
    if not kept:
        longest = max(example.target_mask.index(True) if any(example.target_mask) else 0 for example in whole)
        raise InvalidError(
            f"no target token is left in any of the {len(whole)} {what} examples at max_length {max_length}",
            f"the longest prompt has {longest} tokens: raise max_length",
        )
    return TokenizedSet(kept, sum(e.truncated for e in short), len(short) - len(kept))


def encode(tokenizer: Tokenizer, texts: Sequence[str]) -> list[list[int]]:
    """Token ids of texts as they are, without the special tokens that a tokenizer puts around."""
    ids: list[list[int]] = []
    for start in range(0, len(texts), _CHUNK):
        chunk = list(texts[start : start + _CHUNK])
        ids += tokenizer(chunk, add_special_tokens=False, verbose=False)["input_ids"]
    return ids


def opening(tokenizer: Tokenizer) -> list[int]:
    """The special tokens that a tokenizer puts before a text (`<s>` for many, nothing for some).

    They are seen from a probe: a beginning-of-text token may exist without being used, be the end-of-text token,
    or stand with another one after the text.
    """
    for probe in ("a", "0", "."):
        (plain,) = encode(tokenizer, [probe])
        if plain:
            around = list(tokenizer(probe)["input_ids"])
            starts = (at for at in range(len(around)) if around[at : at + len(plain)] == plain)
            return around[: next(starts, 0)]
    return []


def marked(ids: Sequence[int], targets: Sequence[tuple[int, int]], index: int) -> TokenizedExample:
    """The example with `targets`, half-open stretches of its tokens, as its targets."""
    mask = [False] * len(ids)
    for start, end in targets:
        mask[start:end] = [True] * (end - start)
    return TokenizedExample(tuple(ids), tuple([False, *mask[1:]] if mask else ()), index)


def _cut(example: TokenizedExample, max_length: int) -> TokenizedExample:
    if len(example.ids) <= max_length:
        return example
    return replace(example, ids=example.ids[:max_length], target_mask=example.target_mask[:max_length], truncated=True)
