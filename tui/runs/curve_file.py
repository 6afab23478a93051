"""The curves that are drawn as a CSV file, every value as it was logged."""

import csv
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from tui.runs.curves import Line
from workbench import atomic
from workbench.errors import UsageError, WorkbenchError


@dataclass(frozen=True, slots=True)
class Shown:
    """The number that is drawn, and its line for each run: identifier and name, steps and values."""

    metric: str
    lines: tuple[tuple[str, str, Line], ...]

    @property
    def points(self) -> int:
        return sum(len(steps) for _, _, (steps, _) in self.lines)


def write_curves(shown: Shown, text: str) -> str:
    """Writes the file of that name and says so; a name that ends in `!` replaces one. Raises WorkbenchError."""
    path = Path(text.removesuffix("!").strip()).expanduser()
    if path.suffix.lower() != ".csv":
        raise UsageError(f"'{path.name}' is no CSV file", "a name that ends in .csv")
    if path.exists() and not text.endswith("!"):
        raise UsageError(f"{path} exists", "another name, or one that ends in ! to replace the file")
    if not path.parent.is_dir():
        raise UsageError(f"{path.parent} is no folder", "a file in one that exists")
    try:
        atomic.write_text(path, _csv(shown))
    except OSError as error:
        raise WorkbenchError(f"{path} cannot be written ({error.strerror})", "another place") from error
    return f"wrote {path}: {shown.points:,} points of {shown.metric}, {len(shown.lines)} runs"


def export_words(shown: Shown) -> list[str]:
    """The words after `workbench` that print the same points."""
    metric, run_ids = shown.metric, [run_id for run_id, _, _ in shown.lines]
    if metric.startswith("telemetry."):
        return ["runs", "logs", *run_ids[:1], "--events"]  # samples of the machine stay in the log
    ids = ", ".join(f"'{run_id}'" for run_id in run_ids)
    name = metric.replace("'", "''")
    table = "run_metrics" if not metric.startswith("eval.") else "evals"
    column = "name" if table == "run_metrics" else "metric"
    wanted = name.removeprefix("eval.")
    sql = f"select run_id, step, value from {table} where {column} = '{wanted}' and run_id in ({ids}) order by 1, 2"
    return ["sql", sql, "--csv", "--limit", "1000000"]


def _csv(shown: Shown) -> str:
    written = StringIO()
    rows = csv.writer(written, lineterminator="\n")
    rows.writerow(["run_id", "name", "metric", "step", "value"])
    for run_id, name, (steps, values) in shown.lines:
        rows.writerows(
            [run_id, name, shown.metric, step, repr(value)] for step, value in zip(steps, values, strict=True)
        )
    return written.getvalue()
