"""Which runs a comparison is about, from the words of a person."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from store.connection import Connection
from workbench.canonical import digest
from workbench.errors import NotFoundError, UsageError
from workbench.nearest import nearest

PREFIX_LENGTH = 4

# Every run, numbered from the oldest: a comparison works on these places, as ten thousand of them are lighter to
# hand about than ten thousand runs.
_CANDIDATES = """
create temp table candidate as
select row_number() over (order by created, run_id)::integer as place, run_id, name, plan, plan_hash, recipe_hash,
  data_hash, model_fingerprint, seed, trainable_params, reference, f.run_id is not null as finished, train_seconds,
  peak_bytes, adapter_bytes
from runs left join finished_attempts f using (run_id)
"""
_FINISHED = "create temp table named as select place, place as position from candidate where finished"
_NAMED = """
create temp table named as
select unnest($places) as place, generate_subscripts($places, 1)::integer as position
"""
_MATCHING = "select place, finished from candidate where {condition} order by place"
_LABELLED = """
select place, finished, plan, plan_hash, recipe_hash, data_hash, model_fingerprint
from candidate where plan = ? order by place
"""


class Key(NamedTuple):
    """What must be equal for two runs to be seeds of one thing."""

    plan: str
    plan_hash: str
    recipe_hash: str
    data_hash: str
    model_fingerprint: str

    @property
    def short(self) -> str:
        """Six hex digits for the whole of it."""
        return digest(list(self), 6)


class Candidate(NamedTuple):
    """A run by its place among all, the oldest first."""

    place: int
    finished: bool


def number_runs(connection: Connection) -> None:
    """Makes the table `candidate` of this connection: all runs, which everything else here reads."""
    connection.execute(_CANDIDATES)


def select(connection: Connection, words: Sequence[str]) -> list[str]:
    """Makes the table `named`: the places of the finished runs that the words name, each once, in that order.

    No words: all finished runs. Returns a warning for each word that names other runs too. Raises NotFoundError for
    a word that names nothing, or when nothing has finished.
    """
    chosen: list[Candidate] = []
    warnings = []
    for word in words:
        found = matching(connection, word)
        if unfinished := sum(not run.finished for run in found):
            warnings.append(f"{word}: {unfinished} of {len(found)} runs left out, as not finished")
        chosen += found
    if words:
        places = list(dict.fromkeys(run.place for run in chosen if run.finished))
        connection.execute(_NAMED, {"places": places})
    else:
        connection.execute(_FINISHED)
    if connection.execute("select count(*) from named").fetchall() == [(0,)]:
        raise NotFoundError("no finished run to compare", "see their states: workbench runs list")
    return warnings


def matching(connection: Connection, word: str) -> list[Candidate]:
    """The runs of a run id, a plan name (also `name#hash6`), a run name, a plan's hash, or the start of a run id.

    Raises NotFoundError with the nearest name, UsageError for a start that several run ids have.
    """
    found = (
        _fetch(connection, "run_id = ?", word)
        or _fetch(connection, "plan = ?", word)
        or _labelled(connection, word)
        or _fetch(connection, "name = ?", word)
        or _fetch(connection, "plan_hash = ?", word)
    )
    if not found and len(word) >= PREFIX_LENGTH:
        found = _fetch(connection, "starts_with(run_id, ?)", word)
        if len(found) > 1:
            raise UsageError(f"several runs start with '{word}'", ", ".join(_ids(connection, found[:8])))
    if not found:
        rows = connection.execute("select plan, name, run_id from candidate order by place").fetchall()
        raise unknown(word, (name for row in rows for name in row))
    return found


def unknown(word: str, known: Iterable[str]) -> NotFoundError:
    """The error for a word that names no run."""
    hint = nearest(word, dict.fromkeys(known))
    return NotFoundError(f"no run or plan is called '{word}'", hint if len(hint) < 200 else "see: workbench runs list")


def _fetch(connection: Connection, condition: str, *values: str) -> list[Candidate]:
    rows = connection.execute(_MATCHING.format(condition=condition), values).fetchall()
    return [Candidate(*row) for row in rows]


def _labelled(connection: Connection, word: str) -> list[Candidate]:
    """The runs of a plan that `name#hash6` tells from its namesakes."""
    plan, _, short = word.rpartition("#")
    if not plan or len(short) != 6:
        return []
    rows = connection.execute(_LABELLED, [plan]).fetchall()
    return [Candidate(*row[:2]) for row in rows if short in (row[3][:6], Key(*row[2:]).short)]


def _ids(connection: Connection, runs: list[Candidate]) -> list[str]:
    places = [run.place for run in runs]
    rows = connection.execute("select run_id from candidate where place in ? order by place", [places]).fetchall()
    return [run_id for (run_id,) in rows]
