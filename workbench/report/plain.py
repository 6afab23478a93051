"""Text from data, logs and files made fit for a terminal: no control characters, no endless lines."""

import unicodedata

ELLIPSIS = " … "
_NAMED = {"\n": "↵", "\t": "⇥"}
_JOINERS = "\u200c\u200d"  # part of words and of emoji, and harmless


def visible(text: str) -> str:
    """The text in one line. Line ends and tabs are shown as ↵ and ⇥; what a terminal might obey as \\x1b, \\u202e."""
    if text.isascii() and text.isprintable():  # most texts, and lists have thousands of them
        return text
    return "".join(_NAMED.get(char) or (char if _is_harmless(char) else _escaped(char)) for char in text)


def shorten(text: str, cells: int) -> str:
    """The text in one line of at most that many terminal cells: its head, and a third of the room for its tail."""
    from rich.cells import cell_len, set_cell_size

    if len(text) <= 2 * cells and cell_len(shown := visible(text)) <= cells:
        return shown
    room = cells - cell_len(ELLIPSIS)
    head, tail = room - room // 3, room // 3
    # No character takes less than no cell: so many of them are always enough, and never too many.
    end = set_cell_size(visible(text[-cells:])[::-1], tail)[::-1]
    return set_cell_size(visible(text[:cells]), head).rstrip() + ELLIPSIS + end.lstrip()


def folded(text: str, width: int, lines: int) -> list[str]:
    """The text in at most `lines` lines of `width` cells, shortened in the middle where it needs more."""
    from rich.cells import chop_cells

    return chop_cells(shorten(text, width * lines - lines + 1), width) or [""]


def _is_harmless(char: str) -> bool:
    category = unicodedata.category(char)
    return category[0] not in "CZ" or category == "Zs" or char in _JOINERS


def _escaped(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
