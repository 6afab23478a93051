"""Everything that needs a GPU, in parts: `python -m benchmarks.gpu [PART...] [--keep]`.

doctor: what the machine is. methods: every method, base format and start on the card against the CPU. memory (B5):
estimated against measured peaks. steps (B4, B2): a step against plain peft loops, on bases of 1B and, as `steps8`, 8B
parameters with random weights. demo, resume, oom: real runs by the command. A part that fails is named in the result,
and the others go on.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Any

import torch

from benchmarks import gpu_runs
from benchmarks.common import ROOT, publish
from benchmarks.gpu_model import SHAPES, make_data, make_model
from benchmarks.gpu_steps import measure

PACKAGES = ("torch", "transformers", "peft", "bitsandbytes", "accelerate")
LENGTH = 1024
LONGEST = 90.0  # seconds of a part that is a process of its own


class Places:
    """Models and data under one folder, made when they are first asked for."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder

    def home(self, name: str) -> Path:
        path = self.folder / "homes" / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def model(self, shape: str) -> Path:
        path = self.folder / shape
        return path if path.exists() else make_model(path, SHAPES[shape])

    @property
    def data(self) -> Path:
        path = self.folder / "long.jsonl"
        return path if path.exists() else make_data(path, LENGTH)


def _lines_of(module: str, *arguments: str) -> list[Any]:
    """What a module prints as lines of JSON; it is a process of its own, so that its memory is.

    One that takes too long is ended, and what it said until then counts.
    """
    command = [sys.executable, "-m", module, *arguments]
    with TemporaryFile("w+", encoding="utf-8") as out, TemporaryFile("w+", encoding="utf-8") as errors:
        try:
            done = subprocess.run(command, cwd=ROOT, stdout=out, stderr=errors, timeout=LONGEST, check=False)
            ended = f"exit code {done.returncode}" if done.returncode else ""
        except subprocess.TimeoutExpired:
            ended = f"not done after {LONGEST:g} s"
        out.seek(0)
        errors.seek(0)
        found = [json.loads(line) for line in out if line.startswith("{")]
        return [*found, {"error": f"{module}: {ended}", "stderr": errors.read()[-3000:]}] if ended else found


def _steps(places: Places, shape: str, sizes: tuple[tuple[int, int], ...], steps: int) -> list[dict[str, Any]]:
    model = places.model(shape)
    return [measure(shape, model, places.data, batch, length, steps) for batch, length in sizes]


PARTS: dict[str, Callable[[Places], Any]] = {
    "doctor": lambda places: gpu_runs.doctor(places.home("doctor")),
    "methods": lambda places: _lines_of("benchmarks.gpu_methods"),
    "demo": lambda places: gpu_runs.demo(places.home("demo")),
    "resume": lambda places: gpu_runs.pause_and_resume(places.home("resume")),
    "memory": lambda places: _lines_of("benchmarks.gpu_memory", str(places.model("1B")), str(places.data)),
    "steps": lambda places: _steps(places, "1B", ((4, 512),), 25),
    "sizes": lambda places: _steps(places, "1B", ((16, 512), (1, 512)), 25),
    "oom": lambda places: gpu_runs.out_of_memory(places.home("oom"), places.model("1B"), places.data),
    "steps8": lambda places: _steps(places, "8B", ((4, 512),), 15),
}


def run_part(name: str, places: Places) -> dict[str, Any]:
    """What a part found, or how it failed; and its seconds."""
    began = time.monotonic()
    try:
        found = {"found": PARTS[name](places)}
    except Exception as error:
        found = {"error": f"{type(error).__name__}: {error}"}
    return {**found, "seconds": time.monotonic() - began}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="default: all but steps8")
    parser.add_argument("--keep", action="store_true", help="write the result to benchmarks/results")
    parser.add_argument("--folder", type=Path, help="where models are made and kept; default: a temporary folder")
    chosen = parser.parse_args()
    if not torch.cuda.is_available():
        sys.exit("no GPU: this benchmark has nothing to measure")
    with TemporaryDirectory() as temporary:
        places = Places(chosen.folder or Path(temporary))
        results = {}
        for name in chosen.parts or [part for part in PARTS if part != "steps8"]:
            results[name] = run_part(name, places)
            (places.folder / "parts.json").write_text(json.dumps(results, indent=1), encoding="utf-8")
            print(
                f"{name}: {results[name]['seconds']:.0f} s", results[name].get("error", ""), file=sys.stderr, flush=True
            )
    card = torch.cuda.get_device_properties(0)
    result = {"gpu": {"name": card.name, "bytes": card.total_memory, "cuda": torch.version.cuda}, "parts": results}
    publish("gpu", result, PACKAGES, chosen.keep)


if __name__ == "__main__":
    main()
