"""What the Runs screen says of its list as a whole."""

from collections.abc import Sequence

from tui.runs.row import RunRow
from workbench.report.plain import shorten, visible

LOADING = ("reading runs …",)
EMPTY = (
    "No runs yet.",
    "1 goes to the plan; R launches it there.",
    "t shows a finished sample study.",
    "Or in a shell: workbench demo",
)


def unread(why: str) -> tuple[str, ...]:
    """Said where nothing could be listed yet."""
    return ("The runs cannot be read:", visible(why), "They are asked for again every second.")


def no_match(text: str, runs: int) -> tuple[str, ...]:
    """Said where the filter lets none of so many runs through."""
    return (f"None of {runs} runs fits {shorten(text, 40)!r}.", "esc shows them all, / changes the filter.")


def title_of(rows: Sequence[RunRow], shown: Sequence[RunRow], filter_text: str) -> str:
    """`Runs 12 · 2 at work · 1 queued · 5 shown by …`."""
    work, queued = sum(row.live for row in rows), sum(row.status == "queued" for row in rows)
    parts = [f"Runs {len(rows)}", *([f"{work} at work"] if work else []), *([f"{queued} queued"] if queued else [])]
    if filter_text:
        parts.append(f"{len(shown)} shown by {shorten(filter_text, 40)}")
    return " · ".join(parts)
