"""`workbench adapter`: what a finished run has trained, for use elsewhere."""

import typer

from workbench.cli.adapter_export import export
from workbench.cli.adapter_merge import merge

app = typer.Typer(help="Merge and export what a run has trained.", no_args_is_help=True)
app.command()(merge)
app.command()(export)


@app.callback()
def prepare() -> None:
    from workbench.train.libraries import prepare_offline

    # before any of these commands imports what trains
    prepare_offline()
