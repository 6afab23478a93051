"""The interval of a share, such as of right answers."""

import math
from statistics import NormalDist

_SHARES = ("exact_match", "choice_accuracy", "choice_accuracy_raw")


def share_interval(evaluator: str, value: float | None, n: int | None) -> tuple[float, float] | None:
    """The 95 % interval of an evaluation; None where it is no share of examples, or not known.

    What follows a slash in `evaluator` is a part of the examples, and after an at sign a target of merging.
    """
    if evaluator.partition("/")[0].partition("@")[0] not in _SHARES or value is None or not n:
        return None
    return wilson(round(value * n), n)


def wilson(right: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """The score interval of `right` of `n` at `level`, within 0 and 1.

    Unlike p ± z·√(p(1 − p)/n) it has a width at 0 and at n, and holds what it promises for small n. Wilson, JASA 22
    (1927). It takes the n as drawn one by one: over seeds, the examples are the same ones. Raises ValueError unless
    0 ≤ right ≤ n, n ≥ 1 and 0 < level < 1.
    """
    if not 0 <= right <= n or n < 1 or not 0 < level < 1:
        raise ValueError(f"no interval of {right} of {n} at level {level}")
    z, share = NormalDist().inv_cdf((1 + level) / 2), right / n
    shrunk = 1 + z * z / n
    centre = (share + z * z / (2 * n)) / shrunk
    half = z / shrunk * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return 0.0 if right == 0 else centre - half, 1.0 if right == n else centre + half
