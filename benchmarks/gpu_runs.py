"""Real runs on a GPU by the real command: the queue, what is logged, pause and resume, and memory that runs out."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.common import ROOT

_HOG = """import sys, torch
torch.cuda.mem_get_info()
print("ready", flush=True)
held = torch.empty(int(sys.stdin.readline()), dtype=torch.uint8, device="cuda")
print("held", flush=True)
sys.stdin.read()
"""
_PLAN = (
    "name: {name}\nmodel: {model}\nbase: nf4\ndefaults: {{method: lora, alpha: 2r, r: {rank}}}\nrules:\n  - '* all'\n"
)
_PATIENCE = 150.0


def command(home: Path, *words: str, check: bool = True) -> str:
    """`workbench --home HOME WORDS`; its stdout. Raises RuntimeError with its stderr where it fails."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "workbench.cli.main", "--home", str(home), *words],
        cwd=ROOT,
        text=True,
        capture_output=True,
        check=False,
    )
    if check and done.returncode:
        raise RuntimeError(f"workbench {' '.join(words)}: exit code {done.returncode}\n{done.stderr}\n{done.stdout}")
    return done.stdout


def events(home: Path, run_id: str) -> list[dict[str, Any]]:
    """What the trainer and then its shim have logged of a run so far."""
    found: list[dict[str, Any]] = []
    for name in ("events.jsonl", "shim.jsonl"):
        path = home / "runs" / run_id / name
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        found += [json.loads(line) for line in lines]
    return found


def write_plan(home: Path, name: str, model: str, rank: int) -> str:
    """A plan of plain LoRA on all sites of an NF4 base; its path."""
    path = home / "plans" / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_PLAN.format(name=name, model=model, rank=rank), encoding="utf-8")
    return str(path)


def demo(home: Path) -> dict[str, Any]:
    """The main job of the README on this card, and what its logs say of the device."""
    began = time.monotonic()
    said = command(home, "demo")
    seconds = time.monotonic() - began
    runs = sorted(path.name for path in (home / "runs").iterdir() if (path / "run.json").exists())
    logs = {run: events(home, run) for run in runs}
    kinds = sorted({event["kind"] for log in logs.values() for event in log})
    telemetry = [event for log in logs.values() for event in log if event["kind"] == "telemetry"]
    devices = sorted({event["device"] for log in logs.values() for event in log if event["kind"] == "started"})
    ends = [
        next((e["kind"] for e in reversed(log) if e["kind"] in ("finished", "failed")), "?") for log in logs.values()
    ]
    return {
        "seconds": seconds,
        "runs": {run: end for run, end in zip(runs, ends, strict=True)},
        "devices": devices,
        "kinds": kinds,
        "telemetry": telemetry[-1:],
        "said": said.splitlines()[-30:],
    }


def pause_and_resume(home: Path) -> dict[str, Any]:
    """One experiment in two homes, once paused on its way; how far the adapters of both lie apart."""
    words = ["--recipe=demo", "--set=steps=300", "--set=checkpoint_every=50", "--seed=1"]
    whole, cut = home / "whole", home / "cut"
    for place in (whole, cut):
        plan = write_plan(place, "one", "demo", 8)
        command(place, "run", plan, *words, "--detach")
    run_id = next(path.name for path in (cut / "runs").iterdir() if (path / "run.json").exists())
    _wait(lambda: _step(cut, run_id) >= 60, "60 steps")
    command(cut, "runs", "pause", run_id, "--wait")
    paused_at = _step(cut, run_id)
    command(cut, "runs", "resume", run_id)
    for place in (whole, cut):
        _wait(lambda place=place: _is_over(place, run_id), "the end")
    return {
        "paused_at": paused_at,
        "largest_difference": _apart(whole, cut, run_id),
        "ends": [
            [e["kind"] for e in events(place, run_id) if e["kind"] in ("finished", "failed", "paused")]
            for place in (whole, cut)
        ],
    }


def _apart(one: Path, other: Path, run_id: str) -> float:
    from safetensors.torch import load_file

    tensors = [load_file(next((home / "runs" / run_id / "adapter").glob("*.safetensors"))) for home in (one, other)]
    assert tensors[0].keys() == tensors[1].keys()
    return max(float((tensors[0][name] - tensors[1][name]).abs().max()) for name in tensors[0])


def out_of_memory(home: Path, model: Path, data: Path) -> dict[str, Any]:
    """A run whose memory somebody else takes while it loads: the class of its failure, and what is tried next."""
    import torch

    plan = write_plan(home, "large", str(model), 16)
    recipe = home / "recipe.yaml"
    recipe.write_text(
        f"data: {data}\nmax_length: 512\nsteps: 4\nbatch: 32\nlr: 1e-4\nsplit: {{fraction: 0.02}}\nevaluators: [loss]\n"
    )
    said = subprocess.run(
        [
            sys.executable,
            "-P",
            "-m",
            "workbench.cli.main",
            "--home",
            str(home),
            "run",
            plan,
            f"--recipe={recipe}",
            "-d",
        ],
        cwd=ROOT,
        text=True,
        capture_output=True,
        check=True,
    )
    run_id = json.loads(said.stdout)["run_id"] if said.stdout.startswith("{") else json.loads(said.stdout)[0]["run_id"]
    predicted = json.loads((home / "runs" / run_id / "run.json").read_text())["predicted_bytes"]
    with _hog() as take:
        _wait(lambda: any(e["kind"] == "started" for e in events(home, run_id)), "the trainer's first event")
        free, _ = torch.cuda.mem_get_info()
        take(int(free - 0.4 * predicted["total"]))
        _wait(lambda: any(e["kind"] == "failed" for e in events(home, run_id)), "the failure")
        waiting = command(home, "runs", "queue").splitlines()
    _wait(lambda: _is_over(home, run_id), "the end of the next attempt")
    log = events(home, run_id)
    return {
        "predicted": predicted,
        "said": said.stderr.splitlines(),
        "failed": [e for e in log if e["kind"] == "failed"],
        "started": [
            {key: e.get(key) for key in ("attempt", "batch", "accumulation", "why")}
            for e in log
            if e["kind"] == "started"
        ],
        "finished": [e for e in log if e["kind"] == "finished"],
        "waiting": waiting,
        "telemetry": [e for e in log if e["kind"] == "telemetry"][-2:],
        "kinds": sorted({e["kind"] for e in log}),
        "shown": command(home, "runs", "show", run_id).splitlines()[:40],
    }


@contextmanager
def _hog() -> Iterator[Callable[[int], None]]:
    """Another process on the card, and what makes it take so many bytes of it."""
    process = subprocess.Popen([sys.executable, "-c", _HOG], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    stdin, stdout = process.stdin, process.stdout
    assert stdin is not None
    assert stdout is not None

    def take(size: int) -> None:
        print(size, file=stdin, flush=True)
        assert stdout.readline() == "held\n"

    try:
        assert stdout.readline() == "ready\n"
        yield take
    finally:
        process.kill()
        process.wait()


def _step(home: Path, run_id: str) -> int:
    return max((event["step"] for event in events(home, run_id) if event["kind"] == "metric"), default=0)


def _is_over(home: Path, run_id: str) -> bool:
    return any(event["kind"] == "finished" for event in events(home, run_id))


def _wait(condition: Any, what: str) -> None:
    """Raises RuntimeError where it does not come within two and a half minutes."""
    end = time.monotonic() + _PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError(f"{what} did not come within {_PATIENCE:g} s")
        time.sleep(0.2)


def doctor(home: Path) -> Any:
    """Every line of `workbench doctor` that is not plainly well, and all that it says of the GPU."""
    found = json.loads(command(home, "doctor", "--json", check=False))
    lines = found["checks"] if isinstance(found, dict) else found
    return [line for line in lines if line.get("state") != "ok" or "gpu" in str(line.get("name", "")).lower()]
