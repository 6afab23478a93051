"""A lens: a named SQL query with a title and, if it helps, a chart, as its file says it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from store.lenses.chart import Chart, ChartProblem, read_chart
from store.lenses.placeholders import placeholders
from workbench.errors import InvalidError, Problem
from workbench.nearest import nearest

PARAMETERS = ("study", "metric", "baseline", "group")
KEYS = ("name", "title", "chart", "needs")
SUFFIX = ".sql"
_HEAD_LINE = re.compile(r"--\s*(\w+)\s*:\s*(.*)")


@dataclass(frozen=True, slots=True)
class Lens:
    """A query with `$parameters`. `needs` are those that must have a value; the others may be NULL.

    `sql` starts in line `first_line` of `path`, below a head that may hold `remarks`, too. `built_in` tells those that
    come with the program.
    """

    name: str
    title: str
    chart: Chart | None
    needs: tuple[str, ...]
    parameters: tuple[str, ...]
    remarks: tuple[str, ...]
    sql: str
    first_line: int
    path: Path
    built_in: bool


@dataclass(frozen=True, slots=True)
class _Entry:
    """The value of a key of the head, and where it stands."""

    value: str
    where: str


def slug(name: str) -> str:
    """The name as a file has it: `type × depth map` and `Type x depth map` are `type-x-depth-map`."""
    return "-".join(re.findall(r"\w+", name.lower().replace("×", " x ").replace("_", " ")))


def parse_lens(text: str, path: Path, built_in: bool = False) -> Lens:
    """Reads a lens from the text of its file: comment lines `-- title: ...` at the head, then one query.

    Raises one InvalidError with every problem of the head and of the parameters, by file and line.
    """
    head, sql, first_line = _split(text)
    problems: list[Problem] = []
    entries = _entries(head, path, problems)
    name, title = entries.get("name"), entries.get("title")
    chart = _chart(entries.get("chart"), problems)
    needs = _needs(entries.get("needs"), problems)
    parameters = _parameters(sql, path, first_line, problems)
    if problems:
        raise InvalidError(f"the lens in {path.name} cannot be read", problems=tuple(problems))
    called = name.value if name else path.stem.replace("-", " ")
    remarks = tuple(line for line in head if line.strip() and not _HEAD_LINE.fullmatch(line.strip()))
    return Lens(
        name=called,
        title=title.value if title else called,
        chart=chart,
        needs=needs,
        parameters=parameters,
        remarks=remarks,
        sql=sql,
        first_line=first_line,
        path=path,
        built_in=built_in,
    )


def _split(text: str) -> tuple[list[str], str, int]:
    """The lines of the head, the query below it, and in which line that starts, from 1."""
    lines = text.splitlines()
    length = next(
        (i for i, line in enumerate(lines) if line.strip() and not line.lstrip().startswith("--")), len(lines)
    )
    return lines[:length], "\n".join(lines[length:]).rstrip().removesuffix(";"), length + 1


def _entries(head: list[str], path: Path, problems: list[Problem]) -> dict[str, _Entry]:
    found: dict[str, _Entry] = {}
    for number, line in enumerate(head, start=1):
        if not (match := _HEAD_LINE.fullmatch(line.strip())):
            continue
        key, value, where = match[1].lower(), match[2].strip(), f"{path}:{number}"
        if key not in KEYS:
            problems.append(Problem(where, f"'{key}' is no key of a lens", f"{nearest(key, KEYS)}; notes go below"))
        elif key in found:
            problems.append(Problem(where, f"'{key}' stands here twice", "keep one of them"))
        else:
            found[key] = _Entry(value, where)
    return found


def _chart(entry: _Entry | None, problems: list[Problem]) -> Chart | None:
    if entry is None:
        return None
    try:
        return read_chart(entry.value)
    except ChartProblem as problem:
        problems.append(Problem(entry.where, problem.message, problem.hint))
        return None


def _needs(entry: _Entry | None, problems: list[Problem]) -> tuple[str, ...]:
    words = [word.strip() for word in entry.value.split(",")] if entry else []
    for word in words:
        if entry and word not in PARAMETERS:
            problems.append(Problem(entry.where, f"'{word}' is no parameter", nearest(word, PARAMETERS)))
    return tuple(words)


def _parameters(sql: str, path: Path, first_line: int, problems: list[Problem]) -> tuple[str, ...]:
    found = list(placeholders(sql))
    for place in found:
        if place.name not in PARAMETERS:
            where = f"{path}:{first_line + sql.count(chr(10), 0, place.start)}"
            hint = f"{nearest(place.name, PARAMETERS)}; any other value is written into the query"
            problems.append(Problem(where, f"${place.name} is no parameter of a lens", hint))
    return tuple(name for name in PARAMETERS if name in {place.name for place in found})


def lens_text(lens: Lens) -> str:
    """The file of a lens, with all that is known of it at its head."""
    return "\n".join([*_head(lens), *lens.remarks, lens.sql, ""])


def _head(lens: Lens) -> Iterator[str]:
    yield f"-- name: {lens.name}"
    yield f"-- title: {lens.title}"
    if lens.chart:
        yield f"-- chart: {lens.chart}"
    if lens.needs:
        yield f"-- needs: {', '.join(lens.needs)}"
