"""`workbench adapter eval`: EleutherAI's lm-eval on the model of a finished run."""

import os
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli.context import current_home, print_json
from workbench.errors import UsageError, WorkbenchError

if TYPE_CHECKING:
    from workbench.cli.adapter_run import AdaptedRun
    from workbench.train.lm_eval_run import TaskResult


def evaluate(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's identifier, its start, or its name.")],
    tasks: Annotated[str, typer.Option(metavar="NAME,...", help="Tasks of lm-eval, or of the folder of --include.")],
    include: Annotated[Path | None, typer.Option(metavar="DIR", help="A folder of task files of your own.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many examples of each task.")] = None,
    fewshot: Annotated[
        int | None, typer.Option(min=0, help="Solved examples in a prompt, if not the task's own.")
    ] = None,
    batch: Annotated[int, typer.Option(min=1, help="Examples at once.")] = 8,
    download: Annotated[bool, typer.Option("--download", help="Fetch what tasks need from the hub.")] = False,
    model: Annotated[Path | None, typer.Option(metavar="DIR", help="Where the model is now, if it moved.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Run EleutherAI's lm-eval on a finished run: its base in the plan's formats, with its adapter.

    Needs the extra: pip install 'adapter-workbench[lm-eval]'. Task files may name Python code, which is run.
    """
    names = tuple(dict.fromkeys(name.strip() for name in tasks.split(",") if name.strip()))
    if not names:
        raise UsageError("--tasks names none", "for example --tasks arc_easy,hellaswag")
    if include and not include.is_dir():
        raise UsageError(f"--include {include}: no such folder", "name the folder that the task files are in")
    if find_spec("lm_eval") is None:
        raise WorkbenchError("lm-eval is not installed", "pip install 'adapter-workbench[lm-eval]'")
    found = _run(run, model)
    if download:
        os.environ.setdefault("HF_HUB_OFFLINE", "0")
    from workbench.train.libraries import load_libraries

    load_libraries()
    from workbench.train.lm_eval_run import VERSION, Asking, run_lm_eval

    results = run_lm_eval(found.run_dir, found.record, found.model, Asking(names, include, limit, fewshot, batch))
    if as_json:
        head = {"run_id": found.record.run_id, "lm_eval": VERSION, "limit": limit, "fewshot": fewshot}
        print_json({**head, "results": [asdict(result) for result in results]})
    else:
        _show(results)


def _run(word: str, model: Path | None) -> "AdaptedRun":
    """The run with an adapter, or the reference run, whose base is that of its plan."""
    from workbench.cli.adapter_run import AdaptedRun, adapted_run, checked_family
    from workbench.cli.run_details import found_run
    from workbench.run.record import read_record

    run_dir, _summary, _view = found_run(current_home(), word)
    record = read_record(run_dir.record)
    if record.reference:
        found = AdaptedRun(run_dir, record, model or Path(record.model_path))
    else:
        found = adapted_run(word, model, "evaluate")
    checked_family(found)
    return found


def _show(results: "list[TaskResult]") -> None:
    from workbench.cli.show_table import show_table
    from workbench.report.numbers import ABSENT, decimal
    from workbench.report.table import Column, Table

    arrows = {True: "↑", False: "↓", None: ""}
    rows = tuple(
        (
            result.task,
            result.metric,
            decimal(result.value),
            arrows[result.higher_is_better],
            decimal(result.stderr),
            ABSENT if result.n is None else f"{result.n:,}",
        )
        for result in results
    )
    left = (Column("task", "left"), Column("metric", "left"))
    show_table(Table((*left, *map(Column, ("value", "", "standard error", "n"))), rows, keys=2))
