"""The plans of a study's arms. They share most of their rules, so what rules set is worked out once for each shape."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from workbench.canonical import canonical_json
from workbench.errors import InvalidError
from workbench.plan.check import PlanCheck, check_document, given_values
from workbench.plan.choice import PlacedRule
from workbench.plan.document import Document
from workbench.plan.findings import Finding
from workbench.plan.grammar import parse_rule
from workbench.plan.keys import Value
from workbench.plan.plan import Plan, PlannedSite, site_record
from workbench.plan.plan_file import read_plan_file
from workbench.plan.resolve import resolve
from workbench.plan.rule import Rule, format_rule
from workbench.plan.select import select
from workbench.plan.selector_error import SelectorError
from workbench.plan.settings import AdapterSettings, BaseSettings
from workbench.plan.site import Site
from workbench.run.record import SiteRecord

Rules = tuple[str, ...]


class RulesError(InvalidError):
    """Rules that make no plan; `findings` say why, with paths below `rules`."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__(findings[0].message, findings[0].hint)
        self.findings = tuple(findings)


_Settings = tuple[BaseSettings, AdapterSettings | None]
_FIELDS = tuple(SiteRecord.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class _Placed:
    """A rule, what it sets wherever it applies, and the numbers of the sites that it selects."""

    rule: Rule
    effect: str
    sites: tuple[int, ...]


@dataclass(slots=True)
class ArmPlans:
    """Makes the plans of one study, all over one model. `values` are those of a plan file, without rules."""

    values: dict[str, Any]
    home_groups: Document
    baseline: Plan
    given: Mapping[str, Value]
    _groups: dict[str, tuple[Site, ...]] = field(default_factory=dict)
    _rules: dict[str, _Placed] = field(default_factory=dict)
    _settings: dict[tuple[int, int, Rules], _Settings] = field(default_factory=dict)
    _planned: dict[tuple[int, Rules], PlannedSite] = field(default_factory=dict)
    _same: dict[PlannedSite, PlannedSite] = field(default_factory=dict)
    _texts: dict[int, str] = field(default_factory=dict)

    @classmethod
    def over(cls, values: dict[str, Any], home_groups: Document, baseline: Plan) -> "ArmPlans":
        """For a study whose baseline is a plan already: its map and groups are those of all arms."""
        given = given_values(read_plan_file(values)[0])
        by_name = {site.name: site for site in baseline.map.sites}
        groups = {name: tuple(by_name[site] for site in sites) for name, sites in baseline.groups}
        return cls(values, home_groups, baseline, given, groups)

    def plan(self, name: str, rules: Rules) -> Plan:
        """The plan of these rules. Raises RulesError with everything wrong with them."""
        return Plan(
            name=name,
            model=self.baseline.model,
            map=self.baseline.map,
            sites=self._sites(rules),
            groups=self.baseline.groups,
            notes=str(self.values.get("notes", "")),
            file={**self.values, "name": name, "rules": list(rules)},
        )

    def check(self, name: str, rules: Rules) -> PlanCheck:
        """The same by the checks of plan files, slower, with everything that they warn of."""
        return check_document(Document(name, {**self.values, "rules": list(rules)}), self.home_groups, name)

    def selected(self, rule: str) -> tuple[Site, ...]:
        """The sites that a rule selects. Raises RulesError."""
        [placed] = self._placed((rule,))
        return tuple(self.baseline.map.sites[number] for number in placed.sites)

    def site_texts(self, plan: Plan) -> list[str]:
        """The sites as canonical JSON, as run identifiers are made of them."""
        return [self._text(planned) for planned in plan.sites]

    def _text(self, planned: PlannedSite) -> str:
        if id(planned) not in self._texts:  # equal sites are one object here, and all of them are kept
            record = site_record(planned)
            self._texts[id(planned)] = canonical_json({name: getattr(record, name) for name in _FIELDS})
        return self._texts[id(planned)]

    def _sites(self, rules: Rules) -> tuple[PlannedSite, ...]:
        placed = self._placed(rules)
        rows: list[list[_Placed]] = [[] for _ in self.baseline.map.sites]
        for rule in placed:
            for number in rule.sites:
                rows[number].append(rule)
        try:
            return tuple(self._site(number, row) for number, row in enumerate(rows))
        except RulesError:
            raise RulesError(self._all_findings(placed)) from None

    def _placed(self, rules: Rules) -> list[_Placed]:
        findings = []
        for index, text in enumerate(rules):
            try:
                self._rules.setdefault(text, self._rules.get(text) or self._select(text))
            except SelectorError as error:
                findings.append(Finding(("rules", index), error.title, error.hint, error.column))
        if findings:
            raise RulesError(findings)
        return [self._rules[text] for text in rules]

    def _select(self, text: str) -> _Placed:
        rule = parse_rule(text)
        chosen = set(select(rule, self.baseline.map, self._groups))
        effect = format_rule(Rule((), assignments=rule.assignments, off=rule.off))
        return _Placed(rule, effect, tuple(n for n, site in enumerate(self.baseline.map.sites) if site in chosen))

    def _site(self, number: int, row: Sequence[_Placed]) -> PlannedSite:
        key = (number, tuple([placed.effect for placed in row]))
        if key not in self._planned:
            site = self.baseline.map.sites[number]
            planned = PlannedSite(site, *self._set(site, row, key[1]))
            self._planned[key] = self._same.setdefault(planned, planned)
        return self._planned[key]

    def _set(self, site: Site, row: Sequence[_Placed], effects: Rules) -> _Settings:
        """What these rules set: where the shape is the same, so is that."""
        key = (site.in_features, site.out_features, effects)
        if key not in self._settings:
            rules = [PlacedRule(index, placed.rule, (site,)) for index, placed in enumerate(row)]
            resolution = resolve((site,), self.given, rules)
            if resolution.errors:
                raise RulesError(resolution.errors)
            self._settings[key] = resolution.sites[0].base, resolution.sites[0].adapter
        return self._settings[key]

    def _all_findings(self, rules: Sequence[_Placed]) -> tuple[Finding, ...]:
        sites = self.baseline.map.sites
        placed = [
            PlacedRule(index, found.rule, tuple(sites[number] for number in found.sites))
            for index, found in enumerate(rules)
        ]
        return resolve(sites, self.given, placed).errors
