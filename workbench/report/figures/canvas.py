"""Drawing without a screen: a style that no settings of the machine reach, and SVG text that is always the same."""

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from xml.sax.saxutils import quoteattr

import matplotlib
from matplotlib.figure import Figure as Drawing

from workbench.report.figures.palette import FAINT, HATCH, INK, SOFT
from workbench.report.figures.words import heading
from workbench.report.plain import visible

WIDTH = 9.3  # inches: 893 pixels of a page, whose text column is about 900
_TITLE_CHARACTERS = 9.5  # per inch, of the title's size in bold
_STYLE: dict[str, Any] = {
    "axes.edgecolor": SOFT,
    "axes.formatter.useoffset": False,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 9,
    "figure.constrained_layout.h_pad": 0.06,
    "figure.dpi": 72,  # that of SVG, so that what is measured is what is written
    "font.family": ["sans-serif"],
    "font.sans-serif": ["DejaVu Sans", "sans-serif"],  # the first is matplotlib's own and wider than most
    "font.size": 9,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "hatch.color": "#999999",
    "hatch.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "svg.fonttype": "none",
    "text.color": INK,
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
    "xtick.color": SOFT,
    "xtick.labelcolor": INK,
    "ytick.color": SOFT,
    "ytick.labelcolor": INK,
}
_METADATA = re.compile(r"\s*<metadata>.*?</metadata>", re.DOTALL)
_GROUP_ID = re.compile(r'<g id="[^"]*"')


@contextmanager
def drawing(name: str) -> Iterator[None]:
    """A clean style for one figure. matplotlib's settings are the process's own: draw in one thread at a time."""
    style: Any = {key: value for key, value in matplotlib.rcParamsDefault.items() if not key.startswith("backend")}
    style |= {**_STYLE, "svg.hashsalt": name}
    with warnings.catch_warnings(), matplotlib.rc_context(style):
        # The page's fonts have what ours lacks: text stays text.
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        yield


def blank(title: str, height: float, width: float = WIDTH) -> Drawing:
    """An empty sheet of that size in inches, with its title at the upper left."""
    sheet = Drawing(figsize=(width, height), layout="constrained")
    sheet.suptitle(heading(title, int(width * _TITLE_CHARACTERS)), x=0.01, ha="left", fontsize=10.5, fontweight="bold")
    return sheet


def svg_text(sheet: Drawing, alt: str) -> str:
    """The sheet as one `<svg>` element that shrinks with its page, without dates, versions and ids of groups."""
    out = io.StringIO()
    sheet.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    element = _GROUP_ID.sub("<g", _METADATA.sub("", text[text.index("<svg ") :]))
    spoken = f'<svg role="img" aria-label={quoteattr(visible(alt))} style="max-width:100%;height:auto" '
    return spoken + element.removeprefix("<svg ").rstrip() + "\n"


def hatched(axes: Any) -> None:
    """Hatches the whole plane of the axes: what is drawn over it leaves the missing cells hatched."""
    axes.patch.set(facecolor="#F6F6F6", edgecolor="#999999", linewidth=0, hatch=HATCH)
