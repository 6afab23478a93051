"""Words of the Compare screen about a result, an error and a query. Without Textual."""

import re
from collections.abc import Mapping

from tui.compare.asking import Answer, Shelf
from tui.compare.chart.points import COUNTS, FEW
from tui.compare.parameters import options
from tui.widgets.result_table import ResultTable
from workbench.errors import UsageError, WorkbenchError
from workbench.report.numbers import seconds
from workbench.report.plain import visible

CUT = " · cut, there are more"
NEEDED = 2  # finished runs, for a comparison
_OF_THE_COMMAND = ("--study", "--plans", "--metric", "--baseline", "--group")


def result_title(rows: int, shown: int, cut: bool, took: float) -> str:
    """Tells apart the rows that are shown, those that were fetched, and a result that had more than these."""
    time = f" · {seconds(took)}" if took >= 1 else f" · {1000 * took:.0f} ms"
    if shown < rows:
        said = f"{shown:,} of {rows:,} fetched · cut" if cut else f"{shown:,} shown of {rows:,} rows"
        return f"Result: {said} · L all{time}"
    return f"Result: {rows:,} {'row' if rows == 1 else 'rows'}{CUT if cut else ''}{time}"


def few_text(table: ResultTable) -> str:
    """How many rows rest on too few runs to be told from chance; "" for none, and where no column counts."""
    counted = next((i for name in COUNTS for i, found in enumerate(table.columns) if found == name), None)
    if counted is None:
        return ""
    few = sum(isinstance(row[counted], int) and row[counted] < FEW for row in table.rows)
    return f" · {few:,} of them with n < {FEW}" if few else ""


def error_text(error: WorkbenchError) -> str:
    """The error's own words, DuckDB's among them, line by line: its caret stands where DuckDB put it."""
    lines = [*error.title.split("\n"), *error.hint.split("\n")]
    for problem in error.problems:
        lines += str(problem).split("\n")
    if any(word in error.hint for word in _OF_THE_COMMAND):
        lines.append("here: p, then study=NAME or plans, metric=NAME, baseline=NAME, group=NAME")
    return "\n".join(visible(line) for line in lines if line.strip())


def missing_value(error: WorkbenchError) -> str | None:
    """The parameter that a lens cannot do without, where the error says which value to name."""
    found = re.match(r"--(study|metric|baseline|group)\b", error.hint) if isinstance(error, UsageError) else None
    return found[1] if found else None


def sql_title(values: dict[str, str | None]) -> str:
    """What stands above the editor."""
    given = [f"${name}={visible(value)}" if value is not None else f"${name}: none" for name, value in values.items()]
    return " · ".join(["SQL", "read-only", *given])


def shelf_title(shelf: Shelf) -> str:
    """What there is to compare, at the top of the screen."""
    runs = f"{shelf.finished} finished {'run' if shelf.finished == 1 else 'runs'}"
    count = len(shelf.studies)
    studies = "no study" if not count else f"study {visible(shelf.studies[0])}" if count == 1 else f"{count} studies"
    return f"Compare   {runs} · {studies}"


def empty_text(shelf: Shelf) -> str:
    """What stands where there is no result yet."""
    if shelf.finished < NEEDED:
        need = f"{NEEDED} finished runs needed (have {shelf.finished}); preview with sample data: t"
        return f"{need}\n1 composes a plan, R there runs it; 2 shows the runs."
    return "i goes to the lenses, enter runs one.\ns goes to the SQL, F5 runs it."


def lonely_text(shelf: Shelf, values: Mapping[str, str | None]) -> str:
    """What to do where a baseline has nothing beside it; "" where there is something, or no baseline is asked for."""
    if len(shelf.arms) != 1 or "baseline" not in values:
        return ""
    alone = f"only {visible(shelf.arms[0])} has finished runs, so there is nothing to compare"
    return f"{alone}: 1, change some layers, R runs them too (sample: t)"


def choices_text(shelf: Shelf) -> str:
    """The values that the parameters of lenses can have."""
    parts = [("study", shelf.studies), ("metric", shelf.metrics), ("baseline", shelf.arms)]
    said = [f"{name}: {', '.join(values)}" for name, values in parts if values]
    return "; ".join([*said, "group: all, type, band, type,band, module, block, @NAME", "plans: all finished runs"])


def words(answer: Answer, lens: str | None) -> list[str]:
    """Those of the command that gives the same rows: the lens's, else the SQL with its values written out."""
    return ["sql", answer.sql.strip()] if lens is None else ["lens", "run", lens, *options(answer.values)]
