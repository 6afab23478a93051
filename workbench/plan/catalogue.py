"""The methods: how a site can be adapted, and what that costs. A new method is a new entry.

Convention: a site's weight is (out, in); r is the rank, s the scaling; ΔW = s·B·A with A (r, in) and B (out, r).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from workbench.errors import InvalidError
from workbench.nearest import nearest
from workbench.plan.formats import FORMATS
from workbench.plan.settings import AdapterSettings, BaseSettings
from workbench.plan.site import Site

NONE = "none"


@dataclass(frozen=True, slots=True)
class Method:
    """One entry of the catalogue; every formula is for one site.

    `parameters` maps the adapter keys that the method takes to their meaning, `inits` names the initializations.
    `flops` counts forward and backward of the adapter for one token. `activation_bytes` is
    what backward keeps of one token beyond the adapter's input; adapters compute in fp32.
    `problems` lists what does not fit at a site as (key, sentence). `loss_of_merge` is None where merging into the base
    format loses nothing, else the reason.
    """

    name: str
    meaning: str
    parameters: dict[str, str]
    inits: tuple[str, ...]
    scaling: Callable[[AdapterSettings], float]
    trainable: Callable[[AdapterSettings, Site], int]
    flops: Callable[[AdapterSettings, Site], int]
    activation_bytes: Callable[[AdapterSettings, Site], int]
    problems: Callable[[AdapterSettings, Site], tuple[tuple[str, str], ...]]
    loss_of_merge: Callable[[AdapterSettings, BaseSettings], str | None]
    source: str


def _lora_problems(adapter: AdapterSettings, site: Site) -> tuple[tuple[str, str], ...]:
    smallest = min(site.in_features, site.out_features)
    if adapter.r > smallest:
        return (("r", f"r {adapter.r} is larger than the smaller side of the layer, {smallest}"),)
    return ()


def _quantized_loses(adapter: AdapterSettings, base: BaseSettings) -> str | None:
    if not FORMATS[base.format].quantized:
        return None
    return f"{adapter.method} cannot be merged into {base.format} without loss: rounding drops most of a small change"


_LOW_RANK = {
    "r": "rank: the inner size of B·A",
    "alpha": "numerator of the scaling; a number, or a multiple of the rank such as 2r",
    "dropout": "share of the adapter's inputs that is dropped while training",
    "init": "default: A uniform (Kaiming, a = √5), B zero; gaussian: A normal with deviation 1/r, B zero",
}
_LOW_RANK_INITS = ("default", "gaussian")


def _low_rank_params(adapter: AdapterSettings, site: Site) -> int:
    return adapter.r * (site.in_features + site.out_features)


def _low_rank_flops(adapter: AdapterSettings, site: Site) -> int:
    return 6 * _low_rank_params(adapter, site)


def _dora_flops(adapter: AdapterSettings, site: Site) -> int:
    # Two products more per output: base times (m/n - 1) and adapter times m/n, forward and backward. The row norms
    # of W + ΔW are taken once a step and do not grow with the tokens.
    return _low_rank_flops(adapter, site) + 6 * site.out_features


CATALOGUE: dict[str, Method] = {
    method.name: method
    for method in (
        Method(
            name=NONE,
            meaning="the site stays as it is",
            parameters={},
            inits=(),
            scaling=lambda adapter: 0.0,
            trainable=lambda adapter, site: 0,
            flops=lambda adapter, site: 0,
            activation_bytes=lambda adapter, site: 0,
            problems=lambda adapter, site: (),
            loss_of_merge=lambda adapter, base: None,
            source="",
        ),
        Method(
            name="lora",
            meaning="a low-rank update beside the frozen weight, y += s·B·A·x; QLoRA on a 4-bit base",
            parameters={**_LOW_RANK, "alpha": f"{_LOW_RANK['alpha']}: s = alpha/r"},
            inits=_LOW_RANK_INITS,
            scaling=lambda adapter: adapter.alpha / adapter.r,
            trainable=_low_rank_params,
            flops=_low_rank_flops,
            activation_bytes=lambda adapter, site: 4 * adapter.r,
            problems=_lora_problems,
            loss_of_merge=_quantized_loses,
            source="Hu et al. 2021 (arXiv 2106.09685); Dettmers et al. 2023 (arXiv 2305.14314)",
        ),
        Method(
            name="rslora",
            meaning="lora whose scaling falls with the square root of the rank, so that high ranks keep learning",
            parameters={**_LOW_RANK, "alpha": f"{_LOW_RANK['alpha']}: s = alpha/√r"},
            inits=_LOW_RANK_INITS,
            scaling=lambda adapter: adapter.alpha / math.sqrt(adapter.r),
            trainable=_low_rank_params,
            flops=_low_rank_flops,
            activation_bytes=lambda adapter, site: 4 * adapter.r,
            problems=_lora_problems,
            loss_of_merge=_quantized_loses,
            source="Kalajdzievski 2023 (arXiv 2312.03732)",
        ),
        Method(
            name="dora",
            meaning="lora for the direction of each output's weights, and a trained magnitude m (out): "
            "W' = m·(W + s·B·A)/‖W + s·B·A‖, norms by row",
            parameters={**_LOW_RANK, "alpha": f"{_LOW_RANK['alpha']}: s = alpha/r"},
            inits=_LOW_RANK_INITS,
            scaling=lambda adapter: adapter.alpha / adapter.r,
            trainable=lambda adapter, site: _low_rank_params(adapter, site) + site.out_features,
            flops=_dora_flops,
            activation_bytes=lambda adapter, site: 4 * adapter.r + 8 * site.out_features,
            problems=_lora_problems,
            loss_of_merge=_quantized_loses,
            source="Liu et al. 2024 (arXiv 2402.09353), equation 5; the norm is treated as a constant (section 4.3)",
        ),
    )
}


def method_entry(name: str) -> Method:
    """The entry of that name. Raises InvalidError with the methods that are available."""
    if name not in CATALOGUE:
        raise InvalidError(f"method '{name}' is not available in this version", nearest(name, CATALOGUE))
    return CATALOGUE[name]


INITS: tuple[str, ...] = tuple(dict.fromkeys(init for method in CATALOGUE.values() for init in method.inits))
