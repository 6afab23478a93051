"""`workbench adapter`: what a finished run has trained, for use elsewhere."""

import typer

from workbench.cli.adapter_eval import evaluate
from workbench.cli.adapter_export import export
from workbench.cli.adapter_merge import merge

app = typer.Typer(help="Merge, export and evaluate what a run has trained.", no_args_is_help=True)
app.command()(merge)
app.command()(export)
app.command("eval")(evaluate)
