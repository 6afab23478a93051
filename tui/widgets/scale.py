"""The one scale of colours for values: light to dark brown, read without telling hues apart."""

from functools import lru_cache

from rich.style import Style
from textual.color import Color, Gradient

_SHADES = Gradient.from_colors("#f7f4f0", "#e3c08a", "#b5701d", "#6b3a06")
_STEPS = 200


def shade(level: float) -> Style:
    """Ground and ink of a place on the scale, which goes from 0 to 1; the ink is black or white, whatever is read."""
    return _shade(round(min(1.0, max(0.0, level)) * _STEPS))


@lru_cache(maxsize=_STEPS + 1)
def _shade(step: int) -> Style:
    ground = _SHADES.get_color(step / _STEPS)
    ink = Color.parse("#000000" if ground.brightness > 0.5 else "#ffffff")
    return Style(color=ink.rich_color, bgcolor=ground.rich_color)
