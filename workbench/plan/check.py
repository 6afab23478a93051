"""Checks a plan as a whole and resolves it: every problem of the file at once, each with its place."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from workbench.errors import NotFoundError, Problem, WorkbenchError
from workbench.plan.choice import PlacedRule
from workbench.plan.document import Document
from workbench.plan.findings import Finding, Path, SiteFinding, by_sites, from_error
from workbench.plan.grammar import GROUP_NAME, parse_rule
from workbench.plan.keys import KEYS, Value, read_value
from workbench.plan.model_map import ModelMap, load_map
from workbench.plan.plan import Plan, PlannedSite
from workbench.plan.plan_file import NO_MODEL, PlanValues, read_plan_file
from workbench.plan.resolve import resolve
from workbench.plan.rule import Rule
from workbench.plan.select import BUILT_IN_GROUPS, matching, select
from workbench.plan.selector_error import SelectorError
from workbench.plan.site import Site


@dataclass(frozen=True, slots=True)
class PlanCheck:
    """A plan, or what keeps it from being one; warnings do not.

    `missing` is set where all that is wrong is that its model is nowhere to be found.
    """

    plan: Plan | None
    warnings: tuple[Problem, ...] = ()
    errors: tuple[Problem, ...] = ()
    missing: NotFoundError | None = None

    @property
    def ok(self) -> bool:
        return self.plan is not None


@dataclass(slots=True)
class _Findings:
    errors: list[Finding] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)
    missing: NotFoundError | None = None


def check_document(
    document: Document, home_groups: Document, name: str, model: str | None = None, before: Plan | None = None
) -> PlanCheck:
    """Checks and resolves a plan file. `model` takes the place of the file's own; `name` is used where it has none.

    `home_groups` maps names to selectors; the plan's own groups win over them. With the plan `before` an edit, sites
    that it did not touch are the same objects as there.
    """
    found = _Findings()
    # a revision belongs to the file's own model
    kept = {key: value for key, value in document.data.items() if not model or key != "revision"}
    file, problems = read_plan_file({**kept, **({"model": model} if model else {})})
    found.errors += problems
    file = PlanValues({"name": name, **file.given})
    model_map = _map(file.model, file.revision, found)
    home_problems = _Findings()
    groups = _groups(home_groups.data, {}, model_map, home_problems, strict=False)
    own = _groups(file.groups, groups, model_map, found, strict=True)
    rules = _rules(file.rules, _places(document.data, problems), found)
    plan = _plan(file, model_map, {**groups, **own}, rules, found, before) if model_map else None
    errors = (*document.problems(found.errors), *home_groups.problems(home_problems.errors))
    missing = found.missing if len(errors) == 1 else None
    return PlanCheck(None if errors else plan, document.problems(found.warnings), errors, missing)


def _map(model: str, revision: str | None, found: _Findings) -> ModelMap | None:
    if model == NO_MODEL:
        return None
    try:
        model_map = load_map(model, revision)
    except WorkbenchError as error:
        found.errors.append(from_error(("model",), error))
        found.missing = error if isinstance(error, NotFoundError) else None
        return None
    found.warnings += [Finding(("model",), warning) for warning in model_map.warnings]
    return model_map


def _groups(
    texts: Mapping[Any, Any],
    known: Mapping[str, tuple[Site, ...]],
    model_map: ModelMap | None,
    found: _Findings,
    strict: bool,
) -> dict[str, tuple[Site, ...]]:
    """The sites of each group. A group may use those before it.

    Without `strict`, a group that does not fit this model is left out: it was written for another one.
    """
    groups: dict[str, tuple[Site, ...]] = {}
    path: Path = ("groups",) if strict else ()
    for name, text in texts.items():
        try:
            rule = _group_rule(name, text)
        except WorkbenchError as error:
            found.errors.append(from_error((*path, str(name)), error))
            continue
        if model_map is None:
            continue
        try:
            groups[name] = matching(rule, model_map, {**known, **groups})
        except SelectorError as error:
            found.errors += [from_error((*path, name), error)] if strict else []
            continue
        if strict and not groups[name]:
            found.warnings.append(Finding((*path, name), f"group '{name}' has no sites in {model_map.model}"))
    return groups


def _group_rule(name: Any, text: Any) -> Rule:
    if name in BUILT_IN_GROUPS:
        raise SelectorError(str(text), 1, f"'{name}' is a built-in group", "another name")
    if not isinstance(text, str):
        raise SelectorError(str(text), 1, f"{text!r} is no selector", 'text such as "upper mlp"')
    if not re.fullmatch(GROUP_NAME, str(name)):
        raise SelectorError(text, 1, f"'{name}' is no name of a group", "letters, digits, - _ . after a letter")
    rule = parse_rule(text)
    if rule.off or rule.assignments:
        column = rule.assignments[0].column if rule.assignments else text.rindex("off") + 1
        raise SelectorError(text, column, f"group '{name}' sets something", "blocks and modules only")
    return rule


def _places(data: Mapping[str, Any], problems: tuple[Finding, ...]) -> list[int]:
    """Where in the file the remaining rules stand, after faulty ones were left out."""
    faulty = {finding.path[1] for finding in problems if finding.path[0] == "rules" and len(finding.path) > 1}
    written = data.get("rules")
    return [index for index in range(len(written)) if index not in faulty] if isinstance(written, list) else []


def _rules(texts: list[str], places: list[int], found: _Findings) -> list[tuple[int, Rule]]:
    rules: list[tuple[int, Rule]] = []
    for index, text in zip(places, texts, strict=False):
        try:
            rules.append((index, parse_rule(text)))
        except SelectorError as error:
            found.errors.append(from_error(("rules", index), error))
    return rules


def _plan(
    file: PlanValues,
    model_map: ModelMap,
    groups: Mapping[str, tuple[Site, ...]],
    rules: list[tuple[int, Rule]],
    found: _Findings,
    before: Plan | None,
) -> Plan:
    placed = list(_placed(rules, model_map, groups, found))
    resolution = resolve(model_map.sites, given_values(file), placed, before.resolution if before else None)
    found.errors += (*resolution.errors, *by_sites(_broken_promises(file, resolution.sites)))
    found.warnings += resolution.warnings
    return Plan(
        name=file.name,
        model=file.model,
        map=model_map,
        sites=resolution.sites,
        groups=tuple((name, tuple(site.name for site in sites)) for name, sites in groups.items() if sites),
        require=file.require,
        notes=file.notes,
        file=dict(file.given),
        resolution=resolution,
    )


def _placed(
    rules: list[tuple[int, Rule]], model_map: ModelMap, groups: Mapping[str, tuple[Site, ...]], found: _Findings
) -> Iterator[PlacedRule]:
    for index, rule in rules:
        try:
            yield PlacedRule(index, rule, select(rule, model_map, groups))
        except SelectorError as error:
            found.errors.append(from_error(("rules", index), error))


def given_values(file: PlanValues) -> dict[str, Value]:
    """What `base` and `defaults` of a plan file set, as values to resolve from."""
    written = file.defaults
    if isinstance(alpha := written.get("alpha"), str):
        written["alpha"] = read_value(KEYS["alpha"], alpha)
    return {**written, "base": file.base}


def _broken_promises(file: PlanValues, sites: tuple[PlannedSite, ...]) -> Iterator[SiteFinding]:
    if "mergeable" not in file.require:
        return
    for planned in sites:
        if reason := planned.loss_of_merge:
            hint = "use a base or a method there that merges without loss, or drop mergeable from require"
            yield SiteFinding(("require",), planned.site.name, reason, hint)
