"""Small questions about single runs."""

from dataclasses import dataclass
from datetime import datetime

from store.connection import reading
from workbench.run.layout import Home


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One run as the store knows it, in the columns of the view `run_summary`.

    `status` is the last terminal state in the logs, None while the last attempt has none. Times are UTC.
    """

    run_id: str
    name: str
    plan: str
    plan_hash: str
    model: str
    model_fingerprint: str
    recipe: str
    recipe_hash: str
    data_hash: str
    seed: int
    attempt: int | None
    status: str | None
    failure_class: str | None
    device: str | None
    created: datetime
    started: datetime | None
    ended: datetime | None
    steps: int | None
    trainable_params: int
    base_params: int
    predicted_bytes: int
    peak_bytes: int | None
    train_seconds: float | None
    device_seconds: float | None
    adapter_bytes: int | None
    reference: bool
    finished_attempt: int | None
    loss: float | None
    token_accuracy: float | None
    exact_match: float | None
    eval_examples: int | None


@dataclass(frozen=True, slots=True)
class FinalEval:
    """A metric after the last step of the last finished attempt, over `n` examples."""

    evaluator: str
    metric: str
    value: float | None
    n: int | None
    higher_is_better: bool | None
    step: int
    attempt: int


def summaries(home: Home, ids: list[str] | None = None) -> list[RunSummary]:
    """The runs with these ids (all, when None), newest first. Errors as `reading`."""
    columns = ", ".join(RunSummary.__dataclass_fields__)
    with reading(home) as connection:
        rows = connection.execute(
            f"""select {columns} from run_summary
            where $all or run_id in (select unnest($ids)) order by created desc, run_id""",
            {"all": ids is None, "ids": ids or []},
        ).fetchall()
    return [RunSummary(*row) for row in rows]


def final_evals(home: Home, run_id: str) -> list[FinalEval]:
    """The run's evaluations after its last step; none before it has finished. Errors as `reading`."""
    with reading(home) as connection:
        rows = connection.execute(
            """select evaluator, metric, value, n, higher_is_better, step, attempt
            from final_evals where run_id = ? order by evaluator, metric""",
            [run_id],
        ).fetchall()
    return [FinalEval(*row) for row in rows]
