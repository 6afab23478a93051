"""Colours, markers and dashes: every series differs in all three, so that none of them alone has to be told apart."""

# Okabe and Ito, https://jfly.uni-koeln.de/color/ (2008), without the yellow, which is too light on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
DASHES = ("solid", (0, (6, 2)), (0, (2, 1.5)), (0, (7, 2, 1.5, 2)), (0, (4, 1.5, 1.5, 1.5, 1.5, 1.5)), (0, (1, 3)))
INK, SOFT, FAINT, PAPER = "#222222", "#666666", "#DDDDDD", "#FFFFFF"
HATCH = "////"


def colour(index: int) -> str:
    return COLOURS[index % len(COLOURS)]


def marker(index: int) -> str:
    return MARKERS[index % len(MARKERS)]


def ink_on(red: float, green: float, blue: float) -> str:
    """Black or white, whichever is read better on a colour with parts from 0 to 1 (WCAG 2.2, relative luminance)."""
    parts = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in (red, green, blue))
    luminance = sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), parts, strict=True))
    return INK if luminance > 0.213 else PAPER
