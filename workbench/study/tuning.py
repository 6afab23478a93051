"""Arms at the best of the learning rates that were tried, one of them per arm, the baseline as well."""

from dataclasses import dataclass, replace

from workbench.study.claim_file import ARM
from workbench.study.levels import relative
from workbench.study.outcomes import ArmOutcome, Cell, Outcomes

TUNED = "lr"
_Others = tuple[tuple[str, str], ...]  # the levels of all other factors


@dataclass(frozen=True, slots=True)
class Tuned:
    """`chosen` maps every arm to its best level of the learning rate; `at_border` are those whose best is the lowest or
    highest that was tried, so that a better one may lie outside. `ran_as` maps every arm to the one of the study whose
    runs it has: these are the names that the results database knows.
    """

    outcomes: Outcomes
    chosen: dict[str, str]
    at_border: tuple[str, ...]
    ran_as: dict[str, str]


def at_best_rate(outcomes: Outcomes) -> Tuned | None:
    """The study with the learning rate chosen by the mean of the metric; None when the rate is no factor of it, and
    when the baseline was tried at no rate with the rest of its own recipe: nothing tuned could be compared with it.

    The choice favours all arms alike; it is made on the values that are reported, so it flatters them alike, too.
    """
    rates = _in_order(list(dict.fromkeys(cell.levels[TUNED] for cell in outcomes.cells if TUNED in cell.levels)))
    if len(rates) < 2:
        return None
    tried: dict[_Others, dict[str, str]] = {}
    for cell in outcomes.cells:
        if TUNED in cell.levels:
            others = tuple(pair for pair in cell.levels.items() if pair[0] != TUNED)
            tried.setdefault(others, {})[cell.levels[TUNED]] = cell.arm
    best = {others: _best(outcomes, arms) for others, arms in tried.items()}
    names = _names(outcomes, tried)
    if outcomes.baseline not in names.values():
        return None
    found = {names[others]: _renamed(outcomes.arm(arms[rate]), names[others]) for others, (rate, arms) in best.items()}
    references = [arm for arm in outcomes.arms if arm.reference]
    tuned = replace(
        outcomes,
        arms=(*found.values(), *references),
        cells=tuple(Cell(dict(others), names[others]) for others in tried),
    )
    chosen = {names[others]: rate for others, (rate, _) in best.items()}
    border = tuple(arm for arm, rate in chosen.items() if rate in (rates[0], rates[-1]))
    ran_as = {arm.arm: arm.arm for arm in references} | {names[others]: arms[r] for others, (r, arms) in best.items()}
    return Tuned(tuned, chosen, border, ran_as)


def _in_order(rates: list[str]) -> list[str]:
    """From the lowest to the highest; in the order of the file where some are not numbers."""
    sizes = [relative(rate) or _number(rate) for rate in rates]
    if None in sizes:
        return rates
    return [rate for _, rate in sorted(zip(sizes, rates, strict=True))]


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _best(outcomes: Outcomes, arms: dict[str, str]) -> tuple[str, dict[str, str]]:
    """The rate with the best mean over all seeds; a rate that lost a run is chosen only where all have."""

    def badness(rate: str) -> tuple[bool, float]:
        arm = outcomes.arm(arms[rate])
        if not arm.values:
            return True, float("inf")
        return bool(arm.missing), outcomes.worse * sum(arm.values.values()) / len(arm.values)

    return min(arms, key=badness), arms


def _names(outcomes: Outcomes, tried: dict[_Others, dict[str, str]]) -> dict[_Others, str]:
    """Those of the arms without their rates. What has the same runs at every rate is one arm, and has one name."""
    known: dict[tuple[tuple[str, str], ...], str] = {}
    return {
        others: known.setdefault(tuple(sorted(arms.items())), _name(outcomes, others, arms))
        for others, arms in tried.items()
    }


def _name(outcomes: Outcomes, others: _Others, arms: dict[str, str]) -> str:
    """What has the baseline's runs at the file's rate is the baseline, and so is what has nothing but a rate."""
    if outcomes.baseline in arms.values() or others in ((), ((ARM, outcomes.baseline),)):
        return outcomes.baseline
    return ",".join(f"{factor}={level}" if factor != ARM else level for factor, level in others)


def _renamed(arm: ArmOutcome, name: str) -> ArmOutcome:
    rate = f"{TUNED}="
    parts = [
        part for part in (arm.change or "").split(", ") if part not in ("", "recipe") and not part.startswith(rate)
    ]
    return replace(arm, arm=name, change=", ".join(parts) or None)
