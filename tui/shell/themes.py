"""Themes of our own, beside Textual's."""

from textual.theme import Theme

# Okabe and Ito's palette, https://jfly.uni-koeln.de/color/: told apart with every kind of colour vision.
COLOUR_BLIND = Theme(
    name="colour-blind",
    primary="#56b4e9",
    secondary="#0072b2",
    accent="#f0e442",
    warning="#e69f00",
    error="#d55e00",
    success="#009e73",
    foreground="#f2f2f2",
    background="#101418",
    surface="#181d22",
    panel="#232a31",
)
COLOUR_BLIND_LIGHT = Theme(
    name="colour-blind-light",
    primary="#0072b2",
    secondary="#56b4e9",
    accent="#d55e00",
    warning="#b37400",
    error="#a83f00",
    success="#007a59",
    foreground="#101010",
    background="#fafafa",
    surface="#f0f0f0",
    panel="#e2e2e2",
    dark=False,
)
HIGH_CONTRAST = Theme(
    name="high-contrast",
    primary="#ffffff",
    secondary="#00ffff",
    accent="#ffff00",
    warning="#ffb000",
    error="#ff6060",
    success="#00ff80",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#202020",
    luminosity_spread=0.3,
    text_alpha=1.0,
)
OURS = (COLOUR_BLIND, COLOUR_BLIND_LIGHT, HIGH_CONTRAST)
