"""From tokenized examples to padded batches, in an order that depends on the seed alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import torch
from transformers import PreTrainedTokenizerBase

from workbench.data.tokens import TokenizedExample
from workbench.randomness import derive_seed

IGNORED = -100


@dataclass(frozen=True, slots=True)
class Batch:
    """Right-padded tensors of shape (examples, tokens); `labels` is `IGNORED` where no loss is taken."""

    ids: torch.Tensor
    mask: torch.Tensor
    labels: torch.Tensor
    targets: int
    tokens: int


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
        labels[row, :length] = ids[row, :length].masked_fill(~torch.tensor(example.target_mask), IGNORED)
    targets = int((labels != IGNORED).sum())  # the first token of an example is none
    return Batch(ids.to(device), mask.to(device), labels.to(device), targets, int(mask.sum()))


def training_order(indices: Sequence[int], seed: int, skip: int = 0) -> Iterator[int]:
    """Positions in `indices` without end: every epoch its own permutation, drawn from the seed alone.

    `indices` are the examples' places in the data, so that leaving one out moves none of the others. The first `skip`
    positions are left out; epochs that are skipped whole cost nothing.
    """
    epoch, start = divmod(skip, len(indices))
    while True:
        ranks = [derive_seed(seed, "order", epoch, index) for index in indices]
        yield from islice(sorted(range(len(indices)), key=ranks.__getitem__), start, None)
        epoch, start = epoch + 1, 0


def pad_id_of(tokenizer: PreTrainedTokenizerBase) -> int:
    """The padding id; end-of-text serves where a tokenizer has none, since padding is masked everywhere."""
    return int(tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id)
