"""What a study will take and can show, from what earlier runs on the same model took and showed."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from workbench.errors import NotFoundError, WorkbenchError

if TYPE_CHECKING:
    from store.pilots import Speed
    from workbench.cli.study_ready import ReadyStudy
    from workbench.run.layout import Home
    from workbench.run.record import RunRecord


@dataclass(frozen=True, slots=True)
class Time:
    """Seconds of all missing runs one after the other, None where nothing is known; `source` says where from."""

    seconds: float | None
    source: str


@dataclass(frozen=True, slots=True)
class Power:
    """The smallest paired differences that so many seeds show with a power of 80 %, None where no deviation is known.

    `difference` is for one comparison at 5 %, `corrected` for the first of `comparisons` under Holm's correction. `sd`
    is that of paired differences, with its degrees of freedom.
    """

    seeds: int
    comparisons: int
    sd: float | None
    df: int
    difference: float | None
    corrected: float | None
    source: str


def estimate_time(home: "Home", fingerprint: str, records: "Sequence[RunRecord]") -> Time:
    """From the speed of finished runs on this model with the same batch, length and optimizer."""
    from store.pilots import speeds

    try:
        known = speeds(home, fingerprint)
    except NotFoundError:
        known = []
    shapes = _shapes(home, known)
    per_step, beside, unknown = 0.0, 0.0, 0
    used: set[str] = set()
    for record in records:
        alike = [speed for speed in known if shapes[speed.recipe_hash] == _shape(record.recipe)]
        if not alike:
            unknown += 1
            continue
        used.update(speed.run_id for speed in alike)
        steps = 0 if record.reference else record.recipe["steps"]
        per_step += steps * median(speed.train_seconds / speed.steps for speed in alike)
        beside += median(max(0.0, speed.device_seconds - speed.train_seconds) for speed in alike)
    if not records:
        return Time(0.0, "all runs are finished")
    if unknown:
        what = "no finished run on this model has the same batch, max_length and optimizer"
        return Time(None, what if unknown == len(records) else f"{what} as {unknown} of the {len(records)} runs")
    return Time(per_step + beside, f"the speed of {len(used)} earlier runs on this model")


def _shapes(home: "Home", known: "Sequence[Speed]") -> dict[str, tuple[object, ...]]:
    """What the speed of a step depends on, for every recipe among them."""
    from workbench.run.record import read_record

    shapes: dict[str, tuple[object, ...]] = {}
    for speed in known:
        if speed.recipe_hash not in shapes:
            try:
                shapes[speed.recipe_hash] = _shape(read_record(home.run_dir(speed.run_id).record).recipe)
            except (OSError, WorkbenchError):
                shapes[speed.recipe_hash] = ()
    return shapes


def _shape(recipe: "dict[str, object]") -> tuple[object, ...]:
    keys = ("batch", "accumulation", "max_length", "optimizer", "compute_dtype", "gradient_checkpointing")
    return tuple(recipe.get(key) for key in keys)


def estimate_power(home: "Home", ready: "ReadyStudy") -> Power:
    """From the paired differences that the study has so far, else from seeds of earlier runs on this model and data."""
    from workbench.study.power import LEVEL, detectable_difference

    file = ready.study.file
    arms = [arm for arm in ready.expansion.arms[1:] if not arm.reference]
    sd, df, source = _spread(home, ready)
    seeds, comparisons = len(file.seeds), max(1, len(arms))
    if not sd:
        source = f"{source}, and those do not differ at all" if sd is not None else source
        return Power(seeds, comparisons, None, 0, None, None, source)
    plain = detectable_difference(sd, seeds)
    corrected = detectable_difference(sd, seeds, LEVEL / comparisons)
    return Power(seeds, comparisons, sd, df, plain, corrected, source)


def _spread(home: "Home", ready: "ReadyStudy") -> tuple[float | None, int, str]:
    """The deviation of paired differences, its degrees of freedom, and where it is from."""
    from store.pilots import seed_values, study_deltas
    from workbench.canonical import digest
    from workbench.run.identity import ID_LENGTH
    from workbench.study.power import pooled_sd

    metric, grounds = ready.study.file.metric, ready.grounds
    try:
        if found := pooled_sd(study_deltas(home, ready.study.name, metric)):
            return *found, "the paired differences that this study has so far"
        recipe = digest(ready.expansion.baseline.recipe.identity(), ID_LENGTH)
        for only, source in ((recipe, "earlier runs with this recipe"), ("", "earlier runs with other recipes")):
            values = seed_values(home, metric, grounds.model_fingerprint, grounds.data_hash, only)
            if found := pooled_sd(values):
                # Of seeds that are not paired nothing is known but that pairing should not make differences wider.
                return found[0] * 2**0.5, found[1], f"{source}, as if seeds were not paired"
    except NotFoundError:
        pass
    return None, 0, f"no two seeds of any plan on this model and data have {metric} yet"
