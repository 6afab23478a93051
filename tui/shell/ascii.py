"""Every glyph as ASCII of the same width, for terminals and fonts that have no others."""

import unicodedata
from collections.abc import Mapping
from functools import lru_cache

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

_GLYPHS = {
    "●○◆◇■□▲△▼▽★☆◉◌": "*o##xo^^vv@@*o",
    "▶▸›»▷►◀◂‹«◁◄": ">>>>>><<<<<<",
    "✓✔✗✘✕": "++xxx",
    "·•∙⋅…⋮⋯┊┋╎": "...~.:~:::",
    "×÷−–—‐‑‒―±≈≃∼≤≥≠∞√": "x/-------~~~~<>!~v",
    "←→↑↓↔↕↵⏎⇥⇧⌫␣": "<>^v-|$$>^<_",
    "“”„‘’‚′″°µ": "\"\"\"''''\"ou",
    "λΔδΣσαβμπ∂": "lddSsabmpd",
    "²³¹⁰½¼¾": "2310???",
    "▁▂▃▄▅▆▇█": "_.-:=+*#",
    "▏▎▍▌▋▊▉▐▕▔▀": "||||####|-=",
    "░▒▓": ".:%",
}
_DOTS = " .:::**##"  # by the number of dots of a braille cell


def _table() -> Mapping[str, str]:
    table = {char: sign for glyphs, signs in _GLYPHS.items() for char, sign in zip(glyphs, signs, strict=True)}
    table |= {chr(0x2800 + dots): _DOTS[dots.bit_count()] for dots in range(256)}
    return table | {chr(code): _line(code) for code in range(0x2500, 0x2580) if chr(code) not in table}


def _line(code: int) -> str:
    """A glyph of box drawing: level, upright, or both."""
    name = unicodedata.name(chr(code))
    level = any(word in name for word in ("HORIZONTAL", "LEFT", "RIGHT"))
    upright = any(word in name for word in ("VERTICAL", "UP", "DOWN"))
    return "+" if level and upright else "-" if level else "|" if upright else "+"


_TABLE = _table()


@lru_cache(8192)
def to_ascii(text: str) -> str:
    """The text in ASCII, in as many cells; `?` for each cell of what has no likeness."""
    if text.isascii():
        return text
    found = "".join(map(_char, text))
    cells = cell_len(text)
    return found if len(found) == cells else found[:cells].ljust(cells, "?")


def _char(char: str) -> str:
    if char.isascii():
        return char
    if char in _TABLE:
        return _TABLE[char]
    base = unicodedata.normalize("NFKD", char)[:1]
    cells = cell_len(char)
    return base if cells == 1 and base.isascii() and base.isprintable() else "?" * cells


class AsciiFilter(LineFilter):
    """Textual passes every rendered line of every widget through it."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [
            segment if segment.control or segment.text.isascii() else Segment(to_ascii(segment.text), segment.style)
            for segment in segments
        ]


def needs_ascii(environment: Mapping[str, str], encoding: str) -> bool:
    """Whether a terminal shows ASCII alone: by its kind, its locale, or the encoding of the stream to it."""
    if environment.get("TERM") in ("linux", "dumb"):
        return True
    locale = next(filter(None, map(environment.get, ("LC_ALL", "LC_CTYPE", "LANG"))), "")
    names_other = "." in locale and _plain(locale.partition(".")[2].partition("@")[0]) != "utf8"
    return names_other or locale in ("C", "POSIX") or _plain(encoding) != "utf8"


def _plain(encoding: str) -> str:
    return encoding.lower().replace("-", "").replace("_", "")
