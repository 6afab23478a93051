"""The command line that does what a key did: what `Y` copies."""

import shlex
from collections.abc import Sequence

from workbench.run.layout import Home, find_home

_SPECIAL = frozenset('"$`\\!')  # what means something to a shell within double quotes


def command_line(home: Home, words: Sequence[str]) -> str:
    """These words after `workbench`, for a shell. The home is named where it is not the one that is found from here."""
    place = [] if find_home() == home else ["--home", str(home.path)]
    return " ".join(map(_quoted, ["workbench", *place, *words]))


def _quoted(word: str) -> str:
    """SQL has single quotes: it is easier to read in double ones."""
    return f'"{word}"' if "'" in word and _SPECIAL.isdisjoint(word) else shlex.quote(word)
