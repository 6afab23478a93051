"""`workbench adapter merge`: an adapter into the weights of its base, and what of it is left."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.context import print_json
from workbench.errors import UsageError

if TYPE_CHECKING:
    from workbench.plan.merge_target import Target
    from workbench.run.layout import RunDir
    from workbench.train.merge import Kept
    from workbench.train.merge_report import MergeReport
    from workbench.train.merged_folder import Source


def merge(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's identifier, its start, or its name.")],
    into: Annotated[str | None, typer.Option(help="int4, nf4, bf16 or fp32.")] = None,
    base: Annotated[str, typer.Option(help="quantized (as it was trained on) or original.")] = "quantized",
    to: Annotated[Path | None, typer.Option(metavar="DIR", help="A new folder for the merged model.")] = None,
    report: Annotated[bool, typer.Option("--report", help="Evaluate before and after, for every target.")] = False,
    model: Annotated[Path | None, typer.Option(metavar="DIR", help="Where the model is now, if it moved.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Merge the adapter of a finished run into its base.

    Into int4, the quantization-aware methods lose nothing. With --report, with or without --to, the run is evaluated as
    it is and after merging into every target, and what each layer group keeps of its change is shown.
    """
    if not to and not report:
        raise UsageError("nothing to do", "give --to DIR for the merged model, --report for what merging does, or both")
    if to and not into:
        raise UsageError("--to without --into", "one of --into int4, nf4, bf16, fp32")
    target = _target(into, base)
    run_dir, source = _source(run, model)
    answer: dict[str, Any] = {"run_id": run_dir.run_id}
    if to and target:
        kept = _write(source, target, to)
        answer["merged"] = {"folder": str(to), "target": target.name, **_kept_json(kept)}
        if not as_json:
            print(f"{to}: {source.record.name} merged into {target.name}")
            print(_said(kept))
    if report:
        found = _report(run_dir, source)
        answer["report"] = _report_json(found)
        if not as_json:
            _print_report(found, source)
    if as_json:
        print_json(answer)


def _target(into: str | None, base: str) -> "Target | None":
    from workbench.plan.merge_target import BASES, Target, read_target

    if base not in BASES:
        raise UsageError(f"--base {base}: no such base", f"one of {', '.join(BASES)}")
    if into is None:
        return None
    read_target(into)
    return Target(into, base)


def _source(word: str, model: Path | None) -> tuple["RunDir", "Source"]:
    """The run and what it was trained on. Refuses a run without adapter, and another base than its own."""
    from workbench.cli.adapter_run import adapted_run, checked_family
    from workbench.train.libraries import load_libraries

    found = adapted_run(word, model, "merge")
    family = checked_family(found)
    load_libraries()
    from workbench.train.merged_folder import Source

    return found.run_dir, Source(found.record, found.run_dir.adapter, found.model, family)


def _write(source: "Source", target: "Target", to: Path) -> dict[str, "Kept"]:
    """Writes the folder whole or not at all."""
    import shutil

    from workbench.plan.merge_target import check_target
    from workbench.train.merged_folder import write_merged

    if to.exists():
        raise UsageError(f"{to} exists already", "name a new folder, or remove it first")
    check_target(source.record.sites, target)
    fresh = to.with_name(f".{to.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    try:
        kept = write_merged(source, target, fresh)
        fresh.rename(to)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    return kept


def _said(kept: dict[str, "Kept"]) -> str:
    from workbench.report.numbers import percent
    from workbench.train.merge import total

    whole = total(kept.values())
    if whole.fraction is None:
        return "the adapter has learned nothing: the weights are as before"
    return f"{percent(whole.fraction)} of the change is kept, relative error {whole.error:.2g}"


def _report(run_dir: "RunDir", source: "Source") -> "MergeReport":
    from workbench.train.merge_report import report_merging

    return report_merging(run_dir, source)


def _print_report(found: "MergeReport", source: "Source") -> None:
    from workbench.cli.show_table import show_table
    from workbench.report.merging import group_table, site_table, summary_table

    for table in (summary_table(found), group_table(found, source.record), site_table(found)):
        print()
        show_table(table)
    for target in found.targets:
        if target.impossible:
            print(f"{target.target.name}: {target.impossible}")


def _kept_json(kept: dict[str, "Kept"]) -> dict[str, Any]:
    from workbench.train.merge import total

    whole = total(kept.values())
    return {
        "kept": whole.fraction,
        "error": whole.error,
        "sites": {site: {"kept": k.fraction, "error": k.error} for site, k in kept.items()},
    }


def _report_json(found: "MergeReport") -> dict[str, Any]:
    def values(evaluations: Any) -> dict[str, float]:
        return {e.evaluator: e.value for e in evaluations}

    return {
        "before": values(found.before),
        "targets": [
            {
                "target": t.target.name,
                "impossible": t.impossible,
                "eval": values(t.evaluations),
                **_kept_json(t.kept or {}),
            }
            for t in found.targets
        ],
    }
