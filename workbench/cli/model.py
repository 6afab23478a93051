"""`workbench model`: the map of a model, from its headers alone."""

from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli.context import print_json

if TYPE_CHECKING:
    from workbench.plan.model_map import ModelMap

app = typer.Typer(help="Look at a model without loading it.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keeps `show` a subcommand although it is the only one."""


@app.command()
def show(
    model: Annotated[str, typer.Argument(help="demo, a local model folder, or a hub id.")],
    revision: Annotated[str | None, typer.Option(help="Branch, tag or commit of a hub id.")] = None,
    quant: Annotated[
        str | None,
        typer.Option(
            metavar="FORMAT[,FORMAT…]",
            help="Measure what these base formats do to the weights, such as nf4,int4:32 (a block size after a colon). "
            "Reads all weights, one at a time.",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON; with --quant, the errors of every site.")
    ] = False,
) -> None:
    """Show the sites of a model: where adapters can go, with shapes, layer types and depths."""
    from workbench.plan.format_list import parse_formats
    from workbench.plan.model_map import load_map, map_json

    formats = parse_formats(quant) if quant is not None else ()
    model_map = load_map(model, revision)
    if not formats:
        print_json(map_json(model_map)) if as_json else print(_text(model_map))
        return
    from workbench.train.libraries import load_libraries

    load_libraries()
    from workbench.cli.model_quant import quant_json, quant_text
    from workbench.train.quant_error import measure_formats

    measured = measure_formats(model_map, formats)
    if as_json:
        print_json(quant_json(model_map, formats, measured))
    else:
        print(f"{_headline(model_map)}\n\n{quant_text(model_map, formats, measured)}")


def _text(model_map: "ModelMap") -> str:
    from workbench.report.numbers import count
    from workbench.report.table import Column, Table

    rows = []
    for module in model_map.modules:
        sites = [site for site in model_map.sites if site.module == module.name]
        if sites:
            shape = f"{sites[0].out_features} × {sites[0].in_features}"
            params = sum(site.params for site in sites)
            rows.append((module.name, module.short, module.layer_type, shape, str(len(sites)), count(params)))
    columns = [Column(name, "left") for name in ("module", "short", "type")]
    table = Table((*columns, Column("out × in"), Column("sites"), Column("parameters")), tuple(rows))
    lines = [
        _headline(model_map),
        "",
        table.text(),
        *[f"skipped {skipped.name}: {skipped.reason}" for skipped in model_map.skipped],
        *[f"warning: {warning}" for warning in model_map.warnings],
    ]
    return "\n".join(lines)


def _headline(model_map: "ModelMap") -> str:
    from workbench.report.numbers import count

    bands = [f"{band} {_blocks(model_map, band)}" for band in ("lower", "middle", "upper")]
    return (
        f"{model_map.model}: {model_map.architecture}, {model_map.blocks} blocks ({', '.join(bands)}), "
        f"{len(model_map.sites)} sites, {count(model_map.base_params)} parameters stored as {model_map.dtype}"
    )


def _blocks(model_map: "ModelMap", band: str) -> str:
    blocks = sorted({site.block for site in model_map.sites if site.band == band})
    if not blocks:
        return "–"
    return f"{blocks[0]}–{blocks[-1]}" if len(blocks) > 1 else str(blocks[0])
