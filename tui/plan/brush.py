"""Settings as a rule writes them: of a site, to be painted on others."""

from workbench.plan.catalogue import CATALOGUE
from workbench.plan.keys import Multiple, format_value
from workbench.plan.plan import PlannedSite
from workbench.plan.rule import Rule
from workbench.plan.selector import parse_rule

DEFAULTS = ""  # a rule without assignments adapts its sites, at the plan's defaults
OFF = "off"


def brush_of(planned: PlannedSite) -> str:
    """The assignments that make another site like this one; alpha as a multiple of the rank, so that cuts keep it."""
    adapter = planned.adapter
    if adapter is None:
        return OFF
    written = [f"method={adapter.method}", f"r={adapter.r}"]
    written.append(f"alpha={format_value(Multiple(adapter.alpha / adapter.r))}")
    takes = CATALOGUE[adapter.method].parameters
    written += [f"{key}={getattr(adapter, key)}" for key in ("balance", "pool") if key in takes]
    written += [f"dropout={format_value(adapter.dropout)}"] if adapter.dropout else []
    written += [f"init={adapter.init}"] if adapter.init != "default" else []
    return " ".join(written)


def assignments_of(rule: Rule) -> str:
    """What a rule sets, without where."""
    return " ".join([*([OFF] if rule.off else []), *map(str, rule.assignments)])


def parsed_assignments(text: str) -> Rule:
    """The rule that sets this everywhere. Raises SelectorError."""
    return parse_rule(f"* all {text}")
