"""B4 and B2 on a GPU: a step of one plan against plain peft loops, side by side on a base of a real shape.

`measure(shape, model, data, ...)`: ours, QLoRA's own loop and a plain loop all in bf16 take turns step by step. A
result has step times, tokens per second, memory, and the share of the card's arithmetic that was used (MFU).
"""

import json
import statistics
from pathlib import Path
from typing import Any

from benchmarks.common import check_learning, take_turns
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
    sides_of = {name: json.dumps({**case, "side": name}) for name in SIDES}
    answers = take_turns("benchmarks.train_sides", sides_of, steps)
    for steps_of, _ in answers.values():
        check_learning(steps_of)
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
