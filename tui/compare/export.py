"""A result as a file: CSV and JSON with every digit, Markdown for people, Parquet with types, SVG of its chart."""

import json
from collections.abc import Callable
from pathlib import Path

from tui.compare.asking import Answer, write_parquet
from tui.compare.chart.draw import draw
from tui.compare.chart.drawing import UNICODE
from tui.compare.chart.svg import svg
from workbench import atomic
from workbench.cli.query_rows import rounded, row_objects, rows_table
from workbench.errors import UsageError, WorkbenchError
from workbench.nearest import nearest

_WIDTH, _HEIGHT = 96, 28
COPIED = 100_000  # characters that terminals take into the clipboard without dropping them


def export(answer: Answer, text: str) -> str:
    """Writes the rows at hand to the file of that name and says what was written.

    The ending tells the form; a name that ends in `!` replaces a file. Raises WorkbenchError, UsageError.
    """
    path = Path(text.removesuffix("!").strip()).expanduser()
    write = _WRITERS.get(path.suffix.lower())
    if write is None:
        raise UsageError(f"'{path.suffix or path.name}' is no form of export", nearest(path.suffix, _WRITERS))
    if path.exists() and not text.endswith("!"):
        raise UsageError(f"{path} exists", "choose another name, or end it in ! to replace the file")
    if not path.parent.is_dir():
        raise UsageError(f"{path.parent} is no folder", "name a file in one that exists")
    try:
        write(path, answer)
    except OSError as error:
        raise WorkbenchError(f"{path} cannot be written ({error.strerror})", "name another place") from error
    rows = f"{len(answer.table.rows):,} rows"
    return f"wrote {path}: {rows}" + (", the result had more: it was cut at the limit" if answer.cut else "")


def _csv(path: Path, answer: Answer) -> None:
    table = answer.table
    atomic.write_text(path, rows_table(table.columns, answer.types, table.rows).csv() + "\n")


def _json(path: Path, answer: Answer) -> None:
    table = answer.table
    text = json.dumps(row_objects(table.columns, table.rows), indent=1, ensure_ascii=False)
    atomic.write_text(path, text + "\n")


def _markdown(path: Path, answer: Answer) -> None:
    table = answer.table
    head = f"{answer.title}\n\n" if answer.title else ""
    cut = f"\n\nThe first {len(table.rows):,} rows of more." if answer.cut else ""
    text = rows_table(table.headings, answer.types, table.rows, _one_line).markdown()
    atomic.write_text(path, f"{head}{text}{cut}\n")


def _one_line(value: object) -> str:
    return " ".join(rounded(value).split())


def _svg(path: Path, answer: Answer) -> None:
    if answer.chart is None:
        raise UsageError("this result has no chart", "add a line `-- chart: points x=COLUMN y=COLUMN` above the query")
    lines = draw(answer.chart, answer.table.columns, answer.table.rows, _WIDTH, _HEIGHT, UNICODE)
    atomic.write_text(path, svg(lines, answer.title))


_WRITERS: dict[str, Callable[[Path, Answer], None]] = {
    ".csv": _csv,
    ".json": _json,
    ".md": _markdown,
    ".parquet": write_parquet,
    ".svg": _svg,
}


def tsv(answer: Answer) -> tuple[str, str]:
    """The rows for the clipboard with every digit, tabs between values, and how many of them it holds, in words."""
    lines, length = ["\t".join(answer.table.headings)], 0
    for row in answer.table.rows:
        line = "\t".join("" if value is None else " ".join(str(value).split()) for value in row)
        length += len(line) + 1
        if length > COPIED:
            break
        lines.append(line)
    copied, total = len(lines) - 1, len(answer.table.rows)
    beyond = "" if copied == total else f" of {total:,}: no more fit a terminal's clipboard; w writes all"
    return "\n".join(lines) + "\n", f"copied {copied:,} rows{beyond}"
