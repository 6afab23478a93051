"""What a terminal would obey, or write from right to left, never reaches it: last of all, wherever it came from.

Texts of others are shown by their escapes; this is for what a person pastes or opens in a line or an editor, whose
places in the text must stay what they are. Such characters take no cell, and are left out.
"""

import unicodedata

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter


def safe_text(text: str) -> str:
    """Without control characters, and without those that change the direction of writing."""
    return "".join(char for char in text if unicodedata.category(char) not in ("Cc", "Cf") or cell_len(char))


class SafeFilter(LineFilter):
    """Textual passes every rendered line of every widget through it."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [
            segment
            if segment.control or segment.text.isprintable()
            else Segment(safe_text(segment.text), segment.style)
            for segment in segments
        ]
