"""Everything that is computed of a study by one metric, at once: for the report, for JSON and for screens."""

from collections.abc import Mapping
from dataclasses import dataclass

from workbench.study.arm_effects import ArmEffect, arm_effects
from workbench.study.claim_file import ClaimFile
from workbench.study.claims import claims_of
from workbench.study.contrasts import Contrast, plus
from workbench.study.outcomes import Outcomes
from workbench.study.tuning import Tuned, at_best_rate
from workbench.study.two_way import TwoWay, two_way
from workbench.study.verdicts import Verdict, verdicts


@dataclass(frozen=True, slots=True)
class Analysis:
    """The statistics of a study by one metric.

    `effects` are of all arms as they ran. Where learning rates were tried, `tuned` holds every arm at its best one,
    `tuned_effects` are of these, and they are what `two_way` and `verdicts` are about; else those are about all arms.
    """

    outcomes: Outcomes
    effects: tuple[ArmEffect, ...]
    tuned: Tuned | None
    tuned_effects: tuple[ArmEffect, ...]
    two_way: TwoWay | None
    verdicts: tuple[Verdict, ...]

    @property
    def judged(self) -> Outcomes:
        """What the verdicts are about."""
        return self.tuned.outcomes if self.tuned else self.outcomes

    def as_ran(self, contrast: Contrast) -> Contrast:
        """A contrast of what the verdicts are about, by the names under which the arms ran."""
        if self.tuned is None:
            return contrast
        ran_as = self.tuned.ran_as
        return Contrast(
            contrast.name, plus(*((weight, {ran_as[arm]: 1.0}) for arm, weight in contrast.weights.items()))
        )

    @property
    def judged_effects(self) -> tuple[ArmEffect, ...]:
        return self.tuned_effects if self.tuned else self.effects


def analyse(outcomes: Outcomes, claims: Mapping[str, ClaimFile]) -> Analysis:
    """The statistics of the arms, with a verdict for every claim of the study's file."""
    tuned = at_best_rate(outcomes)
    judged = tuned.outcomes if tuned else outcomes
    return Analysis(
        outcomes=outcomes,
        effects=tuple(arm_effects(outcomes)),
        tuned=tuned,
        tuned_effects=tuple(arm_effects(judged)) if tuned else (),
        two_way=two_way(judged),
        verdicts=tuple(verdicts(claims_of(claims, judged), judged)),
    )
