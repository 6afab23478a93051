"""`workbench adapter`: what a finished run has trained, for use elsewhere."""

import typer

from workbench.cli.adapter_eval import evaluate
from workbench.cli.adapter_export import export
from workbench.cli.adapter_merge import merge

app = typer.Typer(help="Merge, export and evaluate what a run has trained.", no_args_is_help=True)
app.command()(merge)
app.command()(export)
app.command("eval")(evaluate)


@app.callback()
def prepare(context: typer.Context) -> None:
    if context.invoked_subcommand == "eval":
        return  # may be told to fetch, and decides itself
    from workbench.train.libraries import prepare_offline

    # before any of these commands imports what trains
    prepare_offline()
