"""Statistics of every site at the end of a run, from the factors alone: no dense ΔW is made but for DoRA."""

import math
from typing import Any

import torch
from peft.tuners.lora import LoraLayer
from torch import nn

from workbench.train.adapters import ADAPTER, delta_factors, site_layers
from workbench.train.dora import dora_update
from workbench.train.quantizer import WeightNorms


def singular_values(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """The r leading singular values of B·A, for A (r, in) and B (out, r): QR of both, then an r × r problem."""
    _, r_b = torch.linalg.qr(b.double())
    _, r_a = torch.linalg.qr(a.double().T)
    return torch.linalg.svdvals(r_b @ r_a.T)


def effective_rank(values: torch.Tensor) -> float | None:
    """exp of the entropy of the normalised singular values (Roy and Vetterli 2007); None for a zero matrix."""
    total = values.sum()
    if total <= 0:
        return None
    shares = values / total
    return math.exp(-torch.special.xlogy(shares, shares).sum().item())


def site_statistics(
    model: nn.Module, norms: dict[str, WeightNorms], grad_norms: dict[str, float]
) -> list[dict[str, Any]]:
    """A row per site: weight norm, relative quantization error, ‖ΔW‖, effective rank, mean gradient norm.

    The effective rank of a DoRA site is that of its low-rank part.
    """
    layers, rows = site_layers(model), []
    for name, norm in norms.items():
        row: dict[str, Any] = {"site": name, "weight_norm": norm.weight_norm, "quant_error": norm.quant_error}
        if name in layers:
            values = singular_values(*(factor.cpu() for factor in delta_factors(layers[name])))
            row["update_norm"] = _update_norm(layers[name], values)
            row["effective_rank"] = effective_rank(values)
        else:
            row["update_norm"] = 0.0
            row["effective_rank"] = None
        row["grad_norm"] = grad_norms.get(name)
        rows.append(row)
    return rows


def _update_norm(layer: LoraLayer, values: torch.Tensor) -> float:
    # Rescaling the rows of W has no factors: the one case where ΔW is made dense, one site at a time.
    if ADAPTER in layer.lora_magnitude_vector:
        return dora_update(layer, ADAPTER).norm().item()
    return values.norm().item()


class GradNormMeter:
    """The mean gradient norm per site, sampled every `every` steps: a few small norms, not worth more often."""

    def __init__(self, model: nn.Module, every: int = 10) -> None:
        self._every, self._samples = every, 0
        self._parameters = {
            name: [p for p in layer.parameters() if p.requires_grad] for name, layer in site_layers(model).items()
        }
        self._sums = dict.fromkeys(self._parameters, 0.0)

    def sample(self, step: int) -> None:
        """Call after backward and before clipping; `step` counts from 1."""
        if (step - 1) % self._every:
            return
        self._samples += 1
        for name, parameters in self._parameters.items():
            grads = [p.grad for p in parameters if p.grad is not None]
            self._sums[name] += torch.linalg.vector_norm(torch.stack(torch._foreach_norm(grads))).item()

    def state(self) -> dict[str, Any]:
        return {"samples": self._samples, "sums": dict(self._sums)}

    def load_state(self, state: dict[str, Any]) -> None:
        self._samples, self._sums = state["samples"], dict(state["sums"])

    def means(self) -> dict[str, float]:
        return {name: total / self._samples for name, total in self._sums.items()} if self._samples else {}
