"""Claims of a study: what is expected, said before any run, as contrasts that the runs can answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import log2

from workbench.study.arm_effects import PER_PARAMETERS
from workbench.study.claim_file import ClaimFile
from workbench.study.contrasts import Contrast, mean_of, plus
from workbench.study.design import REFERENCE
from workbench.study.outcomes import Cell, Outcomes

Side = Mapping[str, str]
_PER = {"baseline": " per million parameters removed", "reference": " per million parameters"}


@dataclass(frozen=True, slots=True)
class Comparison:
    """A claim that one part of the study suffers more than another, as a contrast that is then above 0.

    `cells` says how many pairs of arms the contrast is the mean of; `unit` is what its value is counted in.
    """

    name: str
    says: str
    contrast: Contrast
    cells: int
    unit: str


@dataclass(frozen=True, slots=True)
class Dominance:
    """A claim that a factor matters more than how its effect differs between the levels of others.

    `main` is the mean slope of the metric, for the worse, per doubling of the factor; each of `interactions` is the
    difference of that slope between two levels of another factor. `left_out` are factors that the claim names and that
    have fewer than two levels here.
    """

    name: str
    says: str
    main: Contrast
    interactions: tuple[Contrast, ...]
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unasked:
    """A claim that these arms cannot answer, and why."""

    name: str
    says: str
    reason: str


Claim = Comparison | Dominance | Unasked


def claims_of(claims: Mapping[str, ClaimFile], outcomes: Outcomes) -> list[Claim]:
    """The claims of a study file as contrasts of its arms."""
    return [_claim(name, claim, outcomes) for name, claim in claims.items()]


def _claim(name: str, claim: ClaimFile, outcomes: Outcomes) -> Claim:
    if claim.effect:
        return _dominance(name, claim, outcomes)
    return _comparison(name, claim, outcomes)


def _comparison(name: str, claim: ClaimFile, outcomes: Outcomes) -> Claim:
    if claim.against == REFERENCE and not outcomes.has(REFERENCE):
        return Unasked(name, claim.says, "no run of the base without adapters; `references: true` makes it")
    costs = (_costs(claim, outcomes, side) for side in (claim.worse, claim.better))
    worse, better = costs
    pairs = [(worse[key], better[key]) for key in worse if key in better]
    parts = [difference for pair in pairs if (difference := plus((1.0, pair[0]), (-1.0, pair[1])))]
    if not parts:
        return Unasked(name, claim.says, "no two arms of the study differ in just what the claim compares")
    weights = plus(*((1 / len(parts), part) for part in parts))
    unit = outcomes.metric + _PER[claim.against] if claim.per_parameter else outcomes.metric
    return Comparison(name, claim.says, Contrast(name, weights), len(parts), unit)


def _costs(claim: ClaimFile, outcomes: Outcomes, side: Side) -> dict[tuple[tuple[str, str], ...], dict[str, float]]:
    """What each arm of a side costs, as weights, by the levels that the claim leaves open."""
    fixed = {**side, **{factor: "" for factor in claim.change}}
    found: dict[tuple[tuple[str, str], ...], dict[str, float]] = {}
    for cell in _cells(claim, outcomes, side):
        key = tuple(pair for pair in cell.levels.items() if pair[0] not in fixed)
        if weights := _cost(claim, outcomes, cell):
            found[key] = weights
    return found


def _cost(claim: ClaimFile, outcomes: Outcomes, cell: Cell) -> dict[str, float] | None:
    """The change for the worse of a cell; None where it is not one that the claim counts, or changes no parameters."""
    start = outcomes.baseline if claim.against == "baseline" else REFERENCE
    for factor, (before, after) in claim.change.items():
        if cell.levels.get(factor) != after:
            return None
        other = {**cell.levels, factor: before}
        start = next((c.arm for c in outcomes.cells if c.levels == other), "")
    if not start or start == cell.arm or not outcomes.has(start):
        return None
    scale: float = outcomes.worse
    if claim.per_parameter:
        counts = [outcomes.arm(arm).trainable_params or 0 for arm in (start, cell.arm)]
        changed = counts[0] - counts[1] if claim.against == "baseline" else counts[1]
        if changed <= 0:
            return None
        scale *= PER_PARAMETERS / changed
    return plus((scale, {cell.arm: 1.0}), (-scale, {start: 1.0}))


def _cells(claim: ClaimFile, outcomes: Outcomes, side: Side) -> list[Cell]:
    return [
        cell
        for cell in outcomes.cells
        if all(cell.levels.get(factor) == level for factor, level in side.items())
        and all(cell.levels.get(factor) in levels for factor, levels in claim.where.items())
    ]


def _dominance(name: str, claim: ClaimFile, outcomes: Outcomes) -> Claim:
    cells = [cell for cell in _cells(claim, outcomes, {}) if claim.effect in cell.levels]
    main = _slope(claim.effect, cells)
    if main is None:
        return Unasked(name, claim.says, f"{claim.effect} has fewer than two levels here")
    interactions: list[Contrast] = []
    left_out = []
    for factor in claim.exceeds:
        slopes = {
            level: _slope(claim.effect, [cell for cell in cells if cell.levels.get(factor) == level])
            for level in dict.fromkeys(cell.levels[factor] for cell in cells if factor in cell.levels)
        }
        found = [
            Contrast(f"{factor}: {a} − {b}", plus((1.0, slopes[a] or {}), (-1.0, slopes[b] or {})))
            for a, b in combinations([level for level, slope in slopes.items() if slope], 2)
        ]
        interactions += found
        left_out += [] if found else [factor]
    if not interactions:
        return Unasked(name, claim.says, f"no factor of {', '.join(claim.exceeds)} has two levels here")
    worse = outcomes.worse
    own, others = Contrast(claim.effect, main).times(worse), tuple(c.times(worse) for c in interactions)
    return Dominance(name, claim.says, own, others, tuple(left_out))


def _slope(effect: str, cells: Sequence[Cell]) -> dict[str, float] | None:
    """Weights of the least-squares slope over log2 of the level, averaged over what else the cells differ in."""
    levels = {cell.levels[effect]: log2(float(cell.levels[effect])) for cell in cells}
    if len(levels) < 2:
        return None
    middle = sum(levels.values()) / len(levels)
    square = sum((x - middle) ** 2 for x in levels.values())
    parts = [
        ((x - middle) / square, mean_of([cell.arm for cell in cells if cell.levels[effect] == level]))
        for level, x in levels.items()
    ]
    return plus(*parts) or None
