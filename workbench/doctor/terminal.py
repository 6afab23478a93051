"""The terminal: what the screens and tables can count on."""

import os
import sys
from collections.abc import Iterator, Mapping

from workbench.doctor.check import Check, Place

_COLUMNS, _ROWS = 80, 24
_SMALL = f"make the window at least {_COLUMNS}×{_ROWS}"
_NO_UTF8 = "use a UTF-8 locale: export LANG=C.UTF-8"


def check_terminal(place: Place) -> Iterator[Check]:
    """Size, colours, encoding, and the multiplexer around it."""
    # While the screens stand, what prints is caught by something in the place of `sys.stdout` that has no encoding.
    encoding = getattr(sys.__stdout__, "encoding", None) or ""
    encoding = encoding.lower().replace("-", "")
    yield judge_terminal(terminal_size(), os.environ, encoding == "utf8")


def terminal_size() -> tuple[int, int] | None:
    """Columns and rows of the terminal, None where the output goes elsewhere."""
    for stream in (1, 2, 0):
        try:
            found = os.get_terminal_size(stream)
        except OSError:
            continue
        return found.columns, found.lines
    return None


def judge_terminal(size: tuple[int, int] | None, environment: Mapping[str, str], is_utf8: bool) -> Check:
    """`size` as columns and rows."""
    said = ["no terminal: output goes to a pipe or a file" if size is None else f"{size[0]}×{size[1]}"]
    said += [_colours(environment), "UTF-8" if is_utf8 else "not UTF-8", *_multiplexer(environment)]
    fixes = [_NO_UTF8] if not is_utf8 else []
    if size is not None and (size[0] < _COLUMNS or size[1] < _ROWS):
        fixes.append(_SMALL)
    if size is not None and environment.get("TERM", "dumb") == "dumb":
        fixes.append("set TERM, for instance to xterm-256color")
    return Check("terminal", "warning" if fixes else "ok", ", ".join(said), "; ".join(fixes))


def _colours(environment: Mapping[str, str]) -> str:
    term = environment.get("TERM", "dumb")
    if environment.get("NO_COLOR") or term == "dumb":
        return "no colours"
    if environment.get("COLORTERM") in ("truecolor", "24bit"):
        return "16 million colours"
    return "256 colours" if "256" in term else f"colours of {term}"


def _multiplexer(environment: Mapping[str, str]) -> list[str]:
    return [name for name, variable in (("in tmux", "TMUX"), ("in screen", "STY")) if environment.get(variable)]
