"""Patterns: where in depth, or at which measured sites, to adapt. Each is rules that a plan file takes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from workbench.plan.compact import compact
from workbench.plan.model_map import ModelMap
from workbench.plan.plan import Plan
from workbench.plan.site import Site


@dataclass(frozen=True, slots=True)
class Pattern:
    """Blocks in the selector grammar, and what they are called."""

    name: str
    blocks: str


PATTERNS = (
    Pattern("first third", "lower"),
    Pattern("middle third", "middle"),
    Pattern("last third", "upper"),
    Pattern("first half", "first/2"),
    Pattern("last half", "last/2"),
    Pattern("every second block", "%2"),
    Pattern("every third block", "%3"),
    Pattern("every fourth block", "%4"),
    Pattern("both ends: first and last quarter (U)", "first/4,last/4"),
)
SHARES = (0.1, 0.25, 0.5)


def modules_of(sites: Sequence[Site], model_map: ModelMap) -> str:
    """The modules of these sites as a selector; all of them for one site alone."""
    if len(sites) < 2:
        return "all"
    columns = {site.module for site in sites}
    return compact([site for site in model_map.sites if site.module in columns], model_map)[0].partition(" ")[2]


def pattern_rules(blocks: str, modules: str, brush: str) -> list[str]:
    """Of these modules, only those in the blocks are adapted."""
    return [f"* {modules} off", f"{blocks} {modules} {brush}".strip()]


def top_sites(values: Mapping[str, float], sites: Sequence[Site], share: float) -> list[Site]:
    """The sites with the largest values: a share of those that have one, at least one of them."""
    known = sorted((site for site in sites if site.name in values), key=lambda site: -values[site.name])
    return known[: max(1, round(share * len(known)))] if known else []


def top_rules(chosen: Sequence[Site], modules: str, brush: str, plan: Plan) -> list[str]:
    """Of these modules, only the chosen sites are adapted."""
    return [f"* {modules} off", *(f"{selector} {brush}".strip() for selector in compact(chosen, plan.map))]
