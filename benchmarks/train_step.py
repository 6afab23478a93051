"""B4: the step of one plan of plain LoRA against a plain peft loop on the same NF4 base, on one CPU thread.

`python -m benchmarks.train_step [--quick] [--keep]`. Each side of a pair is a process of its own; they take turns step
by step. The ratio of a pair is that of its median steps.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import workbench.demo
from benchmarks.common import check_learning, publish, ratios, take_turns

DEMO = Path(workbench.demo.__file__).parent
PACKAGES = ("torch", "transformers", "peft", "bitsandbytes", "accelerate")
WARM_UP = 5
# Both sides compute the same, in another order: single precision leaves no more than this between their losses.
CLOSE = 1e-3

SIDES = ("workbench", "plain")
PARTS = ("whole", "training", "after_loading")

MODELS = {
    "demo": {"max_length": 32, "batch": 32, "lr": 3e-3},
    "random-6.6M": {"max_length": 96, "batch": 4, "lr": 3e-3},
}
QUICK = (("demo", 8, 0.0), ("random-6.6M", 8, 0.0))
FULL = tuple((model, rank, dropout) for model in MODELS for rank in (8, 16) for dropout in (0.0, 0.05))


@dataclass(frozen=True, slots=True)
class Answer:
    """The steps of one process, and its memory in bytes above what it took with its libraries imported."""

    steps: list[dict[str, float]]
    bytes: dict[str, int]

    def taken(self, clock: str) -> list[float]:
        """Seconds of every step after warm-up; `wall` or `cpu`."""
        return [step[clock] for step in self.steps[WARM_UP:]]


def make_random_model(folder: Path) -> Path:
    """A Llama of 6.6 M parameters with normal weights, and the tokenizer of the demo base."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    shape = {"hidden_size": 256, "intermediate_size": 768, "num_hidden_layers": 8, "vocab_size": 512}
    heads = {"num_attention_heads": 8, "num_key_value_heads": 4, "max_position_embeddings": 256}
    torch.manual_seed(1)
    model = LlamaForCausalLM(LlamaConfig(**shape, **heads, tie_word_embeddings=False))
    assert all(p.std() > 0 for p in model.parameters() if p.dim() == 2)
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(DEMO / "base").save_pretrained(folder)
    return folder


def make_long_data(path: Path) -> Path:
    """Examples of about 90 tokens, half of them targets, from the lines of the demo's data."""
    lines = [json.loads(line) for line in (DEMO / "data" / "train.jsonl").read_text(encoding="utf-8").splitlines()]
    texts = [line["prompt"] + line["completion"] for line in lines]
    rows = (" ".join(texts[start : start + 4]) for start in range(0, len(texts) - 3, 4))
    split = ({"prompt": row[: len(row) // 2], "completion": row[len(row) // 2 :]} for row in rows)
    path.write_text("".join(json.dumps(row) + "\n" for row in split), encoding="utf-8")
    return path


def measure(case: dict[str, Any], pairs: int) -> dict[str, Any]:
    """One configuration: ratios ours to theirs of step time and memory, over pairs of processes."""
    found = [_pair(case, reverse=bool(number % 2)) for number in range(pairs)]
    for pair in found:
        for answer in pair.values():
            check_learning(answer.steps)
    gap = _largest_gap(*(found[0][side].steps for side in SIDES))
    if case["dropout"] == 0 and gap > CLOSE:
        raise RuntimeError(f"the losses of the two sides differ by {gap:.2e}: they do not compute the same")
    return {
        **{key: case[key] for key in ("name", "rank", "dropout", "batch", "steps")},
        "step_time": _compare(found, lambda a: statistics.median(a.taken("wall"))),
        "step_time_mean": _compare(found, lambda a: statistics.mean(a.taken("wall"))),
        "processor_time_mean": _compare(found, lambda a: statistics.mean(a.taken("cpu"))),
        **{f"bytes_{part}": _compare(found, _bytes_of(part)) for part in PARTS},
        "loss": {side: [found[0][side].steps[i]["loss"] for i in (0, -1)] for side in SIDES},
        "largest_loss_gap": gap,
    }


def _pair(case: dict[str, Any], reverse: bool) -> dict[str, Answer]:
    names = SIDES[::-1] if reverse else SIDES
    sides = {name: json.dumps({**case, "side": name}) for name in names}
    found = take_turns("benchmarks.train_sides", sides, case["steps"])
    return {name: Answer(steps, memory) for name, (steps, memory) in found.items()}


def _largest_gap(ours: list[dict[str, float]], theirs: list[dict[str, float]]) -> float:
    return max(abs(a["loss"] - b["loss"]) / b["loss"] for a, b in zip(ours, theirs, strict=True))


def _bytes_of(part: str) -> Callable[[Answer], float]:
    return lambda answer: answer.bytes[part]


def _compare(found: list[dict[str, Answer]], figure: Callable[[Answer], float]) -> dict[str, Any]:
    ours, theirs = ([figure(pair[side]) for pair in found] for side in SIDES)
    return {"workbench": statistics.median(ours), "plain": statistics.median(theirs), "ratio": ratios(ours, theirs)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two configurations, two pairs, fewer steps")
    parser.add_argument("--keep", action="store_true", help="write the result to benchmarks/results")
    chosen = parser.parse_args()
    pairs, steps = (2, 15) if chosen.quick else (5, 30)
    with TemporaryDirectory() as name:
        folder = Path(name)
        places = {
            "demo": (DEMO / "base", DEMO / "data" / "train.jsonl"),
            "random-6.6M": (make_random_model(folder / "model"), make_long_data(folder / "data.jsonl")),
        }
        results = []
        for model, rank, dropout in QUICK if chosen.quick else FULL:
            where = {"model": str(places[model][0]), "data": str(places[model][1])}
            settings = {"rank": rank, "dropout": dropout, "steps": steps, "clip": 1.0, "warmup": 0.03, "on_gpu": False}
            results.append(measure({"name": model, **where, **MODELS[model], **settings}, pairs))
            ratio = results[-1]["step_time"]["ratio"]["median"]
            print(f"{model}, rank {rank}, dropout {dropout}: {ratio:.3f}", file=sys.stderr, flush=True)
    medians = [result["step_time"]["ratio"]["median"] for result in results]
    summary = {"median_step_time_ratio": statistics.median(medians), "highest": max(medians)}
    publish(
        "train-step", {"pairs": pairs, "warm_up_steps": WARM_UP, **summary, "results": results}, PACKAGES, chosen.keep
    )


if __name__ == "__main__":
    main()
