"""Which runs a comparison is about, from the words of a person."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from store.connection import Connection
from workbench.canonical import digest
from workbench.errors import NotFoundError, UsageError
from workbench.nearest import nearest

PREFIX_LENGTH = 4


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


@dataclass(frozen=True, slots=True)
class Candidate:
    """A run of the store, with what a comparison needs of it; oldest first wherever there are several."""

    run_id: str
    name: str
    key: Key
    seed: int
    trainable_params: int
    reference: bool
    finished: bool
    seconds: float | None
    peak_bytes: int | None
    adapter_bytes: int | None


def candidates(connection: Connection) -> list[Candidate]:
    """All runs, oldest first."""
    rows = connection.execute(
        """select run_id, name, plan, plan_hash, recipe_hash, data_hash, model_fingerprint, seed, trainable_params,
          reference, finished_attempt is not null, train_seconds, peak_bytes, adapter_bytes
        from run_summary order by created, run_id"""
    ).fetchall()
    return [Candidate(row[0], row[1], Key(*row[2:7]), *row[7:]) for row in rows]


def select(runs: Sequence[Candidate], words: Sequence[str]) -> tuple[list[Candidate], list[str]]:
    """The finished runs that the words name, each once, and a warning for each word that names others too.

    No words: all finished runs. Raises NotFoundError for a word that names nothing, or when nothing has finished.
    """
    if not words:
        return _finished_or_raise([run for run in runs if run.finished]), []
    chosen: dict[str, Candidate] = {}
    warnings = []
    for word in words:
        found = matching(runs, word)
        if unfinished := sum(not run.finished for run in found):
            warnings.append(f"{word}: {unfinished} of {len(found)} runs left out, as not finished")
        chosen |= {run.run_id: run for run in found if run.finished}
    return _finished_or_raise(list(chosen.values())), warnings


def matching(runs: Sequence[Candidate], word: str) -> list[Candidate]:
    """The runs of a run id, a plan name (also `name#hash6`), a run name, or the unique start of a run id.

    Raises NotFoundError with the nearest name, UsageError for a start that several run ids have.
    """
    for found in (
        [run for run in runs if run.run_id == word],
        [run for run in runs if run.key.plan == word],
        [run for run in runs if _is_labelled(run.key, word)],
        [run for run in runs if run.name == word],
    ):
        if found:
            return found
    started = [run for run in runs if run.run_id.startswith(word)] if len(word) >= PREFIX_LENGTH else []
    if len(started) > 1:
        raise UsageError(f"several runs start with '{word}'", ", ".join(run.run_id for run in started))
    if started:
        return started
    raise unknown(word, (name for run in runs for name in (run.key.plan, run.name, run.run_id)))


def unknown(word: str, known: Iterable[str]) -> NotFoundError:
    """The error for a word that names no run."""
    hint = nearest(word, dict.fromkeys(known))
    return NotFoundError(f"no run or plan is called '{word}'", hint if len(hint) < 200 else "see: workbench runs list")


def _is_labelled(key: Key, word: str) -> bool:
    plan, _, short = word.rpartition("#")
    return plan == key.plan and len(short) == 6 and short in (key.plan_hash[:6], key.short)


def _finished_or_raise(chosen: list[Candidate]) -> list[Candidate]:
    if not chosen:
        raise NotFoundError("no finished run to compare", "see their states: workbench runs list")
    return chosen
