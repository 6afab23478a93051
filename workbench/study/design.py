"""The arms of a study before any model is looked at: baseline, template or explicit arms, crossed with recipe keys."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import isfinite
from typing import Any

from workbench.nearest import nearest
from workbench.plan.findings import Finding, Path
from workbench.study.claim_file import ARM, wrong_claims
from workbench.study.levels import Level, level_text, read_levels
from workbench.study.study_file import ArmFile, StudyFile

BASELINE, REFERENCE, TEMPLATE = "baseline", "reference", "template"
SOLVED = "n"
BUDGETS = ("discount", "params")
# Keys of the recipe that can be a factor: those that change a result and not which data there are.
RECIPE_FACTORS = (
    *("lr", "steps", "epochs", "optimizer", "batch", "accumulation", "schedule", "warmup", "clip", "weight_decay"),
    *("max_length", "mezo_epsilon", "compute_dtype"),
)
_HOLE = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Budget:
    """The number {n} of `rule` is solved so that `kind` (discount, params) becomes `value`."""

    kind: str
    value: float | int | str
    rule: str


@dataclass(frozen=True, slots=True)
class ArmDesign:
    """An arm as the file means it. `rules` follow the baseline's; `settings` are keys of the recipe.

    `levels` are pairs of factor and level; `path` is where in the file the arm comes from.
    """

    name: str
    path: Path
    levels: tuple[tuple[str, str], ...] = ()
    rules: tuple[str, ...] = ()
    settings: tuple[tuple[str, Any], ...] = ()
    budget: Budget | None = None


@dataclass(frozen=True, slots=True)
class Design:
    """All arms, the baseline first, and what is wrong with the file."""

    arms: tuple[ArmDesign, ...]
    errors: tuple[Finding, ...] = ()


def design(file: StudyFile) -> Design:
    """Crosses factors and levels. Deterministic: arms stand in the order of the file, the last factor fastest."""
    errors = (*_misused(file), *_repeated(file), *_wrong_arms(file), *wrong_claims(file.claims, _levels(file)))
    if errors:
        return Design((), errors)
    in_recipe = [name for name in file.factors if _use(file, name) == "recipe"]
    bases = [ArmDesign(BASELINE, ("baseline",)), *_from_template(file), *_explicit(file)]
    crossed = [arm for base in bases for arm in _crossed(file, base, in_recipe)]
    return Design(tuple(crossed))


def holes(file: StudyFile) -> list[str]:
    """The names in braces of the template, in order, each once."""
    return list(dict.fromkeys(name for rule in file.template for name in _HOLE.findall(rule)))


def _levels(file: StudyFile) -> dict[str, list[str]]:
    """The names of the levels that arms have, by factor."""
    found = {name: [level.name for level in read_levels(written)] for name, written in file.factors.items()}
    return {**found, **({ARM: list(file.arms)} if file.arms else {})}


def _use(file: StudyFile, name: str) -> str:
    if name in holes(file):
        return "hole"
    if name in BUDGETS and file.template:
        return "budget"
    return "recipe" if name in RECIPE_FACTORS else ""


def _misused(file: StudyFile) -> Iterator[Finding]:
    open_holes = holes(file)
    for name in file.factors:
        if not _use(file, name):
            known = [*(hole for hole in open_holes if hole not in file.factors), *RECIPE_FACTORS]
            hint = f"write {{{name}}} where its levels go in the template, or use a key of the recipe: "
            yield Finding(("factors", name), f"factor '{name}' is never used", hint + nearest(name, known))
    for hole in open_holes:
        if hole != SOLVED and hole not in file.factors:
            hint = nearest(hole, file.factors) if file.factors else f"add `factors: {{{hole}: [...]}}`"
            yield Finding(("template",), f"no factor fills the hole {{{hole}}}", hint)
    budgets = [name for name in file.factors if _use(file, name) == "budget"]
    if len(budgets) > 1:
        yield Finding(("factors", budgets[1]), "discount and params exclude each other", "keep one of them")
    for name in budgets:
        yield from _wrong_amounts(file, name)
    solved = sum(rule.count(f"{{{SOLVED}}}") for rule in file.template)
    if SOLVED not in file.factors and bool(budgets) != (solved == 1):
        message = "a budget needs one hole {n}" if budgets else "the hole {n} needs a budget"
        yield Finding(("template",), message, 'such as "* mlp r={n}" with `factors: {discount: [0.25]}`')


def _wrong_amounts(file: StudyFile, kind: str) -> Iterator[Finding]:
    for index, level in enumerate(read_levels(file.factors[kind])):
        number = isinstance(level.value, int | float) and not isinstance(level.value, bool)
        fits = (number and float(level.value) < 1) if kind == "discount" else (number or level.value == BASELINE)
        if not fits:
            part = index if isinstance(file.factors[kind], list) else level.name
            expected = "numbers below 1, such as 0.25" if kind == "discount" else "numbers of parameters, or baseline"
            yield Finding(("factors", kind, part), f"{kind} is {level_text(level.value)}", f"write {expected}")


def _repeated(file: StudyFile) -> Iterator[Finding]:
    for index, seed in enumerate(file.seeds):
        if seed in file.seeds[:index]:
            yield Finding(("seeds", index), f"seed {seed} stands here a second time", "keep one: it is the same run")
    for name, written in file.factors.items():
        levels = read_levels(written)
        if not levels:
            yield Finding(("factors", name), f"factor '{name}' has no levels", "write levels as `[2, 4]`")
        for index, level in enumerate(levels):
            if isinstance(level.value, float) and not isfinite(level.value):
                part = index if isinstance(written, list) else level.name
                yield Finding(("factors", name, part), f"the level {level.value} is no number", "write a finite one")
            if not level.name.isprintable():
                yield Finding(("factors", name), f"the level {level.name!r} is not one line", "give it a shorter name")
            if level.value in [before.value for before in levels[:index]]:
                part = index if isinstance(written, list) else level.name
                message = f"the level {level_text(level.value)} stands here a second time"
                yield Finding(("factors", name, part), message, "keep one of them")


def _wrong_arms(file: StudyFile) -> Iterator[Finding]:
    if file.template and file.arms:
        yield Finding(("arms",), "template and arms exclude each other", "keep one, or make two studies")
    if not (file.template or file.arms or file.factors):
        hint = 'for example `factors: {cut: [2, 4]}` and `template: "* mlp r/={cut}"`'
        yield Finding((), "the study has no arms beside its baseline", hint)
    for name, arm in file.arms.items():
        path: Path = ("arms", name)
        if name.startswith((BASELINE, REFERENCE)):
            yield Finding(path, f"'{name}' is taken by an arm that every study has", "another name")
        given = [key for key in BUDGETS if getattr(arm, key) is not None]
        if len(given) > 1:
            yield Finding((*path, given[1]), "discount and params exclude each other", "keep one of them")
        elif bool(given) != bool(arm.solve):
            yield Finding(path, "solve and a budget go together", 'such as `solve: "* mlp r={n}"`, `discount: 0.25`')
        elif arm.solve and _HOLE.findall(arm.solve) != [SOLVED]:
            yield Finding((*path, "solve"), "solve needs one hole {n}", 'such as "* mlp r={n}"')
        elif isinstance(arm.params, str) and arm.params not in (BASELINE, *file.arms):
            yield Finding((*path, "params"), f"no arm '{arm.params}'", nearest(arm.params, [BASELINE, *file.arms]))
        elif isinstance(arm.params, str) and arm.params != BASELINE and file.arms[arm.params].solve:
            hint = "name the baseline or an arm whose ranks are written"
            yield Finding((*path, "params"), f"arm '{arm.params}' is solved for a budget itself", hint)


def _from_template(file: StudyFile) -> Iterator[ArmDesign]:
    names = [name for name in file.factors if _use(file, name) in ("hole", "budget")]
    if not file.template:
        return
    for chosen in product(*(read_levels(file.factors[name]) for name in names)):
        levels = dict(zip(names, chosen, strict=True))
        filled = [_filled(rule, levels) for rule in file.template]
        open_rule = next((rule for rule in filled if f"{{{SOLVED}}}" in rule), None)
        kind = next((name for name in names if _use(file, name) == "budget"), "")
        budget = Budget(kind, levels[kind].value, open_rule) if open_rule and kind else None
        yield ArmDesign(
            name=_arm_name(levels) or TEMPLATE,
            path=("template",),
            levels=tuple((name, level.name) for name, level in levels.items()),
            rules=tuple(rule for rule in filled if rule is not open_rule),
            budget=budget,
        )


def _filled(rule: str, levels: dict[str, Level]) -> str:
    return _HOLE.sub(lambda m: level_text(levels[m[1]].value) if m[1] in levels else m[0], rule)


def _explicit(file: StudyFile) -> Iterator[ArmDesign]:
    for name, arm in file.arms.items():
        yield ArmDesign(
            name=name,
            path=("arms", name),
            levels=((ARM, name),),
            rules=tuple(arm.rules),
            settings=tuple(arm.set_.items()),
            budget=_budget(arm),
        )


def _budget(arm: ArmFile) -> Budget | None:
    if arm.solve is None:
        return None
    if arm.discount is not None:
        return Budget("discount", arm.discount, arm.solve)
    return Budget("params", arm.params if arm.params is not None else BASELINE, arm.solve)


def _crossed(file: StudyFile, base: ArmDesign, names: Sequence[str]) -> Iterator[ArmDesign]:
    """The arm once for every combination of recipe levels. The baseline also stands alone: deltas are from that."""
    if base.name == BASELINE:
        yield base
        if not names:
            return
    by_name = bool(names) and not holes(file)  # else the baseline and a template without holes have equal levels
    for chosen in product(*(read_levels(file.factors[name]) for name in names)):
        levels = dict(zip(names, chosen, strict=True))
        named = (base.levels or ((ARM, base.name),)) if by_name else base.levels
        yield replace(
            base,
            name=",".join(part for part in (base.name, _arm_name(levels)) if part),
            levels=(*named, *((name, level.name) for name, level in levels.items())),
            settings=(*base.settings, *((name, level.value) for name, level in levels.items())),
        )


def _arm_name(levels: dict[str, Level]) -> str:
    return ",".join(f"{factor}={level.name}" for factor, level in levels.items())
