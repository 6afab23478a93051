"""`workbench tui`, and `workbench` alone on a terminal: the screens."""

from typing import Annotated

import typer

from workbench.cli.open_screens import open_screens


def screens(
    model: Annotated[
        str,
        typer.Option(
            help="What the Plan screen begins with: demo, a local folder, or a hub id.",
            show_default="the plan that was left, else demo",
        ),
    ] = "",
    only_ascii: Annotated[
        bool | None,
        typer.Option("--ascii/--no-ascii", help="No other glyphs; chosen by the terminal and its locale if not said."),
    ] = None,
    sample: Annotated[
        bool, typer.Option("--sample", help="Begin with the sample study; 0 returns to your own home.")
    ] = False,
) -> None:
    """Open the screens: compose a plan, watch runs, compare. `workbench` alone does so, too, on a terminal."""
    open_screens(model, only_ascii, sample)
