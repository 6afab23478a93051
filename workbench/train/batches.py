"""From examples to padded batches of token ids, in an order that depends on the seed alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from transformers import PreTrainedTokenizerBase

from workbench.errors import InvalidError
from workbench.randomness import derive_seed
from workbench.run.examples import Example

IGNORED = -100


@dataclass(frozen=True, slots=True)
class TokenizedExample:
    """Token ids of one example; the last `targets` of them are what the loss is taken on."""

    ids: tuple[int, ...]
    targets: int
    index: int
    truncated: bool


@dataclass(frozen=True, slots=True)
class TokenizedSet:
    """The examples that kept at least one target token, and how many were cut or lost to `max_length`."""

    examples: tuple[TokenizedExample, ...]
    truncated: int
    dropped: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Right-padded tensors of shape (examples, tokens); `labels` is `IGNORED` where no loss is taken."""

    ids: torch.Tensor
    mask: torch.Tensor
    labels: torch.Tensor
    targets: int
    tokens: int


def tokenize(
    examples: Sequence[Example], tokenizer: PreTrainedTokenizerBase, max_length: int, what: str
) -> TokenizedSet:
    """Prompt with the tokenizer's own special tokens, then target and end-of-text; cut at `max_length` tokens.

    Raises InvalidError when no example keeps a target token. `what` names the part in that error.
    """
    whole = [_tokenize_one(example, tokenizer, index) for index, example in enumerate(examples)]
    cut = [_cut(example, max_length) for example in whole]
    kept = tuple(example for example in cut if example.targets > 0)
    if not kept:
        raise InvalidError(
            f"no target token is left in any of the {len(examples)} {what} examples at max_length {max_length}",
            f"the longest prompt has {max(len(e.ids) - e.targets for e in whole)} tokens: raise max_length",
        )
    return TokenizedSet(kept, sum(e.truncated for e in cut), len(cut) - len(kept))


def _tokenize_one(example: Example, tokenizer: PreTrainedTokenizerBase, index: int) -> TokenizedExample:
    prompt = tokenizer(example.prompt)["input_ids"]
    if prompt and prompt[-1] == tokenizer.eos_token_id:  # some tokenizers close every text
        prompt = prompt[:-1]
    target = [*tokenizer(example.completion, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
    return TokenizedExample((*prompt, *target), len(target), index, False)


def _cut(example: TokenizedExample, max_length: int) -> TokenizedExample:
    over = len(example.ids) - max_length
    if over <= 0:
        return example
    # The first token is never predicted, so a target there would not count.
    targets = max(0, min(example.targets - over, max_length - 1))
    return TokenizedExample(example.ids[:max_length], targets, example.index, True)


def collate(examples: Sequence[TokenizedExample], pad_id: int, device: torch.device) -> Batch:
    """Pads to the longest example of the batch."""
    width = max(len(example.ids) for example in examples)
    ids = torch.full((len(examples), width), pad_id)
    labels = torch.full((len(examples), width), IGNORED)
    mask = torch.zeros((len(examples), width), dtype=torch.long)
    for row, example in enumerate(examples):
        length = len(example.ids)
        ids[row, :length] = torch.tensor(example.ids)
        mask[row, :length] = 1
        labels[row, length - example.targets : length] = ids[row, length - example.targets : length]
    targets = sum(min(example.targets, len(example.ids) - 1) for example in examples)
    return Batch(ids.to(device), mask.to(device), labels.to(device), targets, int(mask.sum()))


def training_order(count: int, seed: int) -> Iterator[int]:
    """Positions of examples without end: every epoch its own permutation, drawn from the seed alone."""
    epoch = 0
    while True:
        yield from sorted(range(count), key=lambda index, epoch=epoch: derive_seed(seed, "order", epoch, index))  # type: ignore[misc]
        epoch += 1


def pad_id_of(tokenizer: PreTrainedTokenizerBase) -> int:
    """The padding id; end-of-text serves where a tokenizer has none, since padding is masked everywhere."""
    return int(tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id)
