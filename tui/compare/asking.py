"""What the Compare screen asks of the store, each in one function for a thread. Nothing here knows of the screen.

The store and with it DuckDB is imported when something is asked: the screens before that open without it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from tui.aside import ingested_aside
from tui.compare.chart.points import ChartAsked
from tui.compare.completion import Names
from tui.compare.parameters import Values
from tui.widgets.result_table import ResultTable, result_table
from workbench.errors import NotFoundError, WorkbenchError
from workbench.run.layout import Home

if TYPE_CHECKING:
    from store.stopping import Stop

HARD = 100_000
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LensEntry:
    """A lens of the list: the text of its file, or what is wrong with that."""

    name: str
    title: str
    text: str
    own: bool
    problem: str


@dataclass(frozen=True, slots=True)
class Shelf:
    """What there is to compare with. `notice` says what was wrong with the logs or the database, "" for nothing."""

    lenses: tuple[LensEntry, ...]
    names: Names = field(default_factory=Names)
    finished: int = 0
    studies: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    arms: tuple[str, ...] = ()
    notice: str = ""

    def values(self, name: str) -> tuple[str, ...]:
        """What a parameter of that name can be, as far as it is known."""
        return {"study": self.studies, "metric": self.metrics, "baseline": self.arms}.get(name, ())

    def lens_of(self, text: str) -> str | None:
        """The name of the lens whose text this is, unchanged."""
        return next((lens.name for lens in self.lenses if lens.text == text), None)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a query gave: `cut` where it had more rows than were fetched, `seconds` from asking to measured rows."""

    table: ResultTable
    types: tuple[str, ...]
    chart: ChartAsked | None
    title: str
    values: Values
    notes: tuple[str, ...]
    sql: str
    cut: bool
    seconds: float


def look(home: Home) -> Shelf:
    """Reads lenses and names, after the logs were taken in. Raises WorkbenchError, LockedError among them.

    A home without runs is left as it is: nothing is created by looking.
    """
    lenses = _lenses(home)
    if not home.runs.is_dir():
        return Shelf(lenses)
    from store.catalog import catalog

    said = ingested_aside(home)  # of a home that was never read, that is all of it
    found, notice = answered(home, lambda: catalog(home))
    names = Names(found.tables, found.functions, found.keywords)
    return Shelf(lenses, names, found.finished, found.studies, found.metrics, found.arms, said or notice)


def only_lenses(home: Home) -> Shelf:
    """The lenses alone, which are files: for a store that cannot be read."""
    return Shelf(_lenses(home))


def ask(home: Home, text: str, values: Values, pinned: str | None, stop: "Stop", seconds: float) -> Answer:
    """Runs one statement, after the logs were taken in; `pinned` is a run of the baseline.

    Raises WorkbenchError, QueryStoppedError among them.
    """
    if not home.runs.is_dir():
        raise NotFoundError("there are no runs here yet", "1 composes a plan, R there runs it")
    from store.lenses import run_text

    begun = time.monotonic()
    found, notice = answered(home, lambda: run_text(home, text, values, HARD, seconds, stop, pinned))
    stop.check()
    table = result_table(found.columns, found.types, found.rows)
    chart = ChartAsked(found.chart.kind, found.chart.columns) if found.chart else None
    return Answer(
        table=table,
        types=found.types,
        chart=chart,
        title=found.title,
        values=found.parameters,
        notes=(*filter(None, [notice]), *found.notes),
        sql=found.sql,
        cut=found.truncated,
        seconds=time.monotonic() - begun,
    )


def save(home: Home, name: str, text: str) -> str:
    """Keeps the text as a lens and says where; a name that ends in `!` replaces one. Raises WorkbenchError."""
    from store.lenses import save as save_lens

    try:
        saved = save_lens(home, name.removesuffix("!").strip(), text, force=name.endswith("!"), source="the editor")
    except WorkbenchError as error:
        if "--force" in error.hint:
            raise type(error)(error.title, "choose another name, or end it in ! to replace that lens") from error
        raise
    said = f"wrote {saved.lens.path}"
    return said + "; it stands in for the built-in lens" if saved.stands_in else said


def write_parquet(path: Path, answer: Answer) -> None:
    """Raises WorkbenchError."""
    from store.row_files import write_parquet as write

    write(path, answer.table.columns, answer.types, answer.table.rows)


def answered(home: Home, read: Callable[[], T]) -> tuple[T, str]:
    """What is read from the store, brought up to date before; damage that only reading meets is mended once."""
    from store.ingest import ingest
    from store.rebuild import rebuild
    from store.schema import StaleStoreError

    report = ingest(home)
    notice = "; ".join(filter(None, (report.notice, *report.warnings)))
    try:
        return read(), notice
    except StaleStoreError as stale:
        report = rebuild(home, stale.title)
    return read(), "; ".join(filter(None, (notice, report.notice, *report.warnings)))


def _lenses(home: Home) -> tuple[LensEntry, ...]:
    from store.lenses import known
    from store.lenses.lens import lens_text

    return tuple(
        LensEntry(
            name=listed.name,
            title=listed.lens.title if listed.lens else "cannot be read",
            text=lens_text(listed.lens) if listed.lens else "",
            own=not listed.built_in,
            problem=listed.problem,
        )
        for listed in known(home)
    )
