"""What the benchmarks share: where and with what they ran, alternating pairs of processes, and the dated result."""

import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"


def machine(packages: Sequence[str]) -> dict[str, Any]:
    """Processor, cores, load and versions: a figure without them cannot be compared with another."""
    return {
        "cpu": _cpu_name(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "bytecode_kept": not sys.dont_write_bytecode,
        "packages": {name: _version(name) for name in packages},
        "commit": _commit(),
    }


def _cpu_name() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _commit() -> str:
    """The commit that was measured, with a plus where files differ from it."""
    head = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, text=True, capture_output=True, check=False
    )
    changed = subprocess.run(["git", "diff", "--quiet", "HEAD", "--"], cwd=ROOT, check=False).returncode
    return head.stdout.strip() + ("+" if changed else "")


def in_turn(sides: dict[str, Callable[[], Any]], pairs: int) -> dict[str, list[Any]]:
    """Calls every side once per pair, one after the other; the order turns round with every pair.

    A machine that gets slower or faster meanwhile then does so for all sides alike.
    """
    found: dict[str, list[Any]] = {name: [] for name in sides}
    for pair in range(pairs):
        names = list(sides) if pair % 2 == 0 else list(reversed(sides))
        for name in names:
            found[name].append(sides[name]())
    return found


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> dict[str, Any]:
    """The ratio of every pair, ours to theirs, with median and range."""
    each = [one / other for one, other in zip(ours, theirs, strict=True)]
    return {"median": statistics.median(each), "lowest": min(each), "highest": max(each), "pairs": each}


class Side:
    """A process of `python -m MODULE ARGUMENT` on one thread that does a step whenever it is told to."""

    def __init__(self, module: str, argument: str, log: Path) -> None:
        self._module, self._log = module, log
        with log.open("w") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, argument],
                cwd=ROOT,
                env={**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
                text=True,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
            )

    def line(self) -> Any:
        """What the process says next, as JSON. Raises RuntimeError, with its stderr, when it ends instead."""
        assert self._process.stdout is not None
        if text := self._process.stdout.readline():
            return json.loads(text)
        raise RuntimeError(f"{self._module}: exit code {self._process.wait()}\n{self._log.read_text()}")

    def go(self) -> None:
        """Lets it do its next step."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def __enter__(self) -> "Side":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()


def take_turns(module: str, arguments: dict[str, str], steps: int) -> dict[str, tuple[list[Any], Any]]:
    """A process of the module for each argument, one step of one at a time: a busy machine slows all alike.

    What every step and, at last, the process says, by the arguments' names.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        sides = {
            name: stack.enter_context(Side(module, told, folder / f"{name}.log")) for name, told in arguments.items()
        }
        for side in sides.values():
            assert side.line() == {"ready": True}
        said: dict[str, list[Any]] = {name: [] for name in sides}
        for _ in range(steps):
            for name, side in sides.items():
                side.go()
                said[name].append(side.line())
        for side in sides.values():
            side.go()
        return {name: (said[name], side.line()) for name, side in sides.items()}


def check_learning(steps: Sequence[dict[str, float]]) -> None:
    """A loop that does nothing is fast: gradients must flow and the loss must fall. Raises RuntimeError."""
    if not all(step["grad_norm"] > 0 for step in steps):
        raise RuntimeError("a step without gradients")
    losses = [step["loss"] for step in steps]
    if not statistics.mean(losses[-5:]) < statistics.mean(losses[:5]):
        raise RuntimeError(f"the loss does not fall: {losses}")


def rounded(value: Any, digits: int = 4) -> Any:
    """The same structure with numbers cut to that many significant digits, for people to read."""
    if isinstance(value, float):
        return float(f"{value:.{digits}g}")
    if isinstance(value, dict):
        return {key: rounded(item, digits) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item, digits) for item in value]
    return value


def publish(
    name: str, result: dict[str, Any], packages: Sequence[str], keep: bool, parts: Collection[str] = ()
) -> None:
    """Prints the result as JSON; `keep` also writes it to `results/NAME-DATE.json`.

    `parts` are the keys of results that can be measured one by one: those of the day that this one lacks stay in the
    file, and `earlier` says of each when and with what it was measured.
    """
    now = datetime.now(UTC)
    whole = {"benchmark": name, "measured": now.isoformat(timespec="seconds"), **result, "machine": machine(packages)}
    print(_text(whole), end="")
    if keep:
        RESULTS.mkdir(exist_ok=True)
        path = RESULTS / f"{name}-{now.date()}.json"
        before = json.loads(path.read_text(encoding="utf-8")) if parts and path.exists() else {}
        path.write_text(_text(merged(before, whole, parts)), encoding="utf-8")


def merged(before: dict[str, Any], now: dict[str, Any], parts: Collection[str]) -> dict[str, Any]:
    """What was measured now, with those parts of the result before that it lacks."""
    left = [part for part in parts if part in before and part not in now]
    if not left:
        return now
    circumstances = {key: value for key, value in before.items() if key not in {"benchmark", "earlier", *parts}}
    known = before.get("earlier", {})
    earlier = {part: known.get(part, circumstances) for part in left}
    return {**now, **{part: before[part] for part in left}, "earlier": earlier}


def _text(result: dict[str, Any]) -> str:
    return json.dumps(rounded(result), indent=1, ensure_ascii=False) + "\n"
