"""Reads every site back from the built model and compares it with the plan, before the first step."""

from dataclasses import asdict, dataclass
from typing import Any

import bitsandbytes as bnb
from peft.tuners.lora import LoraLayer
from torch import nn

from workbench.errors import WorkbenchError
from workbench.plan.catalogue import CATALOGUE, NONE
from workbench.run.record import RunRecord, SiteRecord
from workbench.train.adapters import ADAPTER, root_model, settings_of, site_layers, structure_of
from workbench.train.group_int4 import GroupInt4Linear
from workbench.train.quantizer import DTYPES

_FORMAT_OF = {dtype: name for name, dtype in DTYPES.items()}
_STRUCTURE = ("rank", "input_pool", "output_repeat", "connected", "magnitude")
_ADAPTER = ("r", "alpha", "scaling", "dropout", "trainable_params", *_STRUCTURE)
KEYS = ("in_features", "out_features", "base", "blocksize", "double_quant", "threshold", *_ADAPTER)


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
    """What a site really is, under the keys of `planned`."""
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
    if isinstance(linear, GroupInt4Linear):
        blocksize = linear.in_features // linear.scales.shape[1]  # what it computes with, whatever it calls itself
        return {"base": "int4", "blocksize": blocksize, "double_quant": None, "threshold": None}
    if isinstance(linear, bnb.nn.Linear8bitLt):
        return {"base": "int8", "blocksize": None, "double_quant": None, "threshold": linear.state.threshold}
    stored = _FORMAT_OF.get(linear.weight.dtype, str(linear.weight.dtype))
    return {"base": stored, "blocksize": None, "double_quant": None, "threshold": None}


def _adapter_settings(layer: Any) -> dict[str, Any]:
    """The settings that the layer computes with, and the shapes of what it trains."""
    if layer is None:
        return {**dict.fromkeys(_ADAPTER), "trainable_params": 0}
    a, b = layer.lora_A[ADAPTER].weight, getattr(layer.lora_B[ADAPTER], "weight", None)
    inner, rows = a.shape[0], a.shape[0] if b is None else b.shape[0]
    structure = layer.structure  # what forward goes by
    return {
        "r": layer.r[ADAPTER],
        "alpha": layer.lora_alpha[ADAPTER],
        "scaling": layer.scaling[ADAPTER],
        "dropout": getattr(layer.lora_dropout[ADAPTER], "p", 0.0),
        "trainable_params": sum(p.numel() for p in layer.parameters() if p.requires_grad),
        "rank": None if b is None else inner if inner == b.shape[1] else (inner, b.shape[1]),
        "input_pool": _both(layer.in_features / a.shape[1], structure.pool),
        "output_repeat": _both(layer.out_features / rows, structure.repeat),
        "connected": _both(ADAPTER in getattr(layer, "lora_connection", ()), structure.connected),
        "magnitude": _both(ADAPTER in layer.lora_magnitude_vector, ADAPTER in layer.lora_variant),
    }


def _both(there: float, used: float) -> Any:
    """One value where what is there is what is used, else both."""
    return used if there == used else f"{there} there, {used} used"


def planned(site: SiteRecord) -> dict[str, Any]:
    """What the plan says of a site, with the matrices and the scaling of its method by the catalogue."""
    if site.method == NONE:
        return {**asdict(site), **dict.fromkeys(_STRUCTURE)}
    structure, scaling = structure_of(site), CATALOGUE[site.method].scaling(settings_of(site))
    values = (structure.rank, structure.pool, structure.repeat, structure.connected, structure.magnitude)
    return {**asdict(site), "scaling": scaling, **dict(zip(_STRUCTURE, values, strict=True))}


def audit(model: nn.Module, record: RunRecord) -> tuple[Difference, ...]:
    """All differences between the model and the record: per site, and anything trainable that no site explains."""
    layers = site_layers(model)
    found = [d for site in record.sites for d in _site_differences(model, site, layers.get(site.site))]
    found += [Difference(name, "r", None, "adapted") for name in layers.keys() - {s.site for s in record.sites}]
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    if trainable != record.trainable_params:
        found.append(Difference("(whole model)", "trainable_params", record.trainable_params, trainable))
    return tuple(found)


def _site_differences(model: nn.Module, site: SiteRecord, layer: LoraLayer | None) -> list[Difference]:
    linear = layer.get_base_layer() if layer is not None else root_model(model).get_submodule(site.site)
    built, wanted = read_back(linear, layer), planned(site)
    return [Difference(site.site, key, wanted[key], built[key]) for key in KEYS if not _same(wanted[key], built[key])]


def _same(wanted: Any, built: Any) -> bool:
    if isinstance(wanted, float) and isinstance(built, int | float):
        return abs(wanted - built) <= 1e-12 * max(1.0, abs(wanted))
    return bool(wanted == built)
