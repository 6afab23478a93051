"""`workbench serve`: the screens in a browser."""

from typing import Annotated

import typer

from workbench.cli.context import current_home


def serve(
    port: Annotated[int, typer.Option(help="The port to listen on; 0 takes any free one.")] = 8000,
    host: Annotated[
        str, typer.Option(help="A name of this machine itself: 127.0.0.1, localhost or ::1.")
    ] = "127.0.0.1",
    model: Annotated[
        str,
        typer.Option(
            help="What the Plan screen begins with: demo, a local folder, or a hub id.",
            show_default="the plan that was left, else demo",
        ),
    ] = "",
    only_ascii: Annotated[bool, typer.Option("--ascii", help="No other glyphs, for fonts that lack them.")] = False,
    sample: Annotated[
        bool, typer.Option("--sample", help="Begin with the sample study; 0 returns to your own home.")
    ] = False,
) -> None:
    """Show the screens in a browser on this machine. The printed address opens once; Ctrl-C ends it, and runs go on."""
    from tui.serve.server import command_of
    from tui.serve.server import serve as serve_screens

    serve_screens(command_of(current_home(), model, only_ascii, sample), host, port, _say)


def _say(address: str) -> None:
    print(address, flush=True)
    print("opens once, in one browser of this machine; Ctrl-C ends the screens, runs go on", flush=True)
