"""A home with a study whose runs all finished: logs as the trainer writes them, with values of a given law."""

import json
import random
from collections.abc import Callable
from dataclasses import asdict

from benchmarks.store_home import log_lines
from store.ingest import ingest
from workbench.cli.study_ready import ReadyStudy, install, make_ready
from workbench.run.layout import Home
from workbench.run.record import RunRecord
from workbench.study.members import add_members, design_of, members_file
from workbench.study.study import load_study

# Metrics and values by arm and seed; None for a run that has not finished.
Law = Callable[[RunRecord, str], dict[str, float] | None]
EXAMPLES = 240


def fill_study(home: Home, ref: str, law: Law, steps: int = 20) -> ReadyStudy:
    """Enters every run of a study of the home and writes what a trainer would have left; then all is ingested."""
    study = install(load_study(ref, home), home)
    ready = make_ready(study, home)
    members = list(ready.expansion.members)
    metric, baseline = study.file.metric, ready.expansion.baseline.name
    add_members(members_file(home, study.name), design_of(ready.expansion, ready.grounds), baseline, metric, members)
    for member, record in zip(members, ready.records(members), strict=True):
        if home.run_dir(record.run_id).path.is_dir():
            continue  # another study of this home has it, too
        _write(home, record, law(record, member.arm), steps)
    ingest(home)
    return ready


def _write(home: Home, record: RunRecord, values: dict[str, float] | None, steps: int) -> None:
    run_dir = home.run_dir(record.run_id)
    run_dir.path.mkdir(parents=True)
    run_dir.record.write_text(json.dumps(asdict(record)), encoding="utf-8")
    draw = random.Random(record.run_id)
    lines = [line for line in log_lines(record.run_id, record.sites, steps, draw) if '"kind": "eval"' not in line]
    if values is None:
        run_dir.events.write_text("".join(lines[: steps // 2]), encoding="utf-8")
        return
    evals = [_eval(record.run_id, steps, name, value) for name, value in values.items()]
    run_dir.events.write_text("".join([*lines[: steps + 1], *evals, *lines[steps + 1 :]]), encoding="utf-8")
    if "exact_match" in values:
        run_dir.predictions(1).write_text(_predictions(steps, values["exact_match"], draw), encoding="utf-8")


def _eval(run_id: str, step: int, name: str, value: float) -> str:
    higher = name.partition("@")[0] not in ("loss",)
    fields = {"step": step, "evaluator": name, "values": {name: value}, "n": EXAMPLES, "higher_is_better": higher}
    head = {"v": 1, "run_id": run_id, "attempt": 1, "seq": 1000, "t": 1.79e9, "mono": 6000.0, "kind": "eval"}
    return json.dumps({**head, **fields}) + "\n"


def _predictions(step: int, share: float, draw: random.Random) -> str:
    rows = [
        {
            "step": step,
            "index": index,
            "prompt": "a",
            "target": "b",
            "output": "b",
            "correct": draw.random() < share,
            "loss": 0.5,
        }
        for index in range(EXAMPLES)
    ]
    return "".join(json.dumps(row) + "\n" for row in rows)
