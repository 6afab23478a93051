"""Reads every site back from the built model and compares it with the plan, before the first step."""

from dataclasses import asdict, dataclass
from typing import Any

import bitsandbytes as bnb
from peft.tuners.lora import LoraLayer
from torch import nn

from workbench.errors import WorkbenchError
from workbench.run.record import RunRecord, SiteRecord
from workbench.train.adapters import ADAPTER, root_model, site_layers
from workbench.train.dora import SiteDora
from workbench.train.quantizer import DTYPES

_FORMAT_OF = {dtype: name for name, dtype in DTYPES.items()}
KEYS = (
    *("in_features", "out_features", "base", "blocksize", "double_quant", "threshold"),
    *("method", "r", "alpha", "scaling", "dropout", "trainable_params"),
)


@dataclass(frozen=True, slots=True)
class Difference:
    """One setting of one site that is not what the plan says."""

    site: str
    key: str
    planned: Any
    built: Any


class AuditError(WorkbenchError):
    """The built model differs from the plan; carries the differences."""

    def __init__(self, differences: tuple[Difference, ...]) -> None:
        lines = [f"{d.site}  {d.key}: planned {d.planned}, built {d.built}" for d in differences[:20]]
        more = f"\n… and {len(differences) - 20} more" if len(differences) > 20 else ""
        super().__init__(
            f"the model that was built differs from the plan in {len(differences)} settings",
            "this is a fault of the program or of a library version; report it with this table:\n"
            + "\n".join(lines)
            + more,
        )
        self.differences = differences


def read_back(linear: nn.Module, layer: LoraLayer | None) -> dict[str, Any]:
    """What a site really is, under the keys of `SiteRecord`."""
    return {
        "in_features": linear.in_features,
        "out_features": linear.out_features,
        **_base_settings(linear),
        **_adapter_settings(layer),
    }


def _base_settings(linear: Any) -> dict[str, Any]:
    if isinstance(linear, bnb.nn.Linear4bit):
        state = linear.weight.quant_state
        blocks = {"blocksize": state.blocksize, "double_quant": bool(state.nested)}
        return {"base": state.quant_type, **blocks, "threshold": None}
    if isinstance(linear, bnb.nn.Linear8bitLt):
        return {"base": "int8", "blocksize": None, "double_quant": None, "threshold": linear.state.threshold}
    stored = _FORMAT_OF.get(linear.weight.dtype, str(linear.weight.dtype))
    return {"base": stored, "blocksize": None, "double_quant": None, "threshold": None}


def _adapter_settings(layer: LoraLayer | None) -> dict[str, Any]:
    if layer is None:
        empty = dict.fromkeys(("r", "alpha", "scaling", "dropout"))
        return {"method": "none", **empty, "trainable_params": 0}
    a, b = layer.lora_A[ADAPTER].weight, layer.lora_B[ADAPTER].weight
    trainable = sum(p.numel() for p in layer.parameters() if p.requires_grad)
    return {
        "method": _method(layer),
        "r": a.shape[0] if a.shape[0] == b.shape[1] else (a.shape[0], b.shape[1]),
        "alpha": layer.lora_alpha[ADAPTER],
        "scaling": layer.scaling[ADAPTER],
        "dropout": getattr(layer.lora_dropout[ADAPTER], "p", 0.0),
        "trainable_params": trainable,
    }


def _method(layer: LoraLayer) -> str:
    variant = layer.lora_variant.get(ADAPTER)
    if variant is not None:
        return "dora" if isinstance(variant, SiteDora) else type(variant).__name__
    return "rslora" if layer.use_rslora[ADAPTER] else "lora"


def audit(model: nn.Module, record: RunRecord) -> tuple[Difference, ...]:
    """All differences between the model and the record: per site, and anything trainable that no site explains."""
    layers = site_layers(model)
    found = [d for site in record.sites for d in _site_differences(model, site, layers.get(site.site))]
    found += [Difference(name, "method", "none", "adapted") for name in layers.keys() - {s.site for s in record.sites}]
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    if trainable != record.trainable_params:
        found.append(Difference("(whole model)", "trainable_params", record.trainable_params, trainable))
    return tuple(found)


def _site_differences(model: nn.Module, site: SiteRecord, layer: LoraLayer | None) -> list[Difference]:
    linear = layer.get_base_layer() if layer is not None else root_model(model).get_submodule(site.site)
    built, planned = read_back(linear, layer), asdict(site)
    return [Difference(site.site, key, planned[key], built[key]) for key in KEYS if not _same(planned[key], built[key])]


def _same(planned: Any, built: Any) -> bool:
    if isinstance(planned, float) and isinstance(built, int | float):
        return abs(planned - built) <= 1e-12 * max(1.0, abs(planned))
    return bool(planned == built)
