"""B4 and B2 on a GPU: a step of one plan against plain peft loops, side by side on a base of a real shape.

`measure(shape, model, data, ...)`: ours, QLoRA's own loop and a plain loop all in bf16 take turns step by step. A
result has step times, tokens per second, memory, and the share of the card's arithmetic that was used (MFU).
"""

import json
import statistics
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.common import Side
from benchmarks.gpu_model import SHAPES, flops_per_token

SIDES = ("workbench", "plain", "plain_bf16")
WARM_UP = 5
RANK = 16
# Dense bf16 products of the cards, in operations per second, by their vendor's datasheets.
PEAK_FLOPS = 989e12


def measure(shape: str, model: Path, data: Path, batch: int, length: int, steps: int) -> dict[str, Any]:
    """Step times of the three sides with LoRA of rank 16 on all sites of an NF4 base."""
    settings = {"rank": RANK, "dropout": 0.0, "steps": steps, "clip": 1.0, "warmup": 0.03, "lr": 1e-3, "on_gpu": True}
    case = {"model": str(model), "data": str(data), "max_length": length, "batch": batch, **settings}
    answers = _take_turns(case)
    for steps_of, _ in answers.values():
        _check_learning(steps_of)
    tokens, sizes = batch * length, SHAPES[shape]
    flops = flops_per_token(sizes, length, _adapter_params(shape))
    sides = {}
    for name, (steps_of, memory) in answers.items():
        taken = [step["wall"] for step in steps_of[WARM_UP:]]
        per_second = tokens / statistics.median(taken)
        sides[name] = {
            "step_s": statistics.median(taken),
            "spread_s": [min(taken), max(taken)],
            "tokens_per_s": per_second,
            "mfu": per_second * flops / PEAK_FLOPS,
            "bytes": memory,
            "loss": [steps_of[0]["loss"], steps_of[-1]["loss"]],
        }
    ours = sides["workbench"]["step_s"]
    return {
        "shape": shape,
        "batch": batch,
        "length": length,
        "rank": RANK,
        "sides": sides,
        "ratio": {name: ours / side["step_s"] for name, side in sides.items() if name != "workbench"},
        "largest_loss_gap": {
            name: max(
                abs(one["loss"] - other["loss"]) / other["loss"]
                for one, other in zip(answers["workbench"][0], answers[name][0], strict=True)
            )
            for name in SIDES[1:]
        },
    }


def _adapter_params(shape: str) -> int:
    sizes = SHAPES[shape]
    keys = sizes.hidden // sizes.heads * sizes.kv_heads
    ends = 2 * 2 * sizes.hidden + 2 * (sizes.hidden + keys) + 3 * (sizes.hidden + sizes.mlp)
    return sizes.blocks * RANK * ends


def _take_turns(case: dict[str, Any]) -> dict[str, tuple[list[dict[str, float]], dict[str, int]]]:
    """Steps and memory of every side; all have their base loaded, and one steps at a time."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        sides = {
            name: stack.enter_context(
                Side("benchmarks.train_sides", json.dumps({**case, "side": name}), folder / f"{name}.log")
            )
            for name in SIDES
        }
        for side in sides.values():
            assert side.line() == {"ready": True}
        steps: dict[str, list[dict[str, float]]] = {name: [] for name in SIDES}
        for _ in range(case["steps"]):
            for name, side in sides.items():
                side.go()
                steps[name].append(side.line())
        for side in sides.values():
            side.go()
        return {name: (steps[name], side.line()) for name, side in sides.items()}


def _check_learning(steps: list[dict[str, float]]) -> None:
    """A loop that does nothing is fast: gradients must flow and the loss must fall."""
    if not all(step["grad_norm"] > 0 for step in steps):
        raise RuntimeError("a step without gradients")
    losses = [step["loss"] for step in steps]
    if not statistics.mean(losses[-5:]) < statistics.mean(losses[:5]):
        raise RuntimeError(f"the loss does not fall: {losses}")
