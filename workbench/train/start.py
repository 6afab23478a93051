"""Adapters that start from the original weight: `pissa` and `loftq`.

Both are worked out site by site while the full-precision weight is at hand, and both leave another base behind than
plain quantizing does: q(W − s·B·A) for some factors, the offset. Whoever loads that base again needs the same offset;
it is kept with the start factors.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from workbench.errors import InvalidError
from workbench.randomness import derive_seed
from workbench.run.record import SiteRecord

FROM_WEIGHT = ("pissa", "loftq")
ROUNDS = 5  # of loftq, as in its paper's experiments
EXACT_SIDE = 2048
_MORE = 32  # directions beyond the rank, and iterations: on a weight without any structure the factors then
_ITERATIONS = 16  # hold 99.9 % of what the best ones hold

Quantize = Callable[[torch.Tensor], torch.Tensor]
Factors = tuple[torch.Tensor, torch.Tensor]


@dataclass(frozen=True, slots=True)
class StartPlan:
    """How the adapter of a site starts: `init` is one of FROM_WEIGHT, ΔW = scaling·B·A with A (r, in), B (out, r)."""

    site: str
    init: str
    r: int
    scaling: float


@dataclass(frozen=True, slots=True, eq=False)
class StartFactors:
    """A (r, in) and B (out, r) before the first step, and the offset: the base is q(W − s·offset_b·offset_a).

    All fp32. For pissa the offset is the start; for loftq it is the factors of the round before the last.
    """

    a: torch.Tensor
    b: torch.Tensor
    offset_a: torch.Tensor
    offset_b: torch.Tensor

    def start(self, scaling: float) -> torch.Tensor:
        """s·B·A at the start, (out, in)."""
        return scaling * (self.b @ self.a)

    def residual(self, weight: torch.Tensor, scaling: float) -> torch.Tensor:
        """What the base stores of the original weight (out, in), before quantizing."""
        return _without(weight, self.offset_a, self.offset_b, scaling)

    def to(self, device: torch.device) -> "StartFactors":
        """The same values in fp32, laid out row by row: another layout could round their product differently."""
        moved = (
            tensor.detach().to(device, torch.float32).contiguous()
            for tensor in (self.a, self.b, self.offset_a, self.offset_b)
        )
        return StartFactors(*moved)


def start_plan(site: SiteRecord) -> StartPlan | None:
    """None where the adapter of the site does not start from the weight."""
    if site.init not in FROM_WEIGHT or site.r is None or site.scaling is None:
        return None
    return StartPlan(site.site, site.init, site.r, site.scaling)


def start_factors(plan: StartPlan, weight: torch.Tensor, quantize: Quantize) -> StartFactors:
    """The start of one site from its original weight (out, in) in fp32.

    `quantize` gives what the site's base makes of a weight, as a dense tensor. Raises InvalidError where the weight
    holds values that are not finite.
    """
    if not weight.isfinite().all():
        raise InvalidError(
            f"{plan.site}: its weight holds values that are not finite, so init {plan.init} cannot be worked out",
            "use init default there, or a checkpoint without them",
        )
    return pissa(plan, weight) if plan.init == "pissa" else loftq(plan, weight, quantize)


def pissa(plan: StartPlan, weight: torch.Tensor) -> StartFactors:
    """The best rank-r approximation of the weight (Meng et al. 2024, arXiv 2404.02948, equations 2 to 4)."""
    a, b = leading_factors(plan, weight)
    return StartFactors(a, b, a, b)


def loftq(plan: StartPlan, weight: torch.Tensor, quantize: Quantize, rounds: int = ROUNDS) -> StartFactors:
    """Quantizing and low-rank approximation in turns (Li et al. 2023, arXiv 2310.08659, algorithm 1).

    Each round quantizes W − s·B·A, and takes the best factors of what that leaves of W.
    """
    rows, columns = weight.shape
    offset = a, b = weight.new_zeros(plan.r, columns), weight.new_zeros(rows, plan.r)
    for _ in range(rounds):
        offset = a, b
        quantized = quantize(_without(weight, a, b, plan.scaling))
        a, b = leading_factors(plan, weight - quantized)
    return StartFactors(a, b, *offset)


def _without(weight: torch.Tensor, a: torch.Tensor, b: torch.Tensor, scaling: float) -> torch.Tensor:
    """W − s·B·A."""
    return torch.addmm(weight, b, a, alpha=-scaling)


def leading_factors(plan: StartPlan, matrix: torch.Tensor) -> Factors:
    """(A, B) with s·B·A the best approximation of rank r: singular values split evenly, both divided by √s."""
    left, values, right = _leading(plan, matrix)
    roots = (values / plan.scaling).sqrt()
    return (roots[:, None] * right).contiguous(), (left * roots).contiguous()


def _leading(plan: StartPlan, matrix: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The r largest singular directions: left (out, r), values (r), right (r, in).

    Exact where the smaller side is at most EXACT_SIDE; beyond it by random projection (Halko et al. 2011, arXiv
    0909.4061, algorithm 4.4), drawn from a seed of the site alone, so that every run on it starts alike.
    """
    if min(matrix.shape) <= EXACT_SIDE:
        left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    else:
        devices = [matrix.device] if matrix.device.type == "cuda" else []
        with torch.random.fork_rng(devices):
            torch.manual_seed(derive_seed(0, "directions", plan.site))
            size = min(plan.r + _MORE, *matrix.shape)
            left, values, columns = torch.svd_lowrank(matrix, size, niter=_ITERATIONS)
        right = columns.t()
    return left[:, : plan.r], values[: plan.r], right[: plan.r]
