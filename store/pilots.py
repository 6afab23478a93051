"""What earlier runs say about runs to come: how fast they went, and how far seeds are apart."""

from dataclasses import dataclass

from store.connection import reading
from workbench.run.layout import Home

_NEWEST = 200


@dataclass(frozen=True, slots=True)
class Speed:
    """A finished run: what all of it took and what its steps took, in seconds."""

    run_id: str
    recipe_hash: str
    steps: int
    train_seconds: float
    device_seconds: float


def speeds(home: Home, model_fingerprint: str) -> list[Speed]:
    """The newest finished runs over this model that trained. Errors as `reading`."""
    with reading(home) as connection:
        rows = connection.execute(
            """select run_id, recipe_hash, steps, train_seconds, device_seconds from runs
            where status = 'finished' and steps > 0 and model_fingerprint = $model
              and train_seconds is not null and device_seconds is not null
            order by ended desc, run_id limit $most""",
            {"model": model_fingerprint, "most": _NEWEST},
        ).fetchall()
    return [Speed(*row) for row in rows]


def study_deltas(home: Home, study: str, evaluator: str) -> list[list[float]]:
    """The paired differences from the baseline that a study has so far, arm by arm. Errors as `reading`."""
    with reading(home) as connection:
        rows = connection.execute(
            """select list(delta order by seed) from paired_deltas
            where study = $study and evaluator = $evaluator and seed <> 0 and isfinite(delta)
            group by arm order by arm""",
            {"study": study, "evaluator": evaluator},
        ).fetchall()
    return [values for (values,) in rows]


def seed_values(
    home: Home, evaluator: str, model_fingerprint: str, data_hash: str, recipe_hash: str = ""
) -> list[list[float]]:
    """The results of every plan and recipe over its seeds, on this model and data. Errors as `reading`.

    With `recipe_hash`, of that recipe alone.
    """
    with reading(home) as connection:
        rows = connection.execute(
            """select list(value order by seed)
            from final_evals join runs using (run_id)
            where evaluator = $evaluator and model_fingerprint = $model and data_hash = $data and not reference
              and isfinite(value) and ($recipe = '' or recipe_hash = $recipe)
            group by plan_hash, recipe_hash, metric order by plan_hash, recipe_hash""",
            {"evaluator": evaluator, "model": model_fingerprint, "data": data_hash, "recipe": recipe_hash},
        ).fetchall()
    return [values for (values,) in rows]
