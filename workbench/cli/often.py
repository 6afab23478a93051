"""What is asked for again and again, by people, prompts and loops, answered without loading Typer: `runs list`, `tui`.

Typer takes as long to load as a list of a thousand runs takes to make, or the first paint of the screens. Whatever else
was typed is left to it.
"""

from collections.abc import Sequence
from pathlib import Path

_LIST = ["runs", "list"]
_SCREENS = ["tui"]


def answer_at_once(words: Sequence[str]) -> bool:
    """Answers `[--home PATH]` with `runs list [--json]` or `tui [--model MODEL]`.

    False, with nothing done, for any other words.
    """
    home, rest = None, list(words)
    if len(rest) > 2 and rest[0] == "--home":
        home, rest = Path(rest[1]), rest[2:]
    if rest in (_LIST, [*_LIST, "--json"]):
        _list(home, as_json=rest != _LIST)
    elif rest[:1] == _SCREENS and (len(rest) == 1 or (len(rest) == 3 and rest[1] == "--model")):
        _open(home, rest[2] if len(rest) == 3 else "")
    else:
        return False
    return True


def _list(home: Path | None, as_json: bool) -> None:
    from workbench.cli.context import remember_home
    from workbench.cli.run_list import show_list

    remember_home(home)
    show_list(as_json)


def _open(home: Path | None, model: str) -> None:
    from workbench.cli.context import remember_home
    from workbench.cli.open_screens import open_screens

    remember_home(home)
    open_screens(model)
