"""Forward and backward of an int4 layer against bitsandbytes' NF4 layer, on one CPU thread in fp32.

`python -m benchmarks.int4 [--quick] [--keep]`. Both layers are as the trainer builds them and hold the same weight. A
pair is a pass of each, one right after the other, and the order turns round with every pair. Memory is the peak of one
pass in a process of its own above what is there before it: the dense weight, the output and the gradient to x.
"""

import argparse
import ctypes
import json
import logging
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from benchmarks.common import ROOT, in_turn, publish, ratios
from workbench.plan.formats import base_format
from workbench.train.dense import dense_weight
from workbench.train.group_int4 import GroupCodes
from workbench.train.layers import make_layer, store

PACKAGES = ("torch", "bitsandbytes")
SIDES = ("int4", "nf4")
SHAPES = ((128, 128), (512, 512), (1024, 1024), (2048, 1024), (4096, 4096))
TOKENS = (128, 1024)
WARM_UP = 3
_STATUS = Path("/proc/self/status")


def make_side(name: str, weight: torch.Tensor) -> nn.Module:
    """The frozen layer of that format with the weight (out, in) in it."""
    layer = make_layer(weight.shape[1], weight.shape[0], False, base_format(name).settings(), torch.float32)
    stored = store(layer, weight, torch.float32)
    if isinstance(stored, GroupCodes):
        layer.qweight, layer.scales, layer.zeros = stored.codes, stored.scales, stored.zeros
    else:
        layer.weight = stored
    return layer.requires_grad_(False)


def make_pass(layer: nn.Module, x: torch.Tensor, upstream: torch.Tensor) -> Callable[[], torch.Tensor]:
    """One forward and backward pass: gives the gradient to x, as every layer under an adapter has to."""

    def step() -> torch.Tensor:
        (grad,) = torch.autograd.grad(layer(x), x, upstream)
        return grad

    return step


def make_tensors(rows: int, columns: int, tokens: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """A weight, an input that wants a gradient, and a gradient of the output."""
    draw = torch.Generator().manual_seed(1)
    weight = 0.02 * torch.randn(rows, columns, generator=draw)
    x = torch.randn(tokens, columns, generator=draw).requires_grad_()
    return weight, x, torch.randn(tokens, rows, generator=draw)


def measure(rows: int, columns: int, tokens: int, pairs: int) -> dict[str, Any]:
    """Milliseconds of a pass on both sides, and the ratio of every pair, int4 to nf4."""
    weight, x, upstream = make_tensors(rows, columns, tokens)
    layers = {name: make_side(name, weight) for name in SIDES}
    passes = {name: make_pass(layer, x, upstream) for name, layer in layers.items()}
    for name, step in passes.items():
        _check(layers[name], step(), upstream)
    in_turn(passes, WARM_UP)
    found = in_turn({name: _timed(step) for name, step in passes.items()}, pairs)
    taken = ratios(found["int4"], found["nf4"])
    del taken["pairs"]
    return {
        "out_features": rows,
        "in_features": columns,
        "tokens": tokens,
        "pairs": pairs,
        **{f"{name}_milliseconds": statistics.median(found[name]) for name in SIDES},
        "ratio": taken,
        "megabytes_of_a_pass": {name: _peak(name, rows, columns, tokens) for name in SIDES},
    }


def _check(layer: nn.Module, grad: torch.Tensor, upstream: torch.Tensor) -> None:
    """A pass that does not compute the gradient is fast."""
    exact = upstream @ dense_weight(layer)
    if not (grad - exact).norm() < 1e-5 * exact.norm():
        raise RuntimeError(f"{type(layer).__name__} does not give the gradient of its own weight")


def _timed(step: Callable[[], Any]) -> Callable[[], float]:
    def timed() -> float:
        began = time.perf_counter()
        step()
        return 1000 * (time.perf_counter() - began)

    return timed


def _peak(name: str, rows: int, columns: int, tokens: int) -> float:
    command = [sys.executable, "-m", "benchmarks.int4", "--peak", json.dumps([name, rows, columns, tokens])]
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"memory of {name}: exit code {done.returncode}\n{done.stderr}")
    return float(done.stdout)


def peak_of_a_pass(name: str, rows: int, columns: int, tokens: int) -> float:
    """Megabytes that a pass takes at its peak above what is there before it."""
    make_pass(make_side(name, torch.randn(64, 64)), *make_tensors(64, 64, 2)[1:])()  # loads what is loaded on first use
    weight, x, upstream = make_tensors(rows, columns, tokens)
    step = make_pass(make_side(name, weight), x, upstream)
    del weight
    ctypes.CDLL("libc.so.6").malloc_trim(0)  # what quantizing has freed would be taken again without being counted
    before = _status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # sets the peak back to what is there now
    step()
    return (_status("VmHWM") - before) / 1e6


def _status(key: str) -> int:
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith(f"{key}:"))
    return int(line.split()[1]) * 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer shapes and pairs")
    parser.add_argument("--keep", action="store_true", help="write the result to benchmarks/results")
    parser.add_argument("--peak", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    if chosen.peak:
        print(peak_of_a_pass(*json.loads(chosen.peak)))
        return
    results = []
    for rows, columns in SHAPES[1:3] if chosen.quick else SHAPES:
        for tokens in TOKENS:
            pairs = (10 if chosen.quick else 60) if rows < 4096 else 15
            results.append(measure(rows, columns, tokens, pairs))
            ratio = results[-1]["ratio"]["median"]
            print(f"{rows} × {columns}, {tokens} tokens: {ratio:.3f}", file=sys.stderr, flush=True)
    large = [result["ratio"]["median"] for result in results if result["out_features"] >= 1024]
    publish("int4", {"highest_median_from_1024": max(large), "results": results}, PACKAGES, chosen.keep)


if __name__ == "__main__":
    main()
