"""Finds a run and gathers everything that is known of it. What only one run needs is imported when it is asked for."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from workbench.cli.context import answered
from workbench.errors import LockedError
from workbench.run.checkpoints import checkpoint_bytes, complete_checkpoints, sizes_under

if TYPE_CHECKING:
    from store.history import AttemptLog, Evaluated
    from store.runs import RunSummary
    from workbench.report.failure_card import FailureCard
    from workbench.run.layout import Home, RunDir
    from workbench.run.liveness import RunView
    from workbench.run.record import RunRecord

_COSTS = ("train_seconds", "device_seconds", "adapter_bytes")


def found_run(home: "Home", word: str) -> tuple["RunDir", "RunSummary", "RunView"]:
    """The run of an identifier, its start, or a name. Raises NotFoundError and UsageError.

    Where another program holds the database, the summary is what the run's own files say.
    """
    from workbench.run.find import find_run
    from workbench.run.liveness import view_of
    from workbench.run.record import read_record

    run_dir = find_run(home, word)
    found, _ = results_of(home, [run_dir.run_id])
    return run_dir, found[0] if found else summary_of(read_record(run_dir.record)), view_of(run_dir)


def warn(error: LockedError) -> None:
    """Says that results are left out."""
    print(f"warning: {error.title}: results are left out", file=sys.stderr)


def results_of(
    home: "Home", ids: list[str], tell: Callable[[LockedError], None] = warn
) -> tuple[list["RunSummary"], bool]:
    """These runs as the store has them; False, and what their records say, where another program holds the database.

    `tell` is told who holds it.
    """
    from store.runs import summaries
    from workbench.run.record import read_record

    try:
        return answered(home, lambda: summaries(home, ids)), True
    except LockedError as error:
        tell(error)
    return [summary_of(read_record(home.run_dir(run_id).record)) for run_id in ids], False


def summary_of(record: "RunRecord") -> "RunSummary":
    """What a run's record alone says of it."""
    from dataclasses import fields
    from datetime import UTC, datetime

    from store.runs import RunSummary

    known: dict[str, Any] = {field.name: getattr(record, field.name, None) for field in fields(RunSummary)}
    given: dict[str, Any] = {
        "recipe": record.recipe_name,
        "steps": record.recipe.get("steps"),
        "predicted_bytes": record.predicted_bytes["total"],
        "created": datetime.fromtimestamp(record.created, UTC),
    }
    return RunSummary(**{**known, **given})


def listed(run_dir: "RunDir", summary: "RunSummary", view: "RunView") -> dict[str, Any]:
    """What `runs list` says of a run."""
    metrics = {name: getattr(summary, name) for name in ("loss", "token_accuracy", "exact_match")}
    columns: dict[str, Any] = {
        "run_id": summary.run_id,
        **_progress(run_dir, view),
        "plan": summary.plan,
        "plan_hash": summary.plan_hash,
        "recipe": summary.recipe,
        "model": summary.model,
        "seed": summary.seed,
        "reference": summary.reference,
        "trainable_params": summary.trainable_params,
        "device": summary.device,
        "device_seconds": summary.device_seconds,
        "peak_bytes": summary.peak_bytes,
        "adapter_bytes": summary.adapter_bytes,
        "eval": {name: value for name, value in metrics.items() if value is not None},
        "created": f"{summary.created:%Y-%m-%dT%H:%M:%SZ}",
    }
    return _with_failure(columns, view)


def renewed(row: dict[str, Any], run_dir: "RunDir", view: "RunView") -> dict[str, Any]:
    """The row of a run of which the store knows nothing new, as its files say that it is now."""
    before = {name: value for name, value in row.items() if name != "failure"}
    return _with_failure(before | _progress(run_dir, view), view)


def _with_failure(row: dict[str, Any], view: "RunView") -> dict[str, Any]:
    if view.failure:
        row["failure"] = {"class": view.failure.failure_class, "message": view.failure.message}
    return row


def _progress(run_dir: "RunDir", view: "RunView") -> dict[str, Any]:
    from workbench.run.find import name_of

    return {
        "name": name_of(run_dir),  # its record is as it was made; a person may call it otherwise since
        "status": str(view.status),
        "attempt": view.attempt,
        "step": view.step,
        "steps": view.steps,
        "checkpoint_bytes": checkpoint_bytes(run_dir),
        "disk_bytes": sum(sizes_under(run_dir.path)),
    }


def shown(run_dir: "RunDir", summary: "RunSummary", view: "RunView") -> tuple[dict[str, Any], "FailureCard | None"]:
    """What `runs show` says of a run, and its failure card if it failed.

    Evaluations, costs, audit and warnings are those of the last finished attempt, else of the last; the audit of the
    last one where that failed for it.
    """
    from dataclasses import asdict

    from store.history import speaking_attempt
    from workbench.report.failure_card import failure_card
    from workbench.run.record import read_record

    record, attempts = read_record(run_dir.record), _history(run_dir)
    speaking = speaking_attempt(attempts)
    evaluations = [_evaluation(found, speaking.attempt) for found in speaking.evaluations] if speaking else []
    latest = next((found for found in attempts if found.attempt == view.attempt), None)
    card = failure_card(run_dir, view, latest.ending if latest else None)
    answer = {
        **listed(run_dir, summary, view),
        "evidence": view.evidence,
        "checkpoints": [{"step": found.step, "bytes": found.bytes} for found in complete_checkpoints(run_dir)],
        "plan": record.plan_file,
        "plan_hash": record.plan_hash,
        "recipe": record.recipe,
        "recipe_name": record.recipe_name,
        "data": record.data,
        "model_fingerprint": record.model_fingerprint,
        "predicted_bytes": record.predicted_bytes,
        "train_seconds": summary.train_seconds,
        "eval": {found["metric"]: found["value"] for found in evaluations} if speaking and speaking.finished else {},
        "evaluations": evaluations,
        "costs": _costs(record, attempts, speaking),
        "audit": _audit(latest if card and card.failure_class == "audit_mismatch" else speaking),
        "attempts": _attempts(attempts, view),
        "warnings": list(speaking.warnings) if speaking else [],
        "adapter": str(run_dir.adapter) if run_dir.adapter.is_dir() else None,
        "folder": str(run_dir.path),
        "failure": card.to_dict() if card else None,
        "sites": [asdict(site) for site in record.sites],
    }
    return answer, card


def _evaluation(found: "Evaluated", attempt: int) -> dict[str, Any]:
    from dataclasses import asdict

    from workbench.study.wilson import share_interval

    return asdict(found) | {"attempt": attempt, "interval": share_interval(found.evaluator, found.value, found.n)}


def _history(run_dir: "RunDir") -> list["AttemptLog"]:
    from store.history import history

    try:
        return history(run_dir.home, run_dir.run_id)
    except LockedError:
        return []  # said already


def _costs(record: "RunRecord", attempts: list["AttemptLog"], speaking: "AttemptLog | None") -> dict[str, Any]:
    ending = (speaking.ending if speaking else None) or {}
    known = [found.seconds for found in attempts if found.seconds is not None]
    return {
        **{name: ending.get(name) for name in _COSTS},
        "seconds": sum(known) if known else None,
        "tokens_per_s": speaking.tokens_per_s if speaking else None,
        "memory": _memory(record, speaking.base_bytes if speaking else None, ending.get("peak_bytes")),
    }


def _memory(record: "RunRecord", base_bytes: int | None, peak_bytes: int | None) -> list[dict[str, Any]]:
    """Predicted and measured bytes by part. What is loaded is measured as one, and the rest only in its peak."""
    parts = dict(record.predicted_bytes)
    total = parts.pop("total")
    loaded = sum(parts.pop(name, 0) for name in ("base", "embeddings"))
    rows = [("base and embeddings", loaded, base_bytes), *((name, value, None) for name, value in parts.items())]
    return [{"part": p, "predicted": x, "measured": y} for p, x, y in (*rows, ("peak", total, peak_bytes))]


def _audit(attempt: "AttemptLog | None") -> dict[str, Any] | None:
    if attempt is None or attempt.audit is None:
        return None
    event = attempt.audit
    return {
        "attempt": attempt.attempt,
        "ok": bool(event.get("ok")),
        "sites": event.get("sites"),
        "trainable_params": event.get("trainable_params"),
        "differences": event.get("differences", []),
    }


def _attempts(logs: list["AttemptLog"], view: "RunView") -> list[dict[str, Any]]:
    """Every attempt with how it ended. One that left no ending and is not the latest is lost."""
    by_number = {found.attempt: found for found in logs}
    return [_attempt(number, by_number.get(number), view) for number in range(1, view.attempt + 1)]


def _attempt(number: int, log: "AttemptLog | None", view: "RunView") -> dict[str, Any]:
    from datetime import UTC, datetime

    ending = (log.ending if log else None) or {}
    unended = str(view.status) if number == view.attempt else "lost"
    started = datetime.fromtimestamp(log.started, UTC) if log and log.started is not None else None
    return {
        "attempt": number,
        "status": ending.get("kind", unended),
        "failure_class": ending.get("class"),
        "reason": ending.get("reason"),
        "step": log.step if log else None,
        "seconds": log.seconds if log else None,
        "started": f"{started:%Y-%m-%dT%H:%M:%SZ}" if started else None,
    }
