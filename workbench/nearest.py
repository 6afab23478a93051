"""Suggests what a person probably meant."""

from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str:
    """`did you mean 'x'?` for the closest known word, else the list of what is known."""
    import difflib  # only a wrong word needs it

    options = list(known)
    close = difflib.get_close_matches(word, options, n=1, cutoff=0.6)
    return f"did you mean '{close[0]}'?" if close else f"known: {', '.join(options)}"
