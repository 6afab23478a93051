"""Verdicts on claims, from a small closed vocabulary, never stronger than the data."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from workbench.study.claims import Claim, Comparison, Dominance, Unasked
from workbench.study.contrasts import Answer, Contrast, ask, plus
from workbench.study.estimate import Estimate, needed_seeds
from workbench.study.outcomes import Outcomes


class Outcome(StrEnum):
    """What the runs say to a claim."""

    SUPPORTED = "supported"
    CONTRADICTED = "contradicted"
    NOT_SEPARATED = "not separated"
    NOT_ANSWERED = "not answered"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A claim, what the runs say to it, and the numbers that say so.

    The first of `answers` is the claim's own contrast; those after it are what it is measured against. `seeds_needed`
    is for what is not separated: about how many seeds would show a difference of this size, None where that is unknown.
    """

    claim: Claim
    outcome: Outcome
    answers: tuple[Answer, ...] = ()
    seeds_needed: int | None = None
    reason: str = ""

    @property
    def text(self) -> str:
        """The verdict in words, with the seeds that would be needed."""
        if self.outcome is Outcome.NOT_ANSWERED:
            return f"{self.outcome} ({self.reason})"
        left_out = self._left_out
        if self.outcome is not Outcome.NOT_SEPARATED:
            return f"{self.outcome} ({left_out})" if left_out else str(self.outcome)
        return f"{self.outcome} ({'; '.join(filter(None, (self._needs, left_out)))})"

    @property
    def _needs(self) -> str:
        estimate = self.answers[0].estimate
        if estimate and not estimate.sd:
            return "the seeds do not differ at all: there is no spread to judge by"
        if self.seeds_needed is None:
            return "no number of seeds up to 1,000 would do"
        return f"about {self.seeds_needed} seeds would be needed"

    @property
    def _left_out(self) -> str:
        """What the claim names and the study does not vary: the verdict says nothing about it."""
        factors = self.claim.left_out if isinstance(self.claim, Dominance) else ()
        return f"not asked of {' and '.join(factors)}, which has one level here" if factors else ""


def verdicts(claims: Sequence[Claim], outcomes: Outcomes) -> list[Verdict]:
    """A verdict for each claim; Holm's correction is over all contrasts of all claims."""
    contrasts = [contrast for claim in claims for contrast in _contrasts(claim)]
    asked = ask(outcomes, contrasts)
    answers, tested = iter(asked), sum(answer.p_holm is not None for answer in asked)
    return [_verdict(claim, [next(answers) for _ in _contrasts(claim)], outcomes, tested) for claim in claims]


def _contrasts(claim: Claim) -> list[Contrast]:
    match claim:
        case Comparison():
            return [claim.contrast]
        case Dominance():
            return [claim.main, *claim.interactions]
        case Unasked():
            return []


def _verdict(claim: Claim, answers: list[Answer], outcomes: Outcomes, tested: int) -> Verdict:
    """`tested` is how many contrasts Holm's correction is over."""
    if isinstance(claim, Unasked):
        return Verdict(claim, Outcome.NOT_ANSWERED, reason=claim.reason)
    if reason := _too_little(answers):
        return Verdict(claim, Outcome.NOT_ANSWERED, tuple(answers), reason=reason)
    if isinstance(claim, Dominance):
        return _of_dominance(claim, answers, outcomes, tested)
    (answer,) = answers
    if not answer.is_separated:
        return Verdict(claim, Outcome.NOT_SEPARATED, (answer,), needed_seeds(_estimate(answer), max(1, tested)))
    outcome = Outcome.SUPPORTED if _estimate(answer).mean > 0 else Outcome.CONTRADICTED
    return Verdict(claim, outcome, (answer,))


def _too_little(answers: Sequence[Answer]) -> str:
    fewest = min(len(answer.seeds) for answer in answers)
    return "" if fewest >= 3 else f"{fewest or 'no'} common seed{'' if fewest == 1 else 's'}; at least 3 are needed"


def _of_dominance(claim: Dominance, answers: list[Answer], outcomes: Outcomes, tested: int) -> Verdict:
    """By intervals of absolute values: supported where the effect's lies above those of all interactions."""
    main, *others = answers
    low, high = _absolute(_estimate(main))
    bounds = [_absolute(_estimate(other)) for other in others]
    if main.is_separated and all(low > upper for _, upper in bounds):
        return Verdict(claim, Outcome.SUPPORTED, tuple(answers))
    if any(o.is_separated and lower > high for o, (lower, _) in zip(others, bounds, strict=True)):
        return Verdict(claim, Outcome.CONTRADICTED, tuple(answers))
    needs = [_seeds_to_part(main, other, outcomes, tested) for other in others]
    return Verdict(claim, Outcome.NOT_SEPARATED, tuple(answers), max(needs) if None not in needs else None)  # type: ignore[type-var]


def _seeds_to_part(main: Answer, other: Answer, outcomes: Outcomes, tested: int) -> int | None:
    """How many seeds would show the difference of two sizes, with the signs that they have now."""
    signs = [1.0 if _estimate(answer).mean >= 0 else -1.0 for answer in (main, other)]
    weights = plus((signs[0], main.contrast.weights), (-signs[1], other.contrast.weights))
    (answer,) = ask(outcomes, [Contrast("difference of sizes", weights)])
    return needed_seeds(answer.estimate, max(1, tested)) if answer.estimate else None


def _absolute(found: Estimate) -> tuple[float, float]:
    """The bounds of the absolute value of what the interval holds."""
    assert found.low is not None
    assert found.high is not None
    ends = sorted((abs(found.low), abs(found.high)))
    return (0.0 if found.low <= 0 <= found.high else ends[0]), ends[1]


def _estimate(answer: Answer) -> Estimate:
    assert answer.estimate is not None
    return answer.estimate
