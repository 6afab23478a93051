"""What a run answered to its evaluation examples: prompt, target, output, right or wrong."""

from dataclasses import dataclass

from workbench.errors import InvalidError
from workbench.report.examples import prediction_text
from workbench.report.numbers import percent
from workbench.run.layout import Home
from workbench.run.predictions import at_step, read_predictions

MOST = 200


@dataclass(frozen=True, slots=True)
class Answers:
    """A heading with its n, and the lines under it."""

    run_id: str
    heading: str
    lines: tuple[str, ...]


def read_answers(home: Home, run_id: str, attempt: int, wrong_only: bool, width: int) -> Answers:
    """The last evaluation of the newest attempt that has one. Lines of at most `width` cells. Raises OSError."""
    run_dir = home.run_dir(run_id)
    number = next((n for n in range(attempt, 0, -1) if run_dir.predictions(n).is_file()), None)
    if number is None:
        return Answers(run_id, "no examples yet", ("Every evaluation writes its examples.",))
    try:
        rows = read_predictions(run_dir.predictions(number))
    except InvalidError as error:
        return Answers(run_id, "examples cannot be read", (error.title, error.hint))
    if not rows:
        return Answers(run_id, "no examples yet", ("Every evaluation writes its examples.",))
    found = at_step(rows)
    chosen = [row for row in found if not (wrong_only and row.correct)]
    right = sum(row.correct for row in found)
    kind = "wrong ones" if wrong_only else "examples"
    cut = f", the first {MOST} of {len(chosen)} {kind}" if len(chosen) > MOST else f", {len(chosen)} {kind}"
    heading = f"step {found[0].step}: {right} of {len(found)} right ({percent(right / len(found))}){cut}"
    lines = [line for row in chosen[:MOST] for line in prediction_text(row, width).splitlines()]
    return Answers(run_id, heading, tuple(lines))
