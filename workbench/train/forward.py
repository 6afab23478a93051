"""One forward pass: logits at the target positions only, and the loss summed over target tokens."""

import inspect
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from workbench.train.adapters import root_model
from workbench.train.batches import IGNORED, Batch


@dataclass(frozen=True, slots=True)
class Predicted:
    """Logits and labels of the target positions, flat: (targets, vocabulary) and (targets,); `rows` names examples."""

    logits: torch.Tensor
    labels: torch.Tensor
    rows: torch.Tensor

    def loss_sum(self) -> torch.Tensor:
        """Cross-entropy in nats, summed over the target tokens, in fp32."""
        return functional.cross_entropy(self.logits.float(), self.labels, reduction="sum")


def keeps_logits(model: nn.Module) -> bool:
    """Whether the model can be asked for the logits of chosen positions only."""
    return "logits_to_keep" in inspect.signature(root_model(model).forward).parameters


def predict(model: nn.Module, batch: Batch) -> Predicted:
    """Runs the model. The head works only on positions where some example has a target: it is the largest layer."""
    shifted = functional.pad(batch.labels[:, 1:], (0, 1), value=IGNORED)
    wanted = shifted != IGNORED
    columns = wanted.any(dim=0).nonzero().squeeze(1)
    arguments = {"logits_to_keep": columns} if keeps_logits(model) else {}
    logits = model(input_ids=batch.ids, attention_mask=batch.mask, use_cache=False, **arguments).logits
    if not arguments:
        logits = logits[:, columns]
    chosen = wanted[:, columns]
    rows = chosen.nonzero()[:, 0]
    return Predicted(logits[chosen], shifted[:, columns][chosen], rows)
