"""The end of a report: costs, what is left after merging, and the limits of it all."""

from typing import TYPE_CHECKING, Any

from workbench.report.numbers import ABSENT, count, percent, seconds, size
from workbench.report.study.blocks import Numbers, Points, Section, Text
from workbench.report.study.source import Source
from workbench.report.table import Column, Table
from workbench.study.arm_effects import Standing
from workbench.study.estimate import FEWEST_SEEDS
from workbench.study.tuning import TUNED

if TYPE_CHECKING:
    from store.lenses import LensResult

_CELLS = {
    "trainable_params": count,
    "discount": percent,
    "of_baseline_time": percent,
    "train_seconds": seconds,
    "train_seconds_sd": seconds,
    "total_seconds": seconds,
    "device_seconds": seconds,
    "peak_bytes": size,
    "predicted_bytes": size,
    "adapter_bytes": size,
    "kept": percent,
}


def merging(source: Source) -> Section | None:
    """What is left of every arm after its adapters were merged; None where the recipe merges nothing."""
    found = source.lenses.get("retained-after-merge")
    if found is None or not found.rows:
        return None
    note = "The change from before to after merging, in the same runs, with its 95 % t interval over seeds."
    return Section("After merging", (lens_numbers(found, note),))


def cost(source: Source) -> Section:
    """Time, memory and bytes of every arm."""
    found = source.lenses["cost"]
    total = sum(run.train_seconds or 0.0 for run in source.results.runs)
    said = f"{len(source.results.runs)} runs, {seconds(total)} of training altogether; runs beside each other share it."
    note = "Means over the finished runs of an arm. Times depend on what else the machine did."
    return Section("Cost", (Text(said), lens_numbers(found, note, leave_out=("predicted_bytes", "reference"))))


def limits(source: Source) -> Section:
    """What the numbers do not say."""
    analysis = source.analysis
    judged = [e for e in analysis.judged_effects if e.standing not in (Standing.BASELINE, Standing.REFERENCE)]
    n = min((effect.n for effect in judged), default=0)
    few = sum(effect.standing is Standing.FEW_SEEDS for effect in judged)
    lines = [
        f"At least {n} seeds per arm. t intervals hold what they promise where differences over seeds are about "
        "normal; how far they fall short where these are skewed is in the project's coverage benchmark.",
        "Seeds vary the order of the data and the start of the adapters, on one model and one split of one data set; "
        "nothing here is about other models or data.",
        "“Not separated” is not “equal”: a difference below what so many seeds show may be there.",
    ]
    if few:
        lines.append(f"{few} arms have fewer than {FEWEST_SEEDS} seeds: they are shown and not ranked.")
    if any(effect.outcome.missing for effect in analysis.effects if not effect.outcome.reference):
        lines.append(
            "Some runs are missing. Where they failed because of what the arm does, the seeds that are left flatter it."
        )
    if analysis.tuned:
        lines.append("The best rate was chosen by the reported metric: it flatters all arms, the baseline as well.")
    elif _rates_differ(source):
        lines.append("Arms have different learning rates, and the best was chosen for none: differences are of both.")
    else:
        lines.append("The learning rate is the same in all arms and was tuned for none.")
    if source.analysis.outcomes.metric in ("exact_match", "choice_accuracy"):
        lines.append("A share near 0 or 100 % cannot show differences.")
    return Section("Limits", (Points(tuple(("", line) for line in lines)),))


def _rates_differ(source: Source) -> bool:
    return TUNED in source.file.factors or any(TUNED in arm.set_ for arm in source.file.arms.values())


def lens_numbers(found: "LensResult", note: str, leave_out: tuple[str, ...] = ()) -> Numbers:
    """The rows of a lens as a table, with its query."""
    kept = [place for place, name in enumerate(found.columns) if name not in leave_out]
    left = [found.types[place] == "VARCHAR" for place in kept]
    columns = tuple(
        Column(found.columns[place].replace("_", " "), "left" if text else "right")
        for place, text in zip(kept, left, strict=True)
    )
    rows = tuple(tuple(_cell(found.columns[place], row[place]) for place in kept) for row in found.rows)
    cut = " Only the first rows are shown." if found.truncated else ""
    return Numbers(Table(columns, rows), note + cut, found.sql)


def _cell(column: str, value: Any) -> str:
    if value is None:
        return ABSENT
    if column in _CELLS:
        return _CELLS[column](value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4f}" if isinstance(value, float) else str(value)
