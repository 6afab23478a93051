"""`runs list` as it is asked for again and again, by people, prompts and loops: answered without loading Typer.

Typer takes as long to load as a list of a thousand runs takes to make. Whatever else was typed is left to it.
"""

from collections.abc import Sequence
from pathlib import Path

_LIST = ["runs", "list"]


def answer_at_once(words: Sequence[str]) -> bool:
    """Answers `[--home PATH] runs list [--json]`; False, with nothing done, for any other words."""
    home, rest = None, list(words)
    if len(rest) > 2 and rest[0] == "--home":
        home, rest = Path(rest[1]), rest[2:]
    if rest not in (_LIST, [*_LIST, "--json"]):
        return False
    from workbench.cli.context import remember_home
    from workbench.cli.run_list import show_list

    remember_home(home)
    show_list(as_json=rest != _LIST)
    return True
