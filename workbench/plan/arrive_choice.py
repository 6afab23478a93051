"""What a plan makes of a specification: its targets on a model, the method, the base format."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from workbench.plan.arrive_file import ArrivedFile
from workbench.plan.arrive_peft import DEFAULT_TARGETS
from workbench.plan.arrive_rules import Numbers
from workbench.plan.arrive_spec import STORED, AdapterSpec, Arriving, LeftOut
from workbench.plan.catalogue import CATALOGUE
from workbench.plan.findings import Finding, SiteFinding, by_sites
from workbench.plan.formats import base_format
from workbench.plan.keys import Value, format_value
from workbench.plan.model_map import ModelMap
from workbench.plan.settings import AdapterSettings

_STORED_AS = {"F64": "fp32", "F32": "fp32"}  # all others are 16-bit
_DEFAULT_BASE = "nf4"


def for_model(file: ArrivedFile, arriving: Arriving, model_map: ModelMap) -> AdapterSpec:
    """The specification with the targets that it leaves to the tool."""
    spec = arriving.spec
    if spec.linear:
        named = (spec.targets,) if isinstance(spec.targets, str) else spec.targets or ()
        return replace(spec, targets=(*named, *(m.name for m in model_map.modules if m.name not in named)))
    if spec.targets is not None:
        return spec
    if model_map.model_type not in DEFAULT_TARGETS:
        message = f"no {arriving.keys['targets']}, and peft has no choice of its own for {model_map.model_type}"
        file.findings.append(Finding((), message, f"add {arriving.keys['targets']}, such as all-linear"))
        file.raise_findings()
    return replace(spec, targets=DEFAULT_TARGETS[model_map.model_type])


@dataclass(frozen=True, slots=True)
class Choice:
    """The method and init, whether alpha takes the place of rslora's scaling, and what is left out."""

    method: str
    init: str
    rescaled: bool
    left_out: tuple[LeftOut, ...]


def choose_method(spec: AdapterSpec, keys: Mapping[str, str]) -> Choice:
    """The catalogue's method. rslora beside dora, or without an entry, is alpha·√r: the same scaling at every site."""
    left_out = []
    method = "dora" if spec.dora else "rslora" if spec.rslora else "lora"
    rescaled = spec.rslora and (spec.dora or "rslora" not in CATALOGUE)
    if method not in CATALOGUE:
        if method == "dora":
            left_out.append(LeftOut(keys["dora"], "true", "no method dora in this version: lora instead"))
        method = "lora"
    if rescaled:
        reason = f"alpha is written times √r: {method} then has the scaling of rslora"
        left_out.append(LeftOut(keys["rslora"], "true", reason))
    init = {True: "default", False: "random"}.get(spec.init, spec.init) if isinstance(spec.init, bool) else spec.init
    init = init if init in CATALOGUE[method].inits else str(init).lower()
    if init not in CATALOGUE[method].inits:
        reason = (
            f"no such init of {method} in this version, it has {', '.join(CATALOGUE[method].inits)}: default instead"
        )
        left_out.append(LeftOut(keys["init"], str(spec.init).lower(), reason))
        init = "default"
    return Choice(method, init, rescaled, tuple(left_out))


def rescale(numbers: Numbers) -> Numbers:
    """Alphas times √r, with which a method that divides by r has the scaling of rslora."""
    return {site: (r, alpha * math.sqrt(r)) for site, (r, alpha) in numbers.items()}


def check_fit(
    file: ArrivedFile, arriving: Arriving, spec: AdapterSpec, numbers: Numbers, choice: Choice, base: str
) -> None:
    """Refuses ranks and other settings that do not fit a site, at the key that they come from."""
    ranks, stored = {rank for _, rank in spec.ranks}, base_format(base).settings()
    found = []
    for site, (r, alpha) in numbers.items():
        settings = AdapterSettings(choice.method, r, alpha, spec.dropout, choice.init)
        for problem in CATALOGUE[choice.method].problems(settings, stored, site):
            owner = "ranks" if problem.key == "r" and r in ranks else problem.key
            path = (arriving.keys.get(owner, problem.key),)
            found.append(SiteFinding(path, site.name, problem.message, problem.hint))
    file.findings += by_sites(found)
    file.raise_findings()


def choose_base(arriving: Arriving, model_map: ModelMap, wanted: str | None) -> tuple[str, tuple[str, ...]]:
    """The base format of the plan, and the rules for its further keys."""
    if wanted or arriving.base is None:
        return base_format(wanted or _DEFAULT_BASE).name, ()
    name = _STORED_AS.get(model_map.dtype, "bf16") if arriving.base == STORED else arriving.base
    own = base_format(name).parameters
    keys = {key: value for key, value in arriving.base_keys.items() if key in own and own[key] != value}
    said = "".join(f" {key}={format_value(value)}" for key, value in keys.items())
    return name, (f"* all{said}",) if keys else ()


def defaults_of(choice: Choice, r: int, alpha: Value, dropout: float) -> dict[str, Value]:
    """What the plan file has under `defaults`."""
    defaults: dict[str, Value] = {"method": choice.method, "r": r, "alpha": alpha, "dropout": dropout}
    return defaults if choice.init == "default" else {**defaults, "init": choice.init}
