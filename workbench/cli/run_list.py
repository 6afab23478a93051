"""Gathers what `runs list` says: results from the store, states from files and locks."""

from typing import TYPE_CHECKING, Any

from workbench.cli.run_details import known_summaries, listed
from workbench.run.liveness import view_of

if TYPE_CHECKING:
    from workbench.run.layout import Home


def listed_runs(home: "Home") -> list[dict[str, Any]]:
    """A row per run, the newest first. Where the database is held by another program, without results."""
    if not home.path.is_dir():
        return []
    rows = []
    for summary in known_summaries(home):
        run_dir = home.run_dir(summary.run_id)
        if run_dir.path.is_dir():
            rows.append(listed(run_dir, summary, view_of(run_dir)))
    return rows
