"""DoRA per site: a trained magnitude for every output, and LoRA for the direction (Liu et al. 2024, equation 5).

W' = m · (W + s·B·A) / ‖W + s·B·A‖ with norms by row, m starting at ‖W‖. The norm is treated as a constant in backward
(section 4.3). Works from our own dense weight, so that every base format and every shape is right.
"""

from typing import Any

import torch
from peft.tuners.lora.layer import LoraVariant
from torch import nn

from workbench.train.dense import dense_weight


class Magnitude(nn.Module):
    """Holds m (out_features,) under the name that peft saves and loads it by."""

    def __init__(self, norms: torch.Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(norms)


class SiteDora(LoraVariant):
    """The forward pass of a DoRA site; peft calls it from its own layers."""

    @staticmethod
    def init(module: Any, adapter_name: str, **_: Any) -> None:
        norms = torch.linalg.vector_norm(dense_weight(module.get_base_layer()), dim=1)
        module.lora_magnitude_vector[adapter_name] = Magnitude(norms)

    @staticmethod
    def forward(module: Any, active_adapter: str, x: torch.Tensor, result: torch.Tensor, **_: Any) -> torch.Tensor:
        """`x` in the adapter's dtype, `result` = W·x + bias; both are (..., features)."""
        base = module.get_base_layer()
        ratio = module.lora_magnitude_vector[active_adapter].weight / direction_norms(module, active_adapter)
        dropout = module.lora_dropout[active_adapter]
        dropped = dropout(x)
        plain = result if isinstance(dropout, nn.Identity) or not module.training else base(dropped.to(result.dtype))
        plain = plain if base.bias is None else plain - base.bias.to(plain.dtype)
        low_rank = module.lora_B[active_adapter](module.lora_A[active_adapter](dropped))
        return result + (ratio - 1) * plain + ratio * module.scaling[active_adapter] * low_rank


@torch.no_grad()
def direction_norms(module: Any, adapter_name: str) -> torch.Tensor:
    """‖W + s·B·A‖ by row, (out_features,) in fp32."""
    return torch.linalg.vector_norm(
        dense_weight(module.get_base_layer()) + low_rank_update(module, adapter_name), dim=1
    )


@torch.no_grad()
def low_rank_update(module: Any, adapter_name: str) -> torch.Tensor:
    """s·B·A as a dense (out_features, in_features) tensor in fp32."""
    a, b = module.lora_A[adapter_name].weight, module.lora_B[adapter_name].weight
    return (b.float() @ a.float()) * module.scaling[adapter_name]


@torch.no_grad()
def dora_update(module: Any, adapter_name: str) -> torch.Tensor:
    """ΔW = W' − W of a DoRA site as a dense tensor: it has no factors."""
    weight = dense_weight(module.get_base_layer())
    changed = weight + low_rank_update(module, adapter_name)
    magnitude = module.lora_magnitude_vector[adapter_name].weight.float()
    return changed * (magnitude / torch.linalg.vector_norm(changed, dim=1))[:, None] - weight
