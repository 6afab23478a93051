"""Lines of a widget that were painted already, for scrolling: Textual makes every line anew."""

from textual.widget import Widget


class PaintedLines:
    """What a widget's lines look like now, border and colours included, and which of them are out of date.

    Private to Textual, of which one version is pinned. Without this class all is painted alike, in twice the time.
    """

    def __init__(self, widget: Widget) -> None:
        self._widget = widget
        self._lines = dict(widget._styles_cache._cache)
        self._outdated = set(widget._styles_cache._dirty_lines)

    def move(self, rows: int, fixed: int) -> None:
        """After the widget was scrolled down by so many rows. The first `fixed` lines of its content stay."""
        top = self._widget.content_offset.y
        first, end = top + fixed, top + self._widget.size.height
        for y in range(top, first):
            self._keep(y, y)
        for y in range(max(first, first - rows), min(end, end - rows)):
            self._keep(y, y + rows)

    def _keep(self, y: int, source: int) -> None:
        if source in self._lines and source not in self._outdated:
            self._widget._styles_cache._cache[y] = self._lines[source]
            self._widget._styles_cache._dirty_lines.discard(y)
