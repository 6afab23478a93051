"""What is looked at before runs are launched: data, memory, time, disk, and the model's weights. For a thread."""

import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from tui.plan.launch import Wish
from workbench.errors import InvalidError, WorkbenchError
from workbench.plan.plan import Plan
from workbench.report.numbers import count, duration, size
from workbench.report.plain import visible
from workbench.run.layout import Home
from workbench.run.record import RunRecord

_HASH = re.compile(r'"plan_hash": "(\w+)"')


@dataclass(frozen=True, slots=True)
class Finding:
    """`mark` is ✓ for fine, ! for a warning, ✗ for what keeps the runs from being made."""

    mark: str
    text: str

    def __str__(self) -> str:
        return f"{self.mark} {self.text}"


def preflight(home: Home, plan: Plan, wish: Wish) -> list[Finding]:
    """The checks of `workbench run`, one after the other; the first that fails ends them."""
    found = [_weights(plan)]
    try:
        records, said = _records(home, plan, wish)
    except WorkbenchError as error:
        problems = error.problems[:3]
        lines = [f"{problem.where}: {problem.message}" for problem in problems] or [error.title]
        return [*found, *(Finding("✗", line) for line in lines), *([Finding(" ", error.hint)] if error.hint else [])]
    except OSError as error:
        return [*found, Finding("✗", str(error))]
    return [*found, *_names(home, plan), *said, _memory(records), _time(home, records), _disk(home, records)]


def _weights(plan: Plan) -> Finding:
    if plan.map.download:
        return Finding("✗", f"the weights are not on this machine: {plan.map.download}")
    return Finding("✓", f"model {plan.model}, {count(plan.trainable_params)} trainable parameters")


def _names(home: Home, plan: Plan) -> list[Finding]:
    """A warning where runs of another content have this plan's name: results tell them apart by a hash alone."""
    if not any(found != plan.hash for found in _hashes_of(home, plan.name)):
        return []
    name = visible(plan.name)
    said = f"runs of other contents are called {name}, too: W gives this plan a name of its own"
    return [Finding("!", f"{said}, else it is {name}#{plan.hash[:6]} in results")]


def _hashes_of(home: Home, name: str) -> Iterator[str]:
    """Of the runs of plans with that name. A record names hundreds of sites, so it is looked through, not read."""
    named = f'"plan": {json.dumps(name, ensure_ascii=False)},'
    for run_dir in home.run_dirs():
        with suppress(OSError, UnicodeDecodeError):
            text = run_dir.record.read_text(encoding="utf-8")
            if named in text and (found := _HASH.search(text)):
                yield found[1]


def _records(home: Home, plan: Plan, wish: Wish) -> tuple[list[RunRecord], list[Finding]]:
    """The runs as the command would make them, and what the data say of themselves."""
    from workbench.cli.launching import predicted_memory, resolved_recipe
    from workbench.data.load import load_data
    from workbench.plan.fingerprint import model_fingerprint
    from workbench.run.identity import make_record
    from workbench.run.recipe_file import load_recipe

    name, recipe = load_recipe(wish.recipe, home, wish.changes)
    data = load_data(recipe)
    recipe = resolved_recipe(recipe, data)
    said = [*(Finding("✓", line) for line in data.said), *(Finding("!", line) for line in data.warnings)]
    if recipe.warmup_steps >= (recipe.steps or 0) > 1 and recipe.schedule != "constant":
        said.append(Finding("!", f"{recipe.warmup_steps} of {recipe.steps} steps are warm-up"))
    if plan.map.download:
        raise InvalidError("nothing can be run without the weights", f"download them once: {plan.map.download}")
    fingerprint = model_fingerprint(plan.map.path, home.cache)
    memory = predicted_memory(plan, recipe).parts()
    seeds = wish.seeds[:1] if plan.reference else wish.seeds
    return [make_record(plan, name, recipe, data, fingerprint, seed, memory, "") for seed in seeds], said


def _memory(records: list[RunRecord]) -> Finding:
    from workbench.run.gpus import list_gpus
    from workbench.run.host_memory import available_memory

    gpus = list_gpus()
    free = min(gpu.free_bytes for gpu in gpus) if gpus else available_memory()
    needed = records[0].predicted_bytes["total"]
    where = gpus[0].name if gpus else "memory"
    said = f"about {size(needed)} each, {size(free)} free ({where})"
    return Finding("✓", said) if needed <= free else Finding("!", f"{said}: lower batch, or max_length")


def _time(home: Home, records: list[RunRecord]) -> Finding:
    from workbench.cli.study_estimates import estimate_time

    try:
        time = estimate_time(home, records[0].model_fingerprint, records)
    except WorkbenchError as error:
        return Finding(" ", f"time not known: {error.title}")
    steps = records[0].recipe["steps"]
    if time.seconds is None:
        return Finding(" ", f"{steps:,} steps each; time not known: {time.source}")
    return Finding(
        "✓", f"{steps:,} steps each, about {duration(time.seconds)} in all one after the other; {time.source}"
    )


def _disk(home: Home, records: list[RunRecord]) -> Finding:
    from workbench.cli.preflight import disk_bytes

    needed, folder = sum(map(disk_bytes, records)), _there(home)
    disk = os.statvfs(folder)
    free = disk.f_bavail * disk.f_frsize
    return Finding("✓" if needed <= free else "!", f"about {size(needed)} on disk at most, {size(free)} free")


def _there(home: Home) -> str:
    return str(next(path for path in (home.path, *home.path.parents) if path.is_dir()))


def blocks(found: list[Finding]) -> bool:
    return any(finding.mark == "✗" for finding in found)
