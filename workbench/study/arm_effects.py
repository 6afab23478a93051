"""Every arm against the baseline: paired by seed, corrected over the arms, judged only where that separates them."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import correlation

from workbench.study.contrasts import Answer, Contrast, ask
from workbench.study.estimate import FEWEST_SEEDS, Estimate
from workbench.study.outcomes import ArmOutcome, Outcomes
from workbench.study.statistics import mean_sd

PER_PARAMETERS = 1_000_000


class Standing(StrEnum):
    """Where an arm stands against the baseline. Only the first two are ranks."""

    BETTER = "better"
    WORSE = "worse"
    NOT_SEPARATED = "not separated"
    FEW_SEEDS = "n < 3"
    NO_PAIRS = "no common seed"
    BASELINE = "baseline"
    REFERENCE = "reference"


@dataclass(frozen=True, slots=True)
class ArmEffect:
    """An arm and what it changes. `mean` and `sd` are over its own seeds, `delta` over those it shares with the
    baseline, and `correlation` says over these how far the two go together, None below three or where one is constant.

    `sensitivity` is the change for the worse per million trainable parameters removed; None where none is.
    """

    outcome: ArmOutcome
    mean: float | None
    sd: float | None
    delta: Estimate | None
    p_holm: float | None
    correlation: float | None
    sensitivity: Estimate | None
    standing: Standing

    @property
    def n(self) -> int:
        return len(self.outcome.values)


def arm_effects(outcomes: Outcomes) -> list[ArmEffect]:
    """The arms in the order of the study. Holm's correction is over all trained arms but the baseline."""
    others = [arm for arm in outcomes.trained if arm.arm != outcomes.baseline]
    answers = ask(outcomes, [Contrast(arm.arm, {arm.arm: 1.0, outcomes.baseline: -1.0}) for arm in others])
    by_arm = {answer.contrast.name: answer for answer in answers}
    return [_effect(outcomes, arm, by_arm.get(arm.arm)) for arm in outcomes.arms]


def ranked(effects: Sequence[ArmEffect], higher_is_better: bool) -> list[tuple[int, ArmEffect]]:
    """The arms with their ranks: those better than the baseline, those that are not separated from it, those worse.

    Arms of one rank are equal: nothing was asked that would part them. They stand by their means.
    """
    ranks = [(Standing.BETTER,), (Standing.BASELINE, Standing.NOT_SEPARATED), (Standing.WORSE,)]
    found: list[tuple[int, ArmEffect]] = []
    for standings in ranks:
        tier = [effect for effect in effects if effect.standing in standings and effect.n >= FEWEST_SEEDS]
        tier.sort(key=lambda effect: (effect.mean or 0.0) * (-1 if higher_is_better else 1))
        rank = len(found) + 1
        found += [(rank, effect) for effect in tier]
    return found


def _effect(outcomes: Outcomes, arm: ArmOutcome, answer: Answer | None) -> ArmEffect:
    mean, sd = mean_sd(list(arm.values.values())) if arm.values else (None, None)
    delta = answer.estimate if answer else None
    return ArmEffect(
        outcome=arm,
        mean=mean,
        sd=sd,
        delta=delta,
        p_holm=answer.p_holm if answer else None,
        correlation=_correlation(outcomes, arm, answer.seeds) if answer else None,
        sensitivity=_sensitivity(outcomes, arm, delta),
        standing=_standing(outcomes, arm, answer),
    )


def _standing(outcomes: Outcomes, arm: ArmOutcome, answer: Answer | None) -> Standing:
    if arm.reference:
        return Standing.REFERENCE
    if answer is None:
        return Standing.BASELINE
    if answer.estimate is None:
        return Standing.NO_PAIRS
    if not answer.estimate.is_enough:
        return Standing.FEW_SEEDS
    if not answer.is_separated:
        return Standing.NOT_SEPARATED
    return Standing.WORSE if answer.estimate.mean * outcomes.worse > 0 else Standing.BETTER


def _sensitivity(outcomes: Outcomes, arm: ArmOutcome, delta: Estimate | None) -> Estimate | None:
    base = outcomes.arm(outcomes.baseline).trainable_params
    if delta is None or base is None or arm.trainable_params is None or base <= arm.trainable_params:
        return None
    return delta.scaled(outcomes.worse * PER_PARAMETERS / (base - arm.trainable_params))


def _correlation(outcomes: Outcomes, arm: ArmOutcome, seeds: Sequence[int]) -> float | None:
    own = [arm.values[seed] for seed in seeds]
    base = [outcomes.arm(outcomes.baseline).values[seed] for seed in seeds]
    if len(seeds) < 3 or len(set(own)) == 1 or len(set(base)) == 1:
        return None
    return correlation(own, base)
