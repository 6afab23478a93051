"""`workbench runs`: what was run, and what it wrote."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.context import current_home, print_json
from workbench.errors import NotFoundError

if TYPE_CHECKING:
    from store.runs import RunSummary
    from workbench.run.layout import Home, RunDir
    from workbench.run.liveness import RunView

app = typer.Typer(help="List runs, look at one, read its log.", no_args_is_help=True)

RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="A run's identifier, its start, or its name.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List the runs of this home, the newest first."""
    from workbench.cli.show_table import show_table
    from workbench.report.numbers import count, decimal, seconds
    from workbench.report.table import Column, Table

    rows = [_listed(summary, view) for summary, view in _known(current_home())]
    if as_json:
        print_json(rows)
        return
    if not rows:
        print("no runs yet: workbench run PLAN --recipe RECIPE, or workbench demo")
        return
    headings = ("run", "name", "status", "seed", "step", "trainable", "loss", "exact match", "time")
    cells = tuple(
        (
            row["run_id"],
            row["name"],
            _status_text(row),
            str(row["seed"]),
            f"{row['step'] or 0}/{row['steps'] or 0}",
            count(row["trainable_params"]),
            decimal(row["eval"].get("loss")),
            decimal(row["eval"].get("exact_match"), 3),
            seconds(row["device_seconds"]),
        )
        for row in rows
    )
    left = tuple(Column(name, "left") for name in headings[:3])
    show_table(Table((*left, *map(Column, headings[3:])), cells, keys=2))


def _known(home: "Home", ids: list[str] | None = None) -> list[tuple["RunSummary", "RunView"]]:
    from store.ingest import ingest
    from store.runs import summaries
    from workbench.run.liveness import view_of

    if not home.path.is_dir():
        return []
    ingest(home)
    return [(s, view_of(home.run_dir(s.run_id))) for s in summaries(home, ids) if home.run_dir(s.run_id).path.is_dir()]


def _listed(summary: "RunSummary", view: "RunView") -> dict[str, Any]:
    metrics = {name: getattr(summary, name) for name in ("loss", "token_accuracy", "exact_match")}
    row: dict[str, Any] = {
        "run_id": summary.run_id,
        "name": summary.name,
        "status": str(view.status),
        "attempt": view.attempt,
        "step": view.step,
        "steps": view.steps,
        "plan": summary.plan,
        "recipe": summary.recipe,
        "model": summary.model,
        "seed": summary.seed,
        "reference": summary.reference,
        "trainable_params": summary.trainable_params,
        "device": summary.device,
        "device_seconds": summary.device_seconds,
        "peak_bytes": summary.peak_bytes,
        "adapter_bytes": summary.adapter_bytes,
        "eval": {name: value for name, value in metrics.items() if value is not None},
        "created": f"{summary.created:%Y-%m-%dT%H:%M:%SZ}",
    }
    if view.failure:
        row["failure"] = {"class": view.failure.failure_class, "message": view.failure.message}
    return row


def _status_text(row: dict[str, Any]) -> str:
    return f"failed: {row['failure']['class']}" if row["status"] == "failed" else str(row["status"])


@app.command()
def show(run: RunArgument, as_json: Json = False) -> None:
    """Show one run: plan, recipe, results, costs, and what went wrong if something did."""
    home = current_home()
    run_dir, summary, view = _found(home, run)
    answer = _shown(run_dir, summary, view)
    if as_json:
        print_json(answer)
    else:
        print(_show_text(answer, run_dir))


def _found(home: "Home", word: str) -> tuple["RunDir", "RunSummary", "RunView"]:
    from store.runs import find_run

    known = _known(home)
    if not known:
        raise NotFoundError(f"no run '{word}': there are no runs in {home.path}", "workbench run, or workbench demo")
    run_id = find_run(home, word)
    for summary, view in known:
        if summary.run_id == run_id:
            return home.run_dir(run_id), summary, view
    raise NotFoundError(f"run {run_id}: its folder is gone", "forget it with `workbench db rebuild`")


def _shown(run_dir: "RunDir", summary: "RunSummary", view: "RunView") -> dict[str, Any]:
    from dataclasses import asdict

    from store.runs import final_evals
    from workbench.run.record import read_record

    record = read_record(run_dir.record)
    evaluations = final_evals(run_dir.home, run_dir.run_id)
    failure = view.failure
    return {
        **_listed(summary, view),
        "plan": record.plan_file,
        "plan_hash": record.plan_hash,
        "recipe": record.recipe,
        "data": record.data,
        "model_fingerprint": record.model_fingerprint,
        "predicted_bytes": record.predicted_bytes,
        "train_seconds": summary.train_seconds,
        "eval": {found.metric: found.value for found in evaluations},
        "adapter": str(run_dir.adapter) if run_dir.adapter.is_dir() else None,
        "failure": {"class": failure.failure_class, "message": failure.message, "fixes": _fixes(failure.hint)}
        if failure
        else None,
        "sites": [asdict(site) for site in record.sites],
    }


def _fixes(hint: str) -> list[str]:
    return [line for line in hint.splitlines() if line.strip()]


def _show_text(answer: dict[str, Any], run_dir: "RunDir") -> str:
    from workbench.report.numbers import count, decimal, seconds, size

    adapted = [site for site in answer["sites"] if site["method"] != "none"]
    lines = [
        f"{answer['name']}  {answer['run_id']}  {_status_text(answer)}, attempt {answer['attempt']}",
        f"plan       {answer['plan'].get('name', '')} {answer['plan_hash']} on {answer['model']}: "
        f"{len(adapted)} of {len(answer['sites'])} sites adapted, {count(answer['trainable_params'])} trainable",
        f"recipe     {answer['recipe']['steps']} steps of {answer['recipe']['batch']} × "
        f"{answer['recipe']['accumulation']} examples, lr {answer['recipe']['lr']:g}, seed {answer['seed']}",
        f"progress   step {answer['step'] or 0}/{answer['steps'] or 0} on {answer['device'] or '–'}",
        *[f"{name:<10} {decimal(value)}" for name, value in answer["eval"].items()],
        f"time       {seconds(answer['train_seconds'])} of steps, {seconds(answer['device_seconds'])} in all",
        f"memory     peak {size(answer['peak_bytes'])}, predicted {size(answer['predicted_bytes'].get('total'))}",
        f"adapter    {answer['adapter'] or '–'} ({size(answer['adapter_bytes'])})",
        f"folder     {run_dir.path}",
    ]
    if failure := answer["failure"]:
        lines += ["", f"{failure['class']}: {failure['message']}", *[f"  {fix}" for fix in failure["fixes"]]]
    return "\n".join(lines)


@app.command()
def logs(
    run: RunArgument,
    events: Annotated[bool, typer.Option(help="Print the event log instead of the trainer's output.")] = False,
    attempt: Annotated[int, typer.Option(help="Which attempt; 0 is the latest.", min=0)] = 0,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the run is over.")] = False,
) -> None:
    """Print what a run's trainer wrote."""
    run_dir, _summary, view = _found(current_home(), run)
    wanted = attempt or view.attempt
    path = run_dir.events if events else run_dir.out(wanted)
    if not path.is_file():
        raise NotFoundError(f"{path}: no such log", f"the run has {view.attempt} attempts")
    from workbench.cli.tail import print_log

    print_log(path, run_dir, follow)
