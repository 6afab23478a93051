"""Keeping a lens of one's own, once it was seen to run."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from store import schema
from store.connection import READER, Connection
from store.lenses.answer import ask
from store.lenses.lens import Lens, lens_text, parse_lens
from store.lenses.shelf import is_built_in, place
from store.lenses.values import resolve
from store.sandbox import SECONDS, lock_down, locked_down
from workbench import atomic
from workbench.errors import NotFoundError, UsageError
from workbench.run.layout import Home
from workbench.sample.mark import require_own


@dataclass(frozen=True, slots=True)
class Saved:
    """Where a lens was written, and how many rows it gave when it was tried; `stands_in` for a built-in one or not."""

    lens: Lens
    rows: int
    stands_in: bool


def save(
    home: Home, name: str, text: str, title: str | None = None, force: bool = False, source: str = "the SQL"
) -> Saved:
    """Writes `text` (SQL, with a lens's head or without) as the home's lens of that name, whole or not at all.

    It must run first: on the results of the home, or on an empty database where there are none. `title` takes the
    place of the text's own; `source` is what errors call the text. Raises UsageError where such a lens exists and
    `force` is not set, for a name that is none and for no SQL, InvalidError as `run`, in the sample, and as `reading`.
    """
    require_own(home)
    path = place(home, name)
    if path.exists() and not force:
        raise UsageError(f"{path} exists", "choose another name, or replace it with --force")
    lens = _named(parse_lens(text, Path(source)), name.strip(), title)
    rows = _try(home, lens)
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic.write_text(path, lens_text(lens))
    return Saved(replace(lens, path=path), rows, is_built_in(name))


def _named(lens: Lens, name: str, title: str | None) -> Lens:
    """The lens under its new name; without a title of its own, that is its title, too."""
    if not lens.sql.strip():
        raise UsageError("no SQL given for the lens", 'for example: workbench lens save mine --sql "from run_summary"')
    own = None if lens.title == lens.name else lens.title
    return replace(lens, name=name, title=title or own or name)


def _try(home: Home, lens: Lens) -> int:
    with _results(home) as connection:
        try:
            values, _ = resolve(connection, lens, {})
        except (UsageError, NotFoundError):
            values = dict.fromkeys(lens.parameters)
        return len(ask(connection, home, lens, values, limit=1000).rows)


@contextmanager
def _results(home: Home) -> Iterator[Connection]:
    if home.database.exists():
        with locked_down(home, SECONDS) as connection:
            yield connection
        return
    with duckdb.connect(config={**READER}) as connection:
        schema.create(connection)
        lock_down(connection, SECONDS)
        yield connection
