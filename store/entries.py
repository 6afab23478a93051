"""Runs of one plan under one recipe, data and model, with a label that tells them apart."""

from collections.abc import Iterable
from dataclasses import dataclass

from store.selection import Candidate, Key

_PARTS = {
    "plan_hash": "contents",
    "recipe_hash": "recipes",
    "data_hash": "data",
    "model_fingerprint": "models",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """The runs of one key by seed. `label` is the plan's name, with `#hash6` where several keys have that name."""

    label: str
    key: Key
    reference: bool
    runs: dict[int, Candidate]

    @property
    def trainable_params(self) -> int:
        return next(iter(self.runs.values())).trainable_params


def entries_of(runs: Iterable[Candidate]) -> tuple[list[Entry], list[str]]:
    """The runs as entries, in the order of first appearance, with a warning for every ambiguous plan name.

    Of several runs with one key and seed the last in order holds.
    """
    by_key: dict[Key, dict[int, Candidate]] = {}
    for run in runs:
        by_key.setdefault(run.key, {})[run.seed] = run
    entries = []
    for key, members in by_key.items():
        same = [other for other in by_key if other.plan == key.plan]
        reference = all(run.reference for run in members.values())
        entries.append(Entry(_label(key, same), key, reference, members))
    return entries, _ambiguities(entries)


def _label(key: Key, same: list[Key]) -> str:
    """The plan's own hash where that tells the namesakes apart, else one of everything that may differ."""
    if len(same) == 1:
        return key.plan
    plan_hashes = {other.plan_hash[:6] for other in same}
    return f"{key.plan}#{key.plan_hash[:6] if len(plan_hashes) == len(same) else key.short}"


def _ambiguities(entries: list[Entry]) -> list[str]:
    warnings = []
    for plan in dict.fromkeys(entry.key.plan for entry in entries):
        same = [entry for entry in entries if entry.key.plan == plan]
        if len(same) > 1:
            differing = " and ".join(_differing(same))
            labels = ", ".join(entry.label for entry in same)
            warnings.append(f"plan '{plan}' was run with different {differing}; kept apart as {labels}")
    return warnings


def _differing(entries: list[Entry]) -> list[str]:
    return [word for part, word in _PARTS.items() if len({getattr(entry.key, part) for entry in entries}) > 1]


def mismatches(entries: list[Entry]) -> list[str]:
    """Warnings for plans whose figures differ for more reasons than the plan."""
    differing = [word for word in _differing(entries) if word != "contents"]
    return [f"the plans were run with different {word}: their figures differ for that reason too" for word in differing]
