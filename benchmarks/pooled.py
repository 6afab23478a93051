"""The step of pooled plans against plain LoRA with the same trainable parameters, on one CPU thread in fp32.

`python -m benchmarks.pooled [--quick] [--keep]`. A stack is a site (out, in) and one (in, out) behind it on NF4, built
and wrapped as the trainer does. A step is forward, backward to the input of the stack, and AdamW. A pair is a step of
the pooled stack and one of plain LoRA, one right after the other; the order turns round with every pair.
"""

import argparse
import logging
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from benchmarks.common import in_turn, publish, ratios
from workbench.plan.catalogue import CATALOGUE
from workbench.plan.formats import base_format
from workbench.plan.settings import AdapterSettings
from workbench.train.proof_site import BuiltSite, Case, build_site

PACKAGES = ("torch", "peft", "bitsandbytes")
SHAPES = ((128, 128), (512, 512), (1024, 1024), (2048, 1024), (4096, 4096))
TOKENS = (128, 1024)
RANK = 16
WARM_UP = 3
LR = 1e-3
CLAIMED_FROM = (1024, 1024)  # smaller side, tokens


@dataclass(frozen=True, slots=True)
class Way:
    """A method with its balance and pool; the rank is fitted."""

    method: str
    balance: int = 1
    pool: int = 1

    @property
    def name(self) -> str:
        keys = [(key, getattr(self, key)) for key in ("balance", "pool") if getattr(self, key) > 1]
        return " ".join([self.method, *(f"{key}={value}" for key, value in keys)])

    def settings(self, r: int) -> AdapterSettings:
        return AdapterSettings(self.method, r, 2.0 * r, 0.0, "default", self.balance, self.pool)

    def trainable(self, r: int, sides: tuple[int, int]) -> int:
        """Trainable parameters of the stack."""
        structure = CATALOGUE[self.method].structure(self.settings(r))
        out, inner = sides
        return structure.trainable(inner, out) + structure.trainable(out, inner)


WAYS = (
    *(Way("blora", balance) for balance in (2, 4, 8)),
    *(
        Way(method, balance, pool)
        for pool in (64, 32)
        for method, balance in (("qalora", 1), ("qablora", 2), ("qahira", 1))
    ),
)
QUICK = tuple(way for way in WAYS if way.name in ("blora balance=2", "qalora pool=64", "qahira pool=64"))
PLAIN = Way("lora")


def fitted(way: Way, sides: tuple[int, int]) -> tuple[int, int]:
    """(rank of the pooled plan, rank of plain LoRA) with the nearest numbers of trainable parameters.

    Plain LoRA has rank 16, unless the method has no rank to fit: then plain LoRA's is fitted to it.
    """
    if way.method == "qahira":
        return RANK, max(1, round(way.trainable(RANK, sides) / PLAIN.trainable(1, sides)))
    return max(1, round(PLAIN.trainable(RANK, sides) / way.trainable(1, sides))), RANK


class Stack(nn.Module):
    """A site (out, in) and one (in, out) behind it, with an optimizer over what they train."""

    def __init__(self, settings: AdapterSettings, sides: tuple[int, int]) -> None:
        super().__init__()
        out, inner = sides
        base = base_format("nf4").settings()
        built = [build_site(Case(settings, base, *shape, seed=1)) for shape in ((inner, out), (out, inner))]
        _start_everywhere(built)
        self.layers = nn.ModuleList(site.layer for site in built)
        self.trained = [value for site in built for value in site.trained.values()]
        self.optimizer = torch.optim.AdamW(self.trained, lr=LR, fused=True)
        self.train()

    def step(self, x: torch.Tensor, upstream: torch.Tensor) -> float:
        """One step that lowers the mean of y·upstream; its value before."""
        y = x
        for layer in self.layers:
            y = layer(y)
        loss = (y * upstream).mean()
        self.optimizer.zero_grad()
        x.grad = None
        torch.autograd.backward(loss)
        self.optimizer.step()
        return loss.item()


def _start_everywhere(built: list[BuiltSite]) -> None:
    """Puts random values into every matrix: where B is zero, the gradient of A is, and adding does nothing."""
    for site in built:
        for number, value in enumerate(site.trained.values()):
            nn.init.normal_(value.data, std=0.01, generator=torch.Generator().manual_seed(number))


def measure(way: Way, sides: tuple[int, int], tokens: int, pairs: int) -> dict[str, Any]:
    """Milliseconds of a step on both sides and the ratio of every pair, pooled to plain."""
    ranks = dict(zip(("pooled", "plain"), fitted(way, sides), strict=True))
    ways = {"pooled": way, "plain": PLAIN}
    draw = torch.Generator().manual_seed(1)
    x = torch.randn(tokens, sides[1], generator=draw).requires_grad_()
    upstream = torch.randn(tokens, sides[1], generator=draw)
    steps = {name: _timed(Stack(ways[name].settings(ranks[name]), sides), x, upstream) for name in ways}
    in_turn(steps, WARM_UP)
    found = in_turn(steps, pairs)
    for name, taken in found.items():
        if not taken[-1][1] < taken[0][1]:
            raise RuntimeError(f"{way.name}, {name}: the loss does not fall, so its step trains nothing")
    seconds = {name: [second for second, _ in taken] for name, taken in found.items()}
    ratio = ratios(seconds["pooled"], seconds["plain"])
    del ratio["pairs"]
    return {
        "plan": way.name,
        "out_features": sides[0],
        "in_features": sides[1],
        "tokens": tokens,
        "pairs": pairs,
        "r": ranks["pooled"],
        "plain_r": ranks["plain"],
        "trainable": way.trainable(ranks["pooled"], sides),
        "plain_trainable": PLAIN.trainable(ranks["plain"], sides),
        **{f"{name}_milliseconds": 1000 * statistics.median(taken) for name, taken in seconds.items()},
        "ratio": ratio,
    }


def _timed(stack: Stack, x: torch.Tensor, upstream: torch.Tensor) -> Callable[[], tuple[float, float]]:
    def timed() -> tuple[float, float]:
        began = time.perf_counter()
        loss = stack.step(x, upstream)
        return time.perf_counter() - began, loss

    return timed


def cases(quick: bool) -> Iterator[tuple[Way, tuple[int, int], int, int]]:
    """Way, sides, tokens and pairs of every measurement."""
    for sides in SHAPES[2:3] if quick else SHAPES:
        for tokens in TOKENS:
            pairs = 7 if quick else 3 if sides[0] >= 4096 else 20
            for way in QUICK if quick else WAYS:
                yield way, sides, tokens, pairs


def _claimed(result: dict[str, Any]) -> bool:
    side, tokens = CLAIMED_FROM
    return bool(min(result["out_features"], result["in_features"]) >= side and result["tokens"] >= tokens)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="three plans at 1024 × 1024, fewer pairs")
    parser.add_argument("--keep", action="store_true", help="write the result to benchmarks/results")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    results = []
    for case in cases(chosen.quick):
        results.append(result := measure(*case))
        where = f"{result['out_features']} × {result['in_features']}, {result['tokens']} tokens"
        counts = f"{result['trainable']:,} against {result['plain_trainable']:,}"
        print(f"{where}: {result['plan']} {result['ratio']['median']:.3f} ({counts})", file=sys.stderr, flush=True)
    highest = max(result["ratio"]["median"] for result in results if _claimed(result))
    publish("pooled", {"highest_median_as_claimed": highest, "results": results}, PACKAGES, chosen.keep)


if __name__ == "__main__":
    main()
