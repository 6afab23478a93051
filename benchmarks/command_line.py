"""B9, the command line: start-up against an empty Typer program, and the map and check of a model of 32 blocks.

`python -m benchmarks.command_line [--quick] [--keep]`. Times are those of whole processes, from start to exit, answers
read; the first call of each is warm-up. The map and the check alone are timed inside one process.
"""

import argparse
import json
import os
import resource
import statistics
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.common import in_turn, publish, ratios

PACKAGES = ("typer", "rich", "ruamel.yaml", "pydantic")
EMPTY = """
import typer

app = typer.Typer(name="empty", help="An empty program.", no_args_is_help=True, add_completion=False)


@app.command()
def nothing() -> None:
    pass


@app.callback()
def options() -> None:
    pass


app()
"""
ALONE = """
import json, sys, time
from pathlib import Path
from workbench.plan.files import check_plan
from workbench.plan.model_map import load_map
from workbench.run.layout import Home

def seconds(call):
    began = time.perf_counter()
    call()
    return time.perf_counter() - began

home, model = Home(Path(sys.argv[1])), sys.argv[2]
calls = {"map": lambda: load_map(model), "check": lambda: check_plan("all", home)}
print(json.dumps({name: [seconds(call) for _ in range(int(sys.argv[3]))] for name, call in calls.items()}))
"""
BLOCKS, HIDDEN, INNER, KEY_VALUE, VOCABULARY = 32, 4096, 14336, 1024, 128256


def make_model(folder: Path, blocks: int = BLOCKS) -> Path:
    """A Llama by its headers, of 8 B parameters at 32 blocks: the file is sparse and holds no weights."""
    folder.mkdir(parents=True)
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": HIDDEN,
        "intermediate_size": INNER,
        "num_hidden_layers": blocks,
        "num_attention_heads": HIDDEN // 128,
        "num_key_value_heads": KEY_VALUE // 128,
        "vocab_size": VOCABULARY,
        "max_position_embeddings": 8192,
        "tie_word_embeddings": False,
    }
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    header, end = {}, 0
    for name, shape in _tensors(blocks):
        size = 2 * prod(shape)
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    with (folder / "model.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + end)
    return folder


def _tensors(blocks: int) -> list[tuple[str, tuple[int, ...]]]:
    attention = {"q": (HIDDEN, HIDDEN), "k": (KEY_VALUE, HIDDEN), "v": (KEY_VALUE, HIDDEN), "o": (HIDDEN, HIDDEN)}
    mlp = {"gate": (INNER, HIDDEN), "up": (INNER, HIDDEN), "down": (HIDDEN, INNER)}
    found: list[tuple[str, tuple[int, ...]]] = [("model.embed_tokens.weight", (VOCABULARY, HIDDEN))]
    for block in range(blocks):
        start = f"model.layers.{block}"
        found += [(f"{start}.self_attn.{name}_proj.weight", shape) for name, shape in attention.items()]
        found += [(f"{start}.mlp.{name}_proj.weight", shape) for name, shape in mlp.items()]
        found += [(f"{start}.{name}.weight", (HIDDEN,)) for name in ("input_layernorm", "post_attention_layernorm")]
    return [*found, ("model.norm.weight", (HIDDEN,)), ("lm_head.weight", (VOCABULARY, HIDDEN))]


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds of one process from start to exit: on the clock, and of processor time, which other programs stretch
    less."""

    wall: float
    processor: float


def _timed(command: Sequence[str], home: Path) -> Callable[[], Took]:
    """Runs one process; raises RuntimeError when it fails or answers nothing."""

    def call() -> Took:
        processor, began = _of_children(), time.perf_counter()
        done = subprocess.run(
            command, env={**os.environ, "WORKBENCH_HOME": str(home)}, text=True, capture_output=True, check=False
        )
        took = Took(time.perf_counter() - began, _of_children() - processor)
        if done.returncode or not done.stdout:
            raise RuntimeError(f"{' '.join(command)}: exit code {done.returncode}\n{done.stderr}")
        return took

    return call


def _of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def measure(folder: Path, rounds: int) -> dict[str, Any]:
    model, home = str(make_model(folder / "llama-8b")), folder / "home"
    empty = folder / "empty.py"
    empty.write_text(EMPTY, encoding="utf-8")
    workbench = [sys.executable, "-m", "workbench.cli.main"]
    subprocess.run(
        [*workbench, "--home", str(home), "plan", "new", "all", "--model", model], check=True, stdout=subprocess.DEVNULL
    )
    commands = {
        "python": [sys.executable, "-c", "print(1)"],
        "empty --help": [sys.executable, str(empty), "--help"],
        "workbench --help": [*workbench, "--help"],
        "model show": [*workbench, "model", "show", model],
        "model show --json": [*workbench, "model", "show", model, "--json"],
        "plan check": [*workbench, "plan", "check", "all"],
        "plan check --json": [*workbench, "plan", "check", "all", "--json"],
    }
    calls = {name: _timed(command, home) for name, command in commands.items()}
    for call in calls.values():
        call()
    found = in_turn(calls, rounds)
    alone = subprocess.run(
        [sys.executable, "-c", ALONE, str(home), model, str(rounds)], text=True, stdout=subprocess.PIPE, check=True
    )
    return {
        "seconds": {name: _spread([took.wall for took in values]) for name, values in found.items()},
        "processor_seconds": {name: _spread([took.processor for took in values]) for name, values in found.items()},
        "help_against_empty": _against(found, "wall"),
        "help_against_empty_processor": _against(found, "processor"),
        "milliseconds_alone": {
            name: {"first": 1e3 * values[0], "median": 1e3 * statistics.median(values)}
            for name, values in json.loads(alone.stdout).items()
        },
        "sites": 7 * BLOCKS,
    }


def _against(found: dict[str, list[Took]], clock: str) -> dict[str, Any]:
    ours, empty = ([getattr(took, clock) for took in found[name]] for name in ("workbench --help", "empty --help"))
    return ratios(ours, empty)


def _spread(values: Sequence[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "lowest": min(values), "highest": max(values)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="three rounds instead of fifteen")
    parser.add_argument("--keep", action="store_true", help="write the result to benchmarks/results")
    chosen = parser.parse_args()
    rounds = 3 if chosen.quick else 15
    with TemporaryDirectory() as folder:
        publish("command-line", {"rounds": rounds, **measure(Path(folder), rounds)}, PACKAGES, chosen.keep)


if __name__ == "__main__":
    main()
