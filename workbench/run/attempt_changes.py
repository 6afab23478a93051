"""Keys of the recipe that may be set for another attempt at a run: those that make it no other experiment."""

from collections.abc import Mapping, Sequence
from typing import Any

from workbench.errors import UsageError
from workbench.nearest import nearest
from workbench.run.record import RunRecord
from workbench.run.retry import has_dropout

# The other changeable keys follow from these: `accumulation` from `batch`, as the effective batch has to stay.
SETTABLE = ("batch", "gradient_checkpointing", "checkpoint_every", "checkpoint_keep")


def read_changes(texts: Sequence[str], record: RunRecord) -> dict[str, Any]:
    """What `KEY=VALUE` texts change. Raises UsageError for keys and values that would make another experiment."""
    found: dict[str, Any] = {}
    for text in texts:
        key, _, value = text.partition("=")
        if key not in SETTABLE:
            raise UsageError(f"'{key}' cannot be set for another attempt", _why_not(key))
        found |= _set(key, value.strip(), record)
    return found


def _why_not(key: str) -> str:
    return f"{nearest(key, SETTABLE)}; any other key makes another run: workbench run PLAN --recipe RECIPE --set {key}="


def _set(key: str, value: str, record: RunRecord) -> Mapping[str, Any]:
    if key == "gradient_checkpointing":
        if value not in ("true", "false"):
            raise UsageError(f"gradient_checkpointing is true or false, not '{value}'", f"{key}=true")
        return {key: value == "true"}
    if not value.isdecimal() or (key != "checkpoint_every" and int(value) == 0):
        raise UsageError(f"{key} is a whole number, not '{value}'", f"{key}=4")
    return _batch(int(value), record) if key == "batch" else {key: int(value)}


def _batch(batch: int, record: RunRecord) -> Mapping[str, Any]:
    effective = int(record.recipe["batch"]) * int(record.recipe["accumulation"])
    if has_dropout(record):
        raise UsageError("with dropout another batch is another experiment", "workbench run PLAN --set batch=N")
    if effective % batch:
        fitting = ", ".join(str(size) for size in range(1, effective + 1) if effective % size == 0)
        raise UsageError(f"micro-batches of {batch} do not make up the {effective} examples of a step", fitting)
    return {"batch": batch, "accumulation": effective // batch}
