"""The methods: how a site can be adapted, and what that costs. A new method is a new entry.

Convention: a site's weight is (out, in); r is the rank, s the scaling, p the pool, λ the balance; ΔW = s·B·A with
A (r, in) and B (out, r) where nothing else is said.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from workbench.errors import InvalidError
from workbench.nearest import nearest
from workbench.plan.formats import FORMATS
from workbench.plan.settings import AdapterSettings, BaseSettings
from workbench.plan.site import Site
from workbench.plan.structure import Structure

NONE = "none"


@dataclass(frozen=True, slots=True)
class Problem:
    """What does not fit at a site: the key to change, what is wrong, and which values would do."""

    key: str
    message: str
    hint: str


Check = Callable[[AdapterSettings, BaseSettings, Site], Iterator[Problem]]


def _nothing(adapter: AdapterSettings, base: BaseSettings, site: Site) -> Iterator[Problem]:
    return iter(())


@dataclass(frozen=True, slots=True)
class Method:
    """One entry of the catalogue. Everything else of the program asks here what a method is.

    `parameters` maps the adapter keys that the method takes to their meaning, `inits` names the initializations.
    `structure` gives the matrices, and with them parameters, FLOPs, memory, layers, export and merging. `problems`
    refuse a plan, `warnings` do not. `inferred` says what is not from the source.
    """

    name: str
    meaning: str
    formula: str
    parameters: dict[str, str]
    inits: tuple[str, ...]
    scaling: Callable[[AdapterSettings], float]
    structure: Callable[[AdapterSettings], Structure]
    problems: Check
    source: str
    warnings: Check = _nothing
    inferred: str = ""

    def trainable(self, adapter: AdapterSettings, site: Site) -> int:
        """Trainable parameters at the site."""
        return self.structure(adapter).trainable(site.in_features, site.out_features)

    def flops(self, adapter: AdapterSettings, site: Site) -> int:
        """Forward and backward of the adapter for one token."""
        return self.structure(adapter).flops(site.in_features, site.out_features)

    def loss_of_merge(self, adapter: AdapterSettings, base: BaseSettings) -> str | None:
        """Why merging into the site's own base format loses something; None where nothing is lost.

        A format that stores a zero point for each group of inputs takes every change that is constant in the groups:
        it moves the zero points (Xu et al. 2023, QA-LoRA, section 3.3).
        """
        stored = FORMATS[base.format]
        structure = self.structure(adapter)
        if not stored.quantized:
            return None
        if not structure.additive:
            return f"{self.name} rescales whole rows: the result has to be quantized again"
        if not stored.zero_points:
            return (
                f"{self.name} cannot be merged into {stored.name} without loss: rounding drops most of a small change"
            )
        if structure.pool % (base.blocksize or 1):
            return (
                f"pool {structure.pool} is no multiple of the blocksize {base.blocksize} of {stored.name}: "
                "the change is not constant in its groups"
            )
        return None


def divisors(*numbers: int) -> str:
    """The common divisors as text, at most a dozen of them, the largest kept."""
    common = math.gcd(*numbers)
    found = [number for number in range(1, common + 1) if common % number == 0]
    return ", ".join(map(str, found)) if len(found) <= 12 else f"{', '.join(map(str, found[:11]))}, … {found[-1]}"


def _divides(key: str, value: int, sides: dict[str, int]) -> Iterator[Problem]:
    """A problem where the value of a key does not divide one of the named sides of the layer."""
    wrong = [f"{name} {side}" for name, side in sides.items() if side % value]
    if wrong:
        yield Problem(
            key, f"{key} {value} does not divide {' and '.join(wrong)}", f"these do: {divisors(*sides.values())}"
        )


def _fits(adapter: AdapterSettings, base: BaseSettings, site: Site) -> Iterator[Problem]:
    smallest = min(site.in_features, site.out_features)
    if adapter.r > smallest:
        message = f"r {adapter.r} is larger than the smaller side of the layer, {smallest}"
        yield Problem("r", message, "change r there")
    if adapter.init == "loftq" and not FORMATS[base.format].quantized:
        message = (
            f"init loftq makes up for the error of quantizing, and {base.format} has none: the adapter would be zero"
        )
        yield Problem("init", message, "use a quantized base there, or another init")


def _balances(adapter: AdapterSettings, base: BaseSettings, site: Site) -> Iterator[Problem]:
    return _divides("balance", adapter.balance, {"in_features": site.in_features, "out_features": site.out_features})


def _pools(adapter: AdapterSettings, base: BaseSettings, site: Site) -> Iterator[Problem]:
    return _divides("pool", adapter.pool, {"in_features": site.in_features})


def _pools_and_balances(adapter: AdapterSettings, base: BaseSettings, site: Site) -> Iterator[Problem]:
    yield from _pools(adapter, base, site)
    yield from _divides("balance", adapter.balance, {"out_features": site.out_features})


def _connects(adapter: AdapterSettings, base: BaseSettings, site: Site) -> Iterator[Problem]:
    return _divides("r", adapter.r, {"in_features": site.in_features, "out_features": site.out_features})


def _more_than_carried(adapter: AdapterSettings, base: BaseSettings, site: Site) -> Iterator[Problem]:
    """The inner size beyond which a pooled product gains nothing."""
    structure = CATALOGUE[adapter.method].structure(adapter)
    largest = structure.largest_rank(site.in_features, site.out_features)
    if structure.rank is not None and structure.rank > largest:
        rows, columns = structure.core(site.in_features, site.out_features)
        inner = f"λr = {adapter.balance}·{adapter.r} = {structure.rank}" if adapter.balance > 1 else f"r {adapter.r}"
        yield Problem(
            "r",
            f"{inner} is more than the pooled shape ({rows}, {columns}) can carry: parameters without effect",
            f"r up to {max(1, largest // adapter.balance)} is of use there",
        )


_R = "rank: the inner size of B·A"
_ALPHA = "numerator of the scaling; a number, or a multiple of the rank such as 2r"
_COMMON = {
    "dropout": "share of the adapter's inputs (of their averages, where there are such) that is dropped while training",
    "init": "default: A uniform (Kaiming, a = √5), B zero; gaussian: A normal with deviation 1/r, B zero",
}
_FROM_WEIGHT = (
    "; pissa: A and B are the largest r singular directions of the original weight, and the base keeps the rest; "
    "loftq: they make up for the error of quantizing"
)
_LOW_RANK = {"r": _R, "alpha": f"{_ALPHA}: s = alpha/r", **_COMMON}
_WITH_INITS = {**_LOW_RANK, "init": _COMMON["init"] + _FROM_WEIGHT}
_BALANCE = "balancing factor λ: {0} a λ-th as wide, and the inner size is λ·r"
_POOL = "pool p: so many neighbouring inputs are averaged; merges into int4 where the blocksize divides it"
_DRAWN = ("default", "gaussian")


def _over_r(adapter: AdapterSettings) -> float:
    return adapter.alpha / adapter.r


def _as_lora(adapter: AdapterSettings) -> Structure:
    return Structure(adapter.r)


CATALOGUE: dict[str, Method] = {
    method.name: method
    for method in (
        Method(
            name=NONE,
            meaning="the site stays as it is",
            formula="",
            parameters={},
            inits=(),
            scaling=lambda adapter: 0.0,
            structure=lambda adapter: Structure(0),
            problems=_nothing,
            source="",
        ),
        Method(
            name="lora",
            meaning="a low-rank update beside the frozen weight; QLoRA on a 4-bit base",
            formula="y += s·B·A·x",
            parameters=_WITH_INITS,
            inits=(*_DRAWN, "pissa", "loftq"),
            scaling=_over_r,
            structure=_as_lora,
            problems=_fits,
            source="Hu et al. 2021 (arXiv 2106.09685), equation 3; Dettmers et al. 2023 (arXiv 2305.14314), "
            "equation 5; pissa: Meng et al. 2024 (arXiv 2404.02948); loftq: Li et al. 2023 (arXiv 2310.08659), "
            "algorithm 1",
        ),
        Method(
            name="rslora",
            meaning="lora whose scaling falls with the square root of the rank, so that high ranks keep learning",
            formula="y += s·B·A·x",
            parameters={**_WITH_INITS, "alpha": f"{_ALPHA}: s = alpha/√r"},
            inits=(*_DRAWN, "pissa", "loftq"),
            scaling=lambda adapter: adapter.alpha / math.sqrt(adapter.r),
            structure=_as_lora,
            problems=_fits,
            source="Kalajdzievski 2023 (arXiv 2312.03732)",
        ),
        Method(
            name="dora",
            meaning="lora for the direction of each output's weights, and a trained magnitude m (out) for their norm",
            formula="W' = m·(W + s·B·A)/‖W + s·B·A‖, norms by row",
            parameters=_LOW_RANK,
            inits=_DRAWN,
            scaling=_over_r,
            structure=lambda adapter: Structure(adapter.r, magnitude=True),
            problems=_fits,
            source="Liu et al. 2024 (arXiv 2402.09353), equation 5; the norm is treated as a constant (section 4.3)",
        ),
        Method(
            name="blora",
            meaning="balanced lora (the study's Q-BaRA, Q-BLoRA): inputs are averaged and outputs repeated by λ, and "
            "the inner size grows by λ, so that the same number of parameters has a higher rank",
            formula="y += s·repeat_λ(B·A·average_λ(x)), A (λr, in/λ), B (out/λ, λr)",
            parameters={**_LOW_RANK, "balance": _BALANCE.format("A and B are")},
            inits=_DRAWN,
            scaling=_over_r,
            structure=lambda adapter: Structure(adapter.balance * adapter.r, adapter.balance, adapter.balance),
            problems=_balances,
            warnings=_more_than_carried,
            source="Shen et al., CMC 2025 (balancing factor)",
            inferred="the scaling keeps the base rank r; averaging, not summing, of the inputs",
        ),
        Method(
            name="qalora",
            meaning="quantization-aware lora: the change is constant over p neighbouring inputs, so that it moves the "
            "zero points of an int4 base and nothing else",
            formula="y += s·B·A·average_p(x), A (r, in/p)",
            parameters={**_LOW_RANK, "pool": _POOL},
            inits=_DRAWN,
            scaling=_over_r,
            structure=lambda adapter: Structure(adapter.r, adapter.pool),
            problems=_pools,
            warnings=_more_than_carried,
            source="Xu et al. 2023 (arXiv 2309.14717), section 3.3",
            inferred="averaging (the published code sums and rescales): a factor in the learning rate",
        ),
        Method(
            name="qablora",
            meaning="qalora with balanced outputs: results are repeated by λ and the inner size grows by λ",
            formula="y += s·repeat_λ(B·A·average_p(x)), A (λr, in/p), B (out/λ, λr)",
            parameters={**_LOW_RANK, "pool": _POOL, "balance": _BALANCE.format("B is")},
            inits=_DRAWN,
            scaling=_over_r,
            structure=lambda adapter: Structure(adapter.balance * adapter.r, adapter.pool, adapter.balance),
            problems=_pools_and_balances,
            warnings=_more_than_carried,
            source="Shen et al., CMC 2025 (QA-BLoRA)",
            inferred="the shapes are inferred from the abstract's description; no equation was at hand",
        ),
        Method(
            name="qahira",
            meaning="quantization-aware high-rank adaptation: one dense matrix over averaged inputs and repeated "
            "outputs, without a low rank",
            formula="y += s·repeat_λ(C·average_p(x)), C (out/λ, in/p)",
            parameters={
                "r": "divides alpha in the scaling, as in the other methods; C has no rank of its own",
                "alpha": f"{_ALPHA}: s = alpha/r",
                "pool": _POOL,
                "balance": "λ: each result counts for λ neighbouring outputs, so C has a λ-th of the rows",
                "dropout": _COMMON["dropout"],
                "init": "default: C zero",
            },
            inits=("default",),
            scaling=_over_r,
            structure=lambda adapter: Structure(None, adapter.pool, adapter.balance),
            problems=_pools_and_balances,
            source="Shen et al., CMC 2025 (QA-HiRA)",
            inferred="C starts at zero, so that ΔW = 0 at the start; the published code starts elsewhere",
        ),
        Method(
            name="irqlora",
            meaning="lora with the elastic connections of IR-QLoRA: averages of the input pass the rank by, and its "
            "values reach the outputs by repeating, each with one trained factor that starts at zero",
            formula="h = A·x + β1·average_{in/r}(x); y += s·(B·h + β2·repeat_{out/r}(h))",
            parameters={**_LOW_RANK, "r": f"{_R}; divides in_features and out_features"},
            inits=_DRAWN,
            scaling=_over_r,
            structure=lambda adapter: Structure(adapter.r, connected=True),
            problems=_connects,
            source="Qin et al. 2024 (arXiv 2402.05445), section 3.3 (information elastic connection)",
            inferred="the calibration of quantization of the same paper is not part of it; dropout acts on the "
            "averages too",
        ),
    )
}


def method_entry(name: str) -> Method:
    """The entry of that name. Raises InvalidError with the methods that are available."""
    if name not in CATALOGUE:
        raise InvalidError(f"method '{name}' is not available in this version", nearest(name, CATALOGUE))
    return CATALOGUE[name]


INITS: tuple[str, ...] = tuple(dict.fromkeys(init for method in CATALOGUE.values() for init in method.inits))
