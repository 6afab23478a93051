"""How often the intervals of studies hold what they promise: `python -m benchmarks.coverage [--quick] [--keep]`.

Every interval that `study report` shows is made by the functions that make it there, over simulated runs whose true
values are known, at 3, 5 and 10 seeds, for normal and for skewed noise. Printed as it comes out.
"""

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import publish
from workbench.study.arm_effects import Standing, arm_effects
from workbench.study.bootstrap import example_interval, resampled_means
from workbench.study.claim_file import ClaimFile
from workbench.study.claims import claims_of
from workbench.study.estimate import estimate
from workbench.study.outcomes import ArmOutcome, Cell, Outcomes
from workbench.study.tuning import at_best_rate
from workbench.study.two_way import two_way
from workbench.study.verdicts import Outcome, verdicts
from workbench.study.wilson import wilson

SEEDS = (3, 5, 10)
PACKAGES = ("numpy", "scipy")
Draw = Callable[[tuple[int, ...]], NDArray[np.float64]]


def noises(generator: np.random.Generator) -> dict[str, Draw]:
    """Noise of mean 0 and deviation 1; the skewed one is exponential, with a skewness of 2."""
    return {
        "normal": lambda shape: generator.normal(size=shape),
        "skewed": lambda shape: generator.exponential(size=shape) - 1,
    }


def t_interval(draw: Draw, n: int, times: int) -> float:
    """Differences whose noise is as drawn: the noise of a pair does not cancel in them."""
    found = (estimate([float(x) for x in row]) for row in draw((times, n)))
    return sum(e.low <= 0 <= e.high for e in found if e.low is not None and e.high is not None) / times


def bootstrap_of_seeds(draw: Draw, n: int, times: int, generator: np.random.Generator) -> float:
    """The percentile interval over seeds, which is not shown anywhere: why, is to be seen here."""
    inside = 0
    for row in draw((times, n)):
        low, high = np.quantile(resampled_means(row, generator, 1000), (0.025, 0.975))
        inside += low <= 0 <= high
    return inside / times


def sensitivity(draw: Draw, n: int, times: int) -> float:
    """Per million parameters removed, between an arm and a baseline with noise of their own and 0.1 for the cut."""
    inside = 0
    for values in draw((times, 2, n)):
        cut = _outcomes({"cut": values[0] + 0.1}, values[1], {"cut": 50_000})
        found = arm_effects(cut)[1].sensitivity
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        inside += found.low <= 2.0 <= found.high
    return inside / times


def interaction(draw: Draw, n: int, times: int) -> float:
    """Layer type × band effects (six cells and a baseline, noise of their own): the mean over the six effects."""
    inside = asked = 0
    for values in draw((times, 7, n)):
        found = two_way(_grid(values))
        assert found is not None
        bounds = [a.estimate for a in found.effects]
        asked += len(bounds)
        inside += sum(e.low <= 0 <= e.high for e in bounds if e and e.low is not None and e.high is not None)
    return inside / asked


def holm_errors(draw: Draw, n: int, times: int) -> float:
    """The share of studies of 24 arms without any difference in which some arm is called better or worse."""
    wrong = 0
    for values in draw((times, 25, n)):
        arms = {f"a{index}": values[index] for index in range(24)}
        found = arm_effects(_outcomes(arms, values[24], {}))
        wrong += any(effect.standing in (Standing.BETTER, Standing.WORSE) for effect in found)
    return wrong / times


def tuned(draw: Draw, n: int, times: int) -> float:
    """An arm and the baseline, each at the best of three equally good rates: the interval of the difference."""
    inside = 0
    for values in draw((times, 6, n)):
        found = at_best_rate(_rates(values))
        assert found is not None
        [effect] = [e for e in arm_effects(found.outcomes) if e.delta]
        assert effect.delta is not None
        assert effect.delta.low is not None
        assert effect.delta.high is not None
        inside += effect.delta.low <= 0 <= effect.delta.high
    return inside / times


def false_verdicts(draw: Draw, n: int, times: int) -> float:
    """A claim about two arms that are equal: how often there is a verdict for or against it."""
    claim = {"c": ClaimFile(says="a loses more than b", worse={"arm": "a"}, better={"arm": "b"})}
    wrong = 0
    for values in draw((times, 3, n)):
        outcomes = _outcomes({"a": values[0], "b": values[1]}, values[2], {})
        [verdict] = verdicts(claims_of(claim, outcomes), outcomes)
        wrong += verdict.outcome in (Outcome.SUPPORTED, Outcome.CONTRADICTED)
    return wrong / times


def over_examples(n: int, times: int, generator: np.random.Generator) -> float:
    """240 examples of differing difficulty under n seeds, an arm 3 points worse: the interval over examples.

    What it is about is the difference of these very runs over all examples there could be.
    """
    inside = 0
    for _ in range(times):
        ease = generator.beta(2, 2, size=240)
        right = [generator.random((n, 240)) < chance for chance in (np.clip(ease - 0.03, 0, 1), ease)]
        sides = [{seed: dict(enumerate(map(bool, row))) for seed, row in enumerate(side)} for side in right]
        found = example_interval(sides[0], sides[1], generator)
        assert found is not None
        inside += found.low <= _TRUE_LEAD <= found.high
    return inside / times


def share(right: float, times: int, generator: np.random.Generator) -> float:
    """Wilson's interval of a share of 240 examples."""
    bounds = (wilson(int(count), 240) for count in generator.binomial(240, right, size=times))
    return sum(low <= right <= high for low, high in bounds) / times


# The mean of clip(ease − 0.03, 0, 1) − ease for ease of Beta(2, 2), by ∫₀^0.03 (0.03 − x) 6x(1 − x) dx.
_TRUE_LEAD = -0.03 + (0.03**3 - 0.03**4 / 2)


def _outcomes(arms: dict[str, Any], baseline: Any, params: dict[str, int]) -> Outcomes:
    found = [ArmOutcome("baseline", _by_seed(baseline), trainable_params=100_000)]
    found += [ArmOutcome(arm, _by_seed(v), trainable_params=params.get(arm, 100_000)) for arm, v in arms.items()]
    cells = tuple(Cell({"arm": arm}, arm) for arm in arms)
    return Outcomes("loss", False, "baseline", tuple(found), cells)


def _by_seed(values: Any) -> dict[int, float]:
    return {seed: float(value) for seed, value in enumerate(values)}


def _grid(values: Any) -> Outcomes:
    groups = [(kind, band) for kind in ("attention", "mlp") for band in ("lower", "middle", "upper")]
    arms = [
        ArmOutcome(f"{band} {kind}", _by_seed(row), change="r=4", layer_type=kind, band=band)
        for (kind, band), row in zip(groups, values[:6], strict=True)
    ]
    return Outcomes("loss", False, "baseline", (ArmOutcome("baseline", _by_seed(values[6])), *arms))


def _rates(values: Any) -> Outcomes:
    names = [f"{arm},lr={rate}" for arm in ("baseline", "cut") for rate in ("*0.5", "*1", "*2")]
    arms = [
        ArmOutcome("baseline" if name == "baseline,lr=*1" else name, _by_seed(row))
        for name, row in zip(names, values, strict=True)
    ]
    levels = [{**({"cut": "4"} if name.startswith("cut") else {}), "lr": name.partition("lr=")[2]} for name in names]
    cells = tuple(Cell(level, arm.arm) for level, arm in zip(levels, arms, strict=True))
    return Outcomes("loss", False, "baseline", tuple(arms), cells)


def measure(times: int) -> dict[str, Any]:
    generator = np.random.default_rng(1)
    rows: dict[str, dict[str, dict[int, float]]] = {}
    few = max(200, times // 10)
    for noise, draw in noises(generator).items():
        for n in SEEDS:
            found = {
                "t interval of paired differences": t_interval(draw, n, times),
                "bootstrap over seeds (not used)": bootstrap_of_seeds(draw, n, few, generator),
                "sensitivity per parameter": sensitivity(draw, n, times),
                "type × depth effects": interaction(draw, n, few),
                "difference at the best of three rates": tuned(draw, n, few),
                "any false ranking among 24 arms (Holm)": holm_errors(draw, n, few),
                "false verdict on a claim": false_verdicts(draw, n, times),
            }
            for name, value in found.items():
                rows.setdefault(name, {}).setdefault(noise, {})[n] = value
    examples = {n: over_examples(n, few, generator) for n in SEEDS}
    shares = {str(right): share(right, times, generator) for right in (0.5, 0.9, 0.99)}
    return {
        "times": times,
        "times_of_slow_rows": few,
        "by_seeds": rows,
        "over_240_examples": examples,
        "wilson": shares,
    }


def _print(found: dict[str, Any]) -> None:
    print(f"{'':42}" + "".join(f"{noise + ' n=' + str(n):>14}" for noise in ("normal", "skewed") for n in SEEDS))
    for name, by_noise in found["by_seeds"].items():
        print(f"{name:42}" + "".join(f"{by_noise[noise][n]:14.1%}" for noise in ("normal", "skewed") for n in SEEDS))
    told = "".join(f"{'n=' + str(n):>6} {value:.1%}" for n, value in found["over_240_examples"].items())
    print(f"{'over 240 examples':42}{told}")
    print(f"{'share of 240 examples (Wilson)':42}" + "  ".join(f"{p}: {v:.1%}" for p, v in found["wilson"].items()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the simulated studies")
    parser.add_argument("--keep", action="store_true", help="write the result to benchmarks/results")
    chosen = parser.parse_args()
    found = measure(2_000 if chosen.quick else 20_000)
    _print(found)
    publish("coverage", found, PACKAGES, chosen.keep)


if __name__ == "__main__":
    main()
