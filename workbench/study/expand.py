"""A study file into arms and runs: plans, recipes and run identifiers, the same ones every time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.errors import InvalidError
from workbench.plan.findings import Finding, Path
from workbench.plan.plan import Plan
from workbench.run.identity import run_ids_of_texts
from workbench.run.recipe import Recipe
from workbench.study.arm_plans import ArmPlans, Rules, RulesError
from workbench.study.budget import Solution, solve, wanted_params
from workbench.study.design import REFERENCE, ArmDesign
from workbench.study.recipes import Recipes, SettingError, Settings
from workbench.study.study_file import StudyFile

ORIGINAL_FORMATS = {"F32": "fp32", "F64": "fp32"}
FAR_OFF = 0.05  # a budget missed by more than this share is warned of


@dataclass(frozen=True, slots=True)
class Arm:
    """A plan and a recipe. `rules` are all of the plan's, `levels` pairs of factor and level; `solution` says how an
    arm by budget came about.
    """

    name: str
    plan: Plan
    recipe: Recipe
    rules: Rules
    levels: tuple[tuple[str, str], ...] = ()
    solution: Solution | None = None

    @property
    def reference(self) -> bool:
        """Whether nothing is trained: such an arm has one run, whatever the seeds."""
        return self.plan.reference


@dataclass(frozen=True, slots=True)
class Member:
    """One run of a study: an arm with a seed. The seed of a reference arm is 0."""

    arm: str
    levels: tuple[tuple[str, str], ...]
    seed: int
    run_id: str


@dataclass(frozen=True, slots=True)
class Expansion:
    """The arms of a study, the baseline first, and their runs, arm by arm.

    `merged` maps arms that would be the same runs as an arm before them to that arm.
    """

    arms: tuple[Arm, ...]
    members: tuple[Member, ...]
    merged: dict[str, str]

    @property
    def baseline(self) -> Arm:
        return self.arms[0]

    def arm(self, name: str) -> Arm:
        return next(arm for arm in self.arms if arm.name == name)


class ExpansionError(InvalidError):
    """A study file that makes no arms; `findings` say what is wrong where in the file."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__(findings[0].message, findings[0].hint)
        self.findings = tuple(findings)


@dataclass(frozen=True, slots=True)
class Grounds:
    """What all runs of a study have in common: the model's fingerprint and the hash of the data."""

    model_fingerprint: str
    data_hash: str


def expand(
    file: StudyFile, designs: Sequence[ArmDesign], plans: ArmPlans, recipes: Recipes, grounds: Grounds
) -> Expansion:
    """All arms and runs of a study. Raises ExpansionError with everything that is wrong with the arms."""
    arms, findings = _arms(file, designs, plans, recipes)
    if findings:
        raise ExpansionError(_told_once(findings))
    kept, merged = _without_doubles(arms, recipes)
    return Expansion(tuple(kept), tuple(_members(kept, file.seeds, plans, recipes, grounds)), merged)


def reference_designs(file: StudyFile, stored_dtype: str) -> list[ArmDesign]:
    """The base without adapters, as the baseline stores it, and as the model's files do."""
    if not file.references:
        return []
    original = ORIGINAL_FORMATS.get(stored_dtype, "bf16")
    plain: Settings = (("merge_eval", []),)  # nothing was learned that merging could lose
    return [
        ArmDesign(REFERENCE, ("baseline",), rules=("* all off",), settings=plain),
        ArmDesign(f"{REFERENCE}-{original}", ("baseline",), rules=(f"* all off base={original}",), settings=plain),
    ]


def _arms(
    file: StudyFile, designs: Sequence[ArmDesign], plans: ArmPlans, recipes: Recipes
) -> tuple[list[Arm], list[Finding]]:
    arms: list[Arm] = []
    findings: list[Finding] = []
    named = {design.name: design for design in designs}
    solved: dict[Any, Solution] = {}

    def plan_of(name: str) -> Plan:
        return plans.plan(name, _rules(file, named[name]))

    for design in (*designs, *reference_designs(file, plans.baseline.map.dtype)):
        try:
            solution = None
            if design.budget:
                key = (design.rules, design.budget)
                solution = solved.get(key) or _solution(file, design, plans, plan_of)
                solved[key] = solution
            rules = (*_rules(file, design), *(solution.rules if solution else ()))
            plan, recipe = plans.plan(f"{file.name}:{design.name}", rules), recipes.recipe(design.settings)
            arms.append(Arm(design.name, plan, recipe, rules, design.levels, solution))
        except RulesError as error:
            findings += [_of_rule(file, design, finding) for finding in error.findings]
        except SettingError as error:
            findings.append(Finding(_setting_path(file, design, error.key), error.title, error.hint))
        except InvalidError as error:
            findings.append(Finding(design.path, f"arm {design.name}: {error.title}", error.hint))
    return arms, findings


def _rules(file: StudyFile, design: ArmDesign) -> Rules:
    return (*file.baseline, *design.rules)


def _solution(file: StudyFile, design: ArmDesign, plans: ArmPlans, plan_of: Any) -> Solution:
    assert design.budget
    wanted = wanted_params(design.budget, plans.baseline, plan_of)
    return solve(plans, _rules(file, design), design.budget, wanted)


def _of_rule(file: StudyFile, design: ArmDesign, finding: Finding) -> Finding:
    """The finding at the place in the study file that the rule comes from."""
    index = finding.path[1] if finding.path[:1] == ("rules",) and len(finding.path) > 1 else None
    if not isinstance(index, int):
        return finding
    if index < len(file.baseline):
        return Finding(("baseline", index), finding.message, finding.hint, finding.column)
    own = index - len(file.baseline)
    rule = design.rules[own] if own < len(design.rules) else design.budget.rule if design.budget else ""
    return Finding(design.path, f"arm {design.name}, '{rule}': {finding.message}", finding.hint)


def _setting_path(file: StudyFile, design: ArmDesign, key: str) -> Path:
    if key in file.factors:
        return ("factors", key)
    return (*design.path, "set", key) if design.path[0] == "arms" and key in dict(design.settings) else ("set", key)


def _told_once(findings: Sequence[Finding]) -> list[Finding]:
    """Of findings that differ in the arm alone, the first, with how many more there are."""
    alike: dict[tuple[Path, str], list[Finding]] = {}
    for finding in findings:
        said = finding.message.partition(": ")[2] if finding.message.startswith("arm ") else finding.message
        alike.setdefault((finding.path, said), []).append(finding)
    return [
        Finding(group[0].path, group[0].message + _more(len(set(group))), group[0].hint, group[0].column)
        for group in alike.values()
    ]


def _more(count: int) -> str:
    return f" (and so in {count - 1} more arms)" if count > 1 else ""


def _without_doubles(arms: Sequence[Arm], recipes: Recipes) -> tuple[list[Arm], dict[str, str]]:
    first: dict[tuple[Any, ...], Arm] = {}
    merged: dict[str, str] = {}
    for arm in arms:
        # Equal sites are one object each, so their identities tell plans apart without comparing every field.
        key = (tuple(map(id, arm.plan.sites)), _recipe_text(arm, recipes))
        if (kept := first.setdefault(key, arm)) is not arm:
            merged[arm.name] = kept.name
    return list(first.values()), merged


def _recipe_text(arm: Arm, recipes: Recipes) -> str:
    return recipes.identity_text(arm.recipe, any(p.adapter and p.adapter.dropout for p in arm.plan.sites))


def _members(
    arms: Sequence[Arm], seeds: Sequence[int], plans: ArmPlans, recipes: Recipes, grounds: Grounds
) -> Iterator[Member]:
    for arm in arms:
        own, sites = ((0,) if arm.reference else seeds), plans.site_texts(arm.plan)
        recipe = _recipe_text(arm, recipes)
        run_ids = run_ids_of_texts(sites, grounds.model_fingerprint, grounds.data_hash, recipe, own)
        yield from (Member(arm.name, arm.levels, *pair) for pair in zip(own, run_ids, strict=True))
