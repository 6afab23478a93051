"""Text into the terminal's clipboard, with a word about it."""

from textual.widget import Widget

from workbench.report.plain import visible

_TOLD = 200


def copy_text(widget: Widget, text: str, said: str = "") -> None:
    """Copies the text and says so: `said`, else the text itself."""
    widget.app.copy_to_clipboard(text)
    widget.notify(said or f"copied: {visible(text[:_TOLD])}", markup=False)
