"""A plan in the terms of one LoRA configuration, for the files of other tools, and what of it does not fit in there."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from workbench.errors import InvalidError
from workbench.plan.compact import compact
from workbench.plan.formats import FORMATS
from workbench.plan.plan import Plan, PlannedSite
from workbench.plan.settings import AdapterSettings, BaseSettings
from workbench.plan.sources import hub_id

T = TypeVar("T", str, float)
_KNOWN = ("lora", "rslora", "dora")  # the methods that a LoraConfig has a word for
LOFTQ_CONFIG: Mapping[str, int] = {"loftq_bits": 4, "loftq_iter": 5}


@dataclass(frozen=True, slots=True)
class NotSaid:
    """Something of a plan that the file cannot say: what, at how many sites, which, and what became of it."""

    what: str
    sites: int
    selectors: tuple[str, ...]
    reason: str

    def __str__(self) -> str:
        sites = f"{self.sites} sites" if self.sites > 1 else "1 site"
        return f"{self.what} at {sites} ({'; '.join(self.selectors)}): {self.reason}"

    def to_json(self) -> dict[str, Any]:
        return {"what": self.what, "sites": self.sites, "selectors": list(self.selectors), "reason": self.reason}


@dataclass(frozen=True, slots=True)
class PlanExport:
    """The text of a file, its values, and what it leaves out."""

    text: str
    values: dict[str, Any]
    not_said: tuple[NotSaid, ...]


@dataclass(frozen=True, slots=True)
class LoraTerms:
    """What one LoRA configuration can hold. `numbers` has rank and alpha of every adapted site by its full name.

    `r` and `alpha` are the most common pair.
    """

    model: str
    revision: str | None
    numbers: dict[str, tuple[int, float]]
    r: int
    alpha: float
    dropout: float
    init: str
    rslora: bool
    dora: bool

    @property
    def odd(self) -> dict[str, tuple[int, float]]:
        """The sites whose rank or alpha is another than the most common one."""
        return {name: pair for name, pair in self.numbers.items() if pair != (self.r, self.alpha)}


class Unsaid:
    """Collects what cannot be said, by what it is."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.found: list[NotSaid] = []

    def add(self, what: str, sites: Iterable[PlannedSite], reason: str) -> None:
        """Nothing is added where there are no sites."""
        chosen = [planned.site for planned in sites]
        if chosen:
            self.found.append(NotSaid(what, len(chosen), compact(chosen, self._plan.map), reason))


def lora_terms(plan: Plan, unsaid: Unsaid) -> LoraTerms:
    """The plan as one LoRA configuration; notes what that leaves out.

    Raises InvalidError where nothing is adapted, or nothing that has a rank.
    """
    sites = _with_rank(plan, unsaid)
    methods = {site.method for site in sites}
    rslora, dora = methods == {"rslora"}, methods == {"dora"}
    for method in sorted(methods - {"lora"}):
        if len(methods) > 1 or method not in _KNOWN:
            unsaid.add(f"method {method}", [s for s in sites if s.method == method], _instead(method))
    numbers = {site.site.name: (_adapter(site).r, _alpha(site, rslora)) for site in sites}
    # Counter keeps the order of first appearance, so ties do not depend on hashing
    (r, alpha), _ = Counter(numbers.values()).most_common(1)[0]
    dropout = _most_common(sites, unsaid, "dropout", lambda adapter: adapter.dropout)
    init = _most_common(sites, unsaid, "init", lambda adapter: adapter.init)
    unsaid.add(f"init {init}", _refused(sites, init), _WHY_REFUSED.get(init, ""))
    model = hub_id(plan.model, str(plan.map.path)) or str(plan.map.path)
    return LoraTerms(model, plan.file.get("revision"), numbers, r, alpha, dropout, init, rslora, dora)


def _with_rank(plan: Plan, unsaid: Unsaid) -> list[PlannedSite]:
    if plan.reference:
        raise InvalidError(f"plan {plan.name} adapts nothing: there is nothing to export", "add a rule to it")
    dense = [site for site in plan.adapted if site.structure and site.structure.rank is None]
    kept = [site for site in plan.adapted if site not in dense]
    for method in sorted({site.method for site in dense}):
        reason = "it has no rank, and a LoRA configuration nothing else: these sites are left out"
        unsaid.add(f"method {method}", [site for site in dense if site.method == method], reason)
    if not kept:
        hint = "train it here, and export what it has learned: workbench adapter export RUN --to DIR"
        raise InvalidError(f"plan {plan.name}: none of its adapters has a rank ({dense[0].method})", hint)
    return kept


def _instead(method: str) -> str:
    if method == "rslora":
        return "peft has it for all sites or for none: written as lora with alpha·√r, which is the same scaling"
    if method == "dora":
        return "peft has it for all sites or for none: written as lora of the same rank and scaling"
    return "not a method of peft: written as lora of the same r and scaling"


def _alpha(planned: PlannedSite, rslora: bool) -> float:
    """The alpha that gives the site's scaling; the plan's own number where that does."""
    adapter, scaling = _adapter(planned), planned.scaling or 0.0
    divisor = math.sqrt(adapter.r) if rslora else adapter.r
    return adapter.alpha if math.isclose(adapter.alpha / divisor, scaling, rel_tol=1e-12) else scaling * divisor


def _most_common(sites: list[PlannedSite], unsaid: Unsaid, key: str, value: Callable[[AdapterSettings], T]) -> T:
    (common, _), *others = Counter(value(_adapter(site)) for site in sites).most_common()
    for other, _ in others:
        odd = [site for site in sites if value(_adapter(site)) == other]
        unsaid.add(f"{key} {_told(other)}", odd, f"one value holds for all sites: {_told(common)} is written")
    return common


_WHY_REFUSED = {
    "pissa": "peft refuses it on layers of bitsandbytes",
    "loftq": "peft has its own, which leaves the scaling out and needs CUDA",
}


def _refused(sites: list[PlannedSite], init: str) -> list[PlannedSite]:
    """The sites where peft does not do what the plan asks for."""
    if init not in _WHY_REFUSED:
        return []
    return [site for site in sites if _adapter(site).init == init and FORMATS[site.base.format].quantized]


def _adapter(planned: PlannedSite) -> AdapterSettings:
    assert planned.adapter is not None
    return planned.adapter


def told_base(base: BaseSettings) -> str:
    """A base format with what differs from its defaults: `nf4 blocksize 128`."""
    usual, own = FORMATS[base.format].parameters, asdict(base)
    return " ".join([base.format, *(f"{key} {_told(own[key])}" for key in usual if own[key] != usual[key])])


def _told(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


def plain_number(value: float) -> int | float:
    """A whole number without its point, as other tools write it."""
    return int(value) if float(value).is_integer() else value
