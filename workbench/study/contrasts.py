"""Weighted sums of arms, taken seed by seed: differences, averages over factors, interactions."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from workbench.study.estimate import Estimate, estimate
from workbench.study.holm import holm
from workbench.study.outcomes import ArmOutcome, Outcomes

_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Contrast:
    """What is asked: the sum over arms of weight times value. With weights that sum to 0 the seed's level cancels."""

    name: str
    weights: Mapping[str, float]

    def times(self, factor: float) -> "Contrast":
        return Contrast(self.name, {arm: weight * factor for arm, weight in self.weights.items()})


@dataclass(frozen=True, slots=True)
class Answer:
    """What the seeds that all arms of a contrast have say to it; no estimate where there is no such seed.

    `p_holm` is corrected over the contrasts that were asked together and have three seeds or more.
    """

    contrast: Contrast
    seeds: tuple[int, ...]
    estimate: Estimate | None
    p_holm: float | None = None

    @property
    def is_separated(self) -> bool:
        return self.p_holm is not None and self.p_holm < 0.05


def by_seed(outcomes: Outcomes, contrast: Contrast) -> dict[int, float]:
    """The contrast for every seed that all of its arms have a value for, in order of the seeds.

    A reference run has no seed: it counts with every one.
    """
    arms = {name: outcomes.arm(name) for name, weight in contrast.weights.items() if weight}
    seeds = [set(arm.values) for arm in arms.values() if not arm.reference]
    if not seeds or any(not arm.values for arm in arms.values()):
        return {}
    return {
        seed: _sum([contrast.weights[name] * _value(arm, seed) for name, arm in arms.items()])
        for seed in sorted(set.intersection(*seeds))
    }


def _sum(parts: Sequence[float]) -> float:
    """The sum; 0 where only rounding is left: arms that are equal must not differ by the last digits of weights."""
    total = math.fsum(parts)
    return total if abs(total) > _ROUNDING * math.fsum(map(abs, parts)) else 0.0


def _value(arm: ArmOutcome, seed: int) -> float:
    return next(iter(arm.values.values())) if arm.reference else arm.values[seed]


def ask(outcomes: Outcomes, contrasts: Sequence[Contrast]) -> list[Answer]:
    """The answers to questions asked together, with Holm's correction over them."""
    answers = [_answer(outcomes, contrast) for contrast in contrasts]
    return corrected(answers)


def corrected(answers: Sequence[Answer]) -> list[Answer]:
    """The answers with `p_holm` over all of them; questions with fewer than three seeds get none and do not count."""
    judged = [index for index, answer in enumerate(answers) if answer.estimate and answer.estimate.is_enough]
    tested = [index for index in judged if answers[index].estimate.p is not None]  # type: ignore[union-attr]
    found = holm([answers[index].estimate.p for index in tested])  # type: ignore[union-attr, misc]
    adjusted = dict(zip(tested, found, strict=True))
    return [replace(answer, p_holm=adjusted.get(index)) for index, answer in enumerate(answers)]


def mean_of(arms: Sequence[str]) -> dict[str, float]:
    """Weights of the mean of these arms; an arm named twice counts twice."""
    weights: dict[str, float] = {}
    for arm in arms:
        weights[arm] = weights.get(arm, 0.0) + 1 / len(arms)
    return weights


def plus(*parts: tuple[float, Mapping[str, float]]) -> dict[str, float]:
    """The weighted sum of weights, without arms whose weights cancel."""
    total: dict[str, float] = {}
    for factor, weights in parts:
        for arm, weight in weights.items():
            total[arm] = total.get(arm, 0.0) + factor * weight
    return {arm: weight for arm, weight in total.items() if abs(weight) > 1e-12}


def _answer(outcomes: Outcomes, contrast: Contrast) -> Answer:
    found = by_seed(outcomes, contrast)
    return Answer(contrast, tuple(found), estimate(list(found.values())) if found else None)
