"""Estimates, verdicts and arms in words and cells."""

from collections import Counter
from collections.abc import Sequence

from workbench.report.numbers import ABSENT, signed
from workbench.study.estimate import Estimate
from workbench.study.verdicts import Outcome, Verdict

FEW = "n < 3"


def interval(found: Estimate | None, digits: int = 4) -> str:
    """`+0.0123 [+0.0101, +0.0145]`; fewer than three seeds are labelled, and one has no interval."""
    if found is None:
        return ABSENT
    text = signed(found.mean, digits)
    if found.low is not None:
        text += f" [{signed(found.low, digits)}, {signed(found.high, digits)}]"
    return text if found.is_enough else f"{text} ({FEW})"


def figures(value: float | None, digits: int = 3) -> str:
    """So many significant figures."""
    return ABSENT if value is None else f"{value:.{digits}g}"


def rough_interval(found: Estimate | None) -> str:
    """As `interval`, in three significant figures: for values of any size."""
    if found is None:
        return ABSENT
    text = f"{found.mean:+.3g}"
    if found.low is not None and found.high is not None:
        text += f" [{found.low:+.3g}, {found.high:+.3g}]"
    return text if found.is_enough else f"{text} ({FEW})"


def p_value(value: float | None) -> str:
    """`0.034`, `< 0.001`."""
    if value is None:
        return ABSENT
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def mean_sd(mean: float | None, sd: float | None, digits: int = 4) -> str:
    """`0.7310 ± 0.0043`, the second being the standard deviation over seeds."""
    if mean is None:
        return ABSENT
    return f"{mean:.{digits}f}" + (f" ± {sd:.{digits}f}" if sd is not None else "")


def short_names(arms: Sequence[str]) -> dict[str, str]:
    """Arms by their levels alone, without those that all share: `lower attn qalora` where a figure has little room.

    Arms that would then have one name keep their whole ones.
    """
    parts = {arm: arm.split(",") for arm in arms}
    shared = set.intersection(*(set(of_arm) for of_arm in parts.values())) if len(parts) > 1 else set()
    short = {
        arm: " ".join(part.partition("=")[2] or part for part in of_arm if part not in shared)
        for arm, of_arm in parts.items()
    }
    counts = Counter(short.values())
    return {arm: name if name and counts[name] == 1 else arm for arm, name in short.items()}


def verdict_numbers(verdict: Verdict) -> str:
    """What a verdict rests on: mean, interval and p of its contrast, and of what that is measured against."""
    parts = []
    for answer in verdict.answers:
        found = answer.estimate
        name = "" if answer is verdict.answers[0] else f"{answer.contrast.name}: "
        seeds = f"n = {len(answer.seeds)} seed{'' if len(answer.seeds) == 1 else 's'}"
        parts.append(f"{name}{rough_interval(found)}, p (Holm) {p_value(answer.p_holm)}, {seeds}")
    first = verdict.answers[0].estimate if verdict.answers else None
    if verdict.outcome is Outcome.NOT_SEPARATED and first and first.detectable:
        parts.append(f"asked alone, so many seeds show {first.detectable:.3g} or more with a power of 80 %")
    return "; ".join(parts)
