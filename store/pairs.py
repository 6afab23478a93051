"""Which runs of two sides belong together, example by example: those with one seed."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from store.connection import Connection, reading
from store.selection import Key, matching, number_runs
from workbench.errors import NotFoundError, UsageError
from workbench.run.layout import Home

_RUNS = f"""
select run_id, name, seed, reference, f.attempt, {", ".join(Key._fields)}
from candidate join finished_attempts f using (run_id) where place in (select unnest($places)) order by place
"""

_PARTS = {
    "plan": "plans",
    "plan_hash": "contents",
    "recipe_hash": "recipes",
    "data_hash": "data",
    "model_fingerprint": "models",
}


@dataclass(frozen=True, slots=True)
class SideRun:
    """A finished run of one side, and its last finished attempt."""

    run_id: str
    name: str
    seed: int
    reference: bool
    attempt: int
    key: Key


@dataclass(frozen=True, slots=True)
class RunPair:
    """A run of A and a run of B that are compared with each other."""

    a: SideRun
    b: SideRun

    @property
    def seed(self) -> int:
        """The seed of both; a reference run, which draws nothing, takes its partner's."""
        return self.b.seed if self.a.reference else self.a.seed


@dataclass(frozen=True, slots=True)
class Pairing:
    """The pairs in the order of their seeds, and what was left out or does not quite fit."""

    pairs: tuple[RunPair, ...]
    warnings: tuple[str, ...]


def pair_runs(home: Home, a: str, b: str) -> Pairing:
    """Pairs the finished runs that two words name (each a run or a plan) on their common seeds.

    A reference run goes with every seed of the other side, and two single runs with each other whatever their seeds.
    Raises NotFoundError for a side without a finished run and for sides without a common seed, UsageError for a plan
    that was run in several ways and for two equal sides, and as `reading`.
    """
    with reading(home) as connection:
        number_runs(connection)
        of_a, left_a = _side(connection, a)
        of_b, left_b = _side(connection, b)
    if shared := {run.run_id for run in of_a.values()} & {run.run_id for run in of_b.values()}:
        raise UsageError(f"'{a}' and '{b}' both name run {min(shared)}", "name two different runs or plans")
    pairs = _pairs(of_a, of_b)
    if not pairs:
        raise NotFoundError(
            f"{a} and {b} have no seed in common: {_seeds(of_a)} and {_seeds(of_b)}",
            f"run one of them with a seed of the other: workbench run PLAN --recipe RECIPE --seed {min(of_a)}",
        )
    return Pairing(tuple(pairs), (*left_a, *left_b, *_unpaired(a, of_a, b, of_b, pairs), *_unlike(pairs[0])))


def _side(connection: Connection, word: str) -> tuple[dict[int, SideRun], list[str]]:
    """The finished runs of a word by seed, and a warning for those that are not finished."""
    found = matching(connection, word)
    places = [run.place for run in found if run.finished]
    rows = connection.execute(_RUNS, {"places": places}).fetchall()
    runs = {row[2]: _run(row) for row in rows}
    if not runs:
        raise NotFoundError(f"'{word}' has no finished run", "see the states: workbench runs list")
    all_runs = [_run(row) for row in rows]
    if differing := _differing(run.key for run in all_runs):
        raise UsageError(
            f"'{word}' was run with different {differing}",
            f"name one of them, or a run's identifier:\n{_labels(all_runs)}",
        )
    left = len(found) - len(places)
    return runs, [f"{word}: {left} of {len(found)} runs left out, as not finished"] if left else []


def _run(row: tuple[Any, ...]) -> SideRun:
    run_id, name, seed, reference, attempt, *key = row
    return SideRun(run_id, name, seed, reference, attempt, Key(*key))


def _pairs(a: dict[int, SideRun], b: dict[int, SideRun]) -> list[RunPair]:
    if len(a) == len(b) == 1 or any(run.reference for run in (*a.values(), *b.values())):
        return [RunPair(a[i], b[j]) for i in sorted(a) for j in sorted(b)]
    return [RunPair(a[seed], b[seed]) for seed in sorted(a.keys() & b.keys())]


def _unpaired(a: str, of_a: dict[int, SideRun], b: str, of_b: dict[int, SideRun], pairs: list[RunPair]) -> list[str]:
    used = {run.run_id for pair in pairs for run in (pair.a, pair.b)}
    warnings = []
    for word, runs in ((a, of_a), (b, of_b)):
        alone = {seed: run for seed, run in runs.items() if run.run_id not in used}
        warnings += [f"{word}: {_seeds(alone)} left out, as the other side does not have it"] if alone else []
    [first, *_] = pairs
    if first.a.seed != first.b.seed and not (first.a.reference or first.b.reference):
        warnings.append(
            f"the seeds differ ({first.a.seed} and {first.b.seed}): part of the difference is chance of them"
        )
    return warnings


def _unlike(pair: RunPair) -> list[str]:
    """A warning where more than the plans differ; that they have the same examples is checked with the examples."""
    like = pair.b.key._replace(plan=pair.a.key.plan, plan_hash=pair.a.key.plan_hash, data_hash=pair.a.key.data_hash)
    differing = _differing((pair.a.key, like))
    return [f"the runs had different {differing}: they differ for that reason too"] if differing else []


def _differing(keys: Iterable[Key]) -> str:
    """What differs between these, in words; empty where nothing does."""
    each = list(keys)
    return " and ".join(word for part, word in _PARTS.items() if len({getattr(key, part) for key in each}) > 1)


def _labels(runs: list[SideRun]) -> str:
    """A line per way: its label, and its runs."""
    ids: dict[Key, list[str]] = {}
    for run in runs:
        ids.setdefault(run.key, []).append(run.run_id)
    return "\n".join(f"{key.plan}#{key.short} (runs {', '.join(members)})" for key, members in ids.items())


def _seeds(runs: dict[int, SideRun]) -> str:
    return f"seed{'s' if len(runs) > 1 else ''} {', '.join(map(str, sorted(runs)))}"
