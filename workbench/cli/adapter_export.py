"""`workbench adapter export`: a checkpoint for plain peft, with a model card."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli.context import print_json
from workbench.errors import InvalidError, NotFoundError, UsageError

if TYPE_CHECKING:
    from workbench.cli.adapter_run import AdaptedRun
    from workbench.plan.families import Family
    from workbench.report.loading import Loading
    from workbench.run.exported import Exported
    from workbench.train.export import Wanted


def export(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's identifier, its start, or its name.")],
    to: Annotated[Path, typer.Option(metavar="DIR", help="A new folder for the checkpoint.")],
    uniform: Annotated[
        bool, typer.Option("--uniform", help="One rank and alpha for all sites: for loaders that know no patterns.")
    ] = False,
    with_base: Annotated[
        str | None,
        typer.Option(metavar="DTYPE", help="Write DIR/base too, the base it was trained on: fp32 (exact) or bf16."),
    ] = None,
    onto: Annotated[
        str, typer.Option(help="trained: onto the base of the run. original: onto the original checkpoint.")
    ] = "trained",
    model: Annotated[Path | None, typer.Option(metavar="DIR", help="Where the model is now, if it moved.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a folder that this command wrote.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Export the adapter of a finished run as a LoRA checkpoint for plain peft, with a model card.

    Every method that adds a change to the weight exports exactly; others are refused, with what to do instead.
    """
    from workbench.cli.adapter_run import adapted_run
    from workbench.run.exported import check_place

    _check_words(with_base, onto)
    check_place(to, force)
    found = adapted_run(run, model, "export")
    family = _family(found, with_base is not None)
    from workbench.train.libraries import load_libraries

    load_libraries()
    from workbench.train.export import Wanted

    exported, loading = _write(found, Wanted(uniform, onto, with_base), family, to)
    if as_json:
        folder = {"folder": str(to), "name": found.record.name}
        print_json({**folder, **exported.to_json(), "belongs_on": loading.text, "python": loading.python})
        return
    _print(found, exported, loading, to)


def _check_words(with_base: str | None, onto: str) -> None:
    from workbench.nearest import nearest
    from workbench.run.exported import BASE_DTYPES, ONTO

    for option, word, known in (("--with-base", with_base, BASE_DTYPES), ("--onto", onto, ONTO)):
        if word is not None and word not in known:
            raise UsageError(f"{option} {word}: not known", nearest(word, known))
    if with_base and onto == "original":
        raise UsageError(
            "--with-base cannot stand beside --onto original: that base is the original checkpoint, which is there",
            "leave one of them out",
        )


def _family(found: "AdaptedRun", needed: bool) -> "Family | None":
    """The family of the run's model; None where the model is not at hand and nothing has to be read of it."""
    from workbench.cli.adapter_run import checked_family

    try:
        return checked_family(found)
    except (InvalidError, NotFoundError):
        if needed:
            raise
        return None


def _write(found: "AdaptedRun", wanted: "Wanted", family: "Family | None", to: Path) -> "tuple[Exported, Loading]":
    """Writes the folder whole or not at all."""
    import shutil

    fresh = to.with_name(f".{to.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    try:
        written = _fill(found, wanted, family, to, fresh)
        if to.exists():  # an export of this command, replaced because of --force
            shutil.rmtree(to)
        fresh.rename(to)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    return written


def _fill(
    found: "AdaptedRun", wanted: "Wanted", family: "Family | None", to: Path, fresh: Path
) -> "tuple[Exported, Loading]":
    from dataclasses import replace

    from workbench import atomic
    from workbench.report.loading import Surroundings, loading
    from workbench.report.model_card import CardFacts, model_card
    from workbench.run.events import read_events
    from workbench.run.exported import BASE, CARD
    from workbench.train.export import write_checkpoint
    from workbench.train.merged_folder import Source
    from workbench.train.trained_base import write_trained_base

    record = found.record
    exported = write_checkpoint(record, found.run_dir.adapter, wanted, fresh)
    if wanted.base and family:
        (fresh / BASE).mkdir()
        source = Source(record, found.run_dir.adapter, found.model, family)
        write_trained_base(source, wanted.base, fresh / BASE)
    events = [event for event in read_events(found.run_dir.events) if event["attempt"] == found.attempt]
    dtype = next((event["compute_dtype"] for event in events if event["kind"] == "started"), "float32")
    here = Surroundings(str(to), str(found.model), family, dtype)
    public = loading(record, exported, replace(here, adapter=to.name, model=found.model.name))
    atomic.write_text(fresh / CARD, model_card(CardFacts(record, events, exported, public)))
    return exported, loading(record, exported, here)


def _print(found: "AdaptedRun", exported: "Exported", loading: "Loading", to: Path) -> None:
    from textwrap import fill

    from workbench.cli.width import text_width
    from workbench.plan.compact import name_sites
    from workbench.report.numbers import size

    low, high = exported.ranks
    ranks = f"rank {high}" if low == high else f"ranks {low} to {high}"
    form = "DoRA" if exported.kind == "dora" else "LoRA"
    print(
        f"{to}: {found.record.name} as a {form} checkpoint of {exported.sites} sites, {ranks}, {size(exported.bytes)}"
    )
    print(fill(loading.text, text_width()))
    if exported.approximate:
        print(f"approximate at {len(exported.approximate)} sites: {name_sites(exported.approximate)}")
    print(f"\n{loading.python}")
