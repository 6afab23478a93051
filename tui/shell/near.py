"""Paints what has changed, and looks at nothing else: a key on the map is to be answered in a few milliseconds."""

from collections.abc import Iterable

from textual._compositor import Compositor
from textual.geometry import Region
from textual.strip import Strip


class NearCompositor(Compositor):
    """Of a part of the screen, Textual's own asks every widget in sight for all of its lines, however far away.

    Private to Textual, of which one version is pinned. Without this class all is painted alike, in twice the time.
    """

    def _get_renders(self, crop: Region | None = None) -> Iterable[tuple[Region, Region, list[Strip]]]:
        """Each widget that has something in the part: its region, where it is seen, and its lines there."""
        if crop is None:
            yield from super()._get_renders()
            return
        for widget, (region, clip) in self.visible_widgets.items():
            # Lines are left out, columns are not: the places where a line is cut are those of whole widgets.
            seen = clip.intersection(Region(clip.x, crop.y, clip.width, crop.height))
            part = region.intersection(seen)
            if part and crop.overlaps(part):
                yield region, seen, widget.render_lines(part.translate((-region.x, -region.y)))
