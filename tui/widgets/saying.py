"""Words on the screen that are told again and again: nothing is painted or laid out where they are the same."""

from typing import TYPE_CHECKING, cast

from rich.text import Text
from textual.widgets import Static

if TYPE_CHECKING:
    from textual.css.styles import RulesMap


def say(part: Static, words: str | Text) -> None:
    """Shows the words. The screen is laid out anew only where they need another height."""
    if part.content == words:
        return
    part.update(words, layout=False)
    width, height = part.content_size
    fits = not part.styles.auto_dimensions or (
        width and part.visual.get_height(cast("RulesMap", part.styles), width) == height
    )
    if not fits:
        part.refresh(layout=True)
