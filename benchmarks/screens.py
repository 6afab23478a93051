"""B9, the screens: first paint, a key's way to the screen, live runs, a long output, a large result, memory.

`python -m benchmarks.screens [--quick] [--keep]`. The program runs in a pseudo-terminal of 120 × 36 cells, over a model
of 128 blocks × 7 modules and a home of 1,000 runs of which 8 are at work.
"""

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.command_line import make_model
from benchmarks.common import ROOT, in_turn, publish, ratios
from benchmarks.operations_home import BusyHome, busy_home
from benchmarks.terminal import Terminal

PACKAGES = ("textual", "rich", "duckdb")
BLOCKS, RUNS, LIVE, LINES, ROWS = 128, 1000, 8, 20_000, 100_000
SIZE = (120, 36)
EMPTY = """
from textual.app import App
from textual.widgets import Footer, Static

class Empty(App):
    def compose(self):
        yield Static("nothing in here")
        yield Footer()

Empty().run()
"""
GRID = """
import asyncio, json, sys, time
from textual.app import App
from tui.widgets.result_grid import ResultGrid
from tui.widgets.result_table import result_table

names = ("run_id", "plan", "seed", "layer_type", "band", "loss")
types = ("VARCHAR", "VARCHAR", "INTEGER", "VARCHAR", "VARCHAR", "DOUBLE")
rows = tuple((f"{n:012x}", f"plan-{n % 50}", n % 5, "mlp", "upper", n / 7) for n in range(int(sys.argv[1])))

class Large(App):
    def compose(self):
        yield ResultGrid()

async def opened():
    async with Large().run_test(size=(120, 36)) as pilot:
        await pilot.pause()
        began = time.perf_counter()
        pilot.app.query_one(ResultGrid).show_table(result_table(names, types, rows), len(rows))
        await pilot.pause()
        shown = time.perf_counter() - began
        began = time.perf_counter()
        await pilot.press("G")
        return shown, time.perf_counter() - began

print(json.dumps([asyncio.run(opened()) for _ in range(int(sys.argv[2]))]))
"""


def measure(folder: Path, rounds: int, keys: int, seconds: float) -> dict[str, Any]:
    model = str(make_model(folder / "deep", BLOCKS))
    with busy_home(folder / "busy", RUNS, LIVE) as busy:
        found = {
            "first_paint": _first_paint(busy, model, folder, rounds),
            "key_to_paint_milliseconds": _keys(busy, model, keys),
            "large_result_seconds": _large_result(rounds),
        }
        return found | _at_work(busy, model, seconds)


def _first_paint(busy: BusyHome, model: str, folder: Path, rounds: int) -> dict[str, Any]:
    """From the start of the process to the cover and to the map, against an app that shows one line and a footer."""
    empty = folder / "empty.py"
    empty.write_text(EMPTY, encoding="utf-8")

    def ours() -> dict[str, float]:
        with _screens(busy, model) as terminal:
            return _painted(terminal, {"cover": "reading the draft", "map": f"{BLOCKS} blocks"})

    def theirs() -> dict[str, float]:
        with Terminal([sys.executable, str(empty)], {}, *SIZE) as terminal:
            return _painted(terminal, {"empty": "nothing in here"})

    ours()
    theirs()
    sides = in_turn({"screens": ours, "empty": theirs}, rounds)
    taken = {name: [found[name] for found in side] for side in sides.values() for name in side[0]}
    return {
        **{name: _spread(values) for name, values in taken.items()},
        **{f"{name}_to_empty": ratios(taken[name], taken["empty"]) for name in ("cover", "map")},
        "map_to_empty_processor": ratios(taken["map processor"], taken["empty processor"]),
    }


def _painted(terminal: Terminal, texts: Mapping[str, str]) -> dict[str, float]:
    """When each of these was painted, and the processor time until then."""
    found: dict[str, float] = {}
    for name, text in texts.items():
        found[name] = terminal.until(text)
        found[f"{name} processor"] = terminal.processor_seconds()
    return found


def _keys(busy: BusyHome, model: str, count: int) -> dict[str, Any]:
    """Of the map: moving in sight and past it, an area, a rank doubled and halved again, a rule more with every key.

    `all` is over the keys of all kinds.
    """
    edits = max(10, count // 5)
    with _screens(busy, model) as terminal:
        terminal.until(f"{BLOCKS} blocks")
        taken = {"moving": _typed(terminal, "jjjlkkhl", count)}
        terminal.echo("g")
        taken["scrolling"] = _scrolled(terminal)
        for key in "gv":
            terminal.echo(key)
        taken["choosing"] = _typed(terminal, "jk", count)
        taken["editing"] = _typed(terminal, "+-", edits)
        terminal.echo("\x1b")
        taken["adding rules"] = _added_rules(terminal, edits)
    seconds = [value for typed in taken.values() for value in typed.seconds]
    return {name: typed.told() for name, typed in taken.items()} | {"all": Typed(seconds).told()}


@dataclass(frozen=True, slots=True)
class Typed:
    """What every key took to the screen, in seconds, and all that the process did for one until it was still again."""

    seconds: list[float]
    processor: float | None = None

    def told(self) -> dict[str, float]:
        beside = {} if self.processor is None else {"processor_of_a_key": 1e3 * self.processor}
        return _latency(self.seconds) | beside


def _scrolled(terminal: Terminal) -> Typed:
    """Down to the last block; the first keys move within the window."""
    for _ in range(SIZE[1]):
        terminal.echo("j")
    return _typed(terminal, "j", BLOCKS - SIZE[1] - 1)


def _added_rules(terminal: Terminal, count: int) -> Typed:
    """Each edit is at another site, so that the draft has one more rule than before it."""
    taken = []
    for _ in range(count):
        taken.append(terminal.echo("+"))
        terminal.echo("j")
    return Typed(taken)


def _typed(terminal: Terminal, keys: str, count: int) -> Typed:
    """The keys over and over."""
    terminal.settle()
    before = terminal.processor_seconds()
    taken = [terminal.echo(keys[n % len(keys)]) for n in range(count)]
    terminal.settle()
    return Typed(taken, (terminal.processor_seconds() - before) / count)


def _at_work(busy: BusyHome, model: str, seconds: float) -> dict[str, Any]:
    """The Runs screen while runs log ten steps a second, and what the process has taken after every screen."""
    for run_dir in busy.live:
        lines = (f"{n} of {LINES} lines of output\n" for n in range(1, LINES + 1))
        run_dir.out(1).write_text("".join(lines), encoding="utf-8")
    with _screens(busy, model) as terminal:
        terminal.until(f"{BLOCKS} blocks")
        listed = terminal.answer("2", "running")
        terminal.until(f"{LINES} of {LINES} lines")
        output = terminal.answer("j", f"{LINES} of {LINES} lines")
        idle = terminal.processor_share(seconds)
        busy.log_steps(True, 0.1)
        terminal.processor_share(3)
        live = terminal.processor_share(seconds)
        busy.log_steps(False)
        compared = terminal.answer("3", "Lenses")
        return {
            "seconds_to_runs": listed,
            "seconds_to_long_output": output,
            "seconds_to_compare": compared,
            "processor_share": {"runs at work, silent": idle, "ten lines a second each": live},
            "peak_megabytes": terminal.peak_bytes() / 1e6,
        }


def _large_result(rounds: int) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", GRID, str(ROWS), str(rounds)], cwd=ROOT, text=True, stdout=subprocess.PIPE, check=True
    )
    shown, last = zip(*json.loads(done.stdout), strict=True)
    return {"rows": ROWS, "shown": _spread(shown), "to the last row": _spread(last)}


def _screens(busy: BusyHome, model: str) -> Terminal:
    command = [sys.executable, "-P", "-m", "workbench.cli.main", "--home", str(busy.home.path), "tui", "--model", model]
    return Terminal(command, {}, *SIZE)


def _latency(values: Sequence[float]) -> dict[str, float]:
    milliseconds = sorted(1e3 * value for value in values)
    return {
        "median": statistics.median(milliseconds),
        "p95": milliseconds[int(0.95 * (len(milliseconds) - 1))],
        "highest": milliseconds[-1],
        "keys": len(milliseconds),
    }


def _spread(values: Sequence[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "lowest": min(values), "highest": max(values)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="three rounds and 20 keys instead of ten and 200")
    parser.add_argument("--keep", action="store_true", help="write the result to benchmarks/results")
    chosen = parser.parse_args()
    rounds, keys, seconds = (3, 20, 5.0) if chosen.quick else (10, 200, 20.0)
    with TemporaryDirectory() as folder:
        found = measure(Path(folder), rounds, keys, seconds)
        publish("screens", {"rounds": rounds, "blocks": BLOCKS, "runs": RUNS, **found}, PACKAGES, chosen.keep)


if __name__ == "__main__":
    main()
