"""`workbench runs show RUN --examples`: what a run answered to its evaluation examples."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from workbench.cli.context import print_json
from workbench.cli.width import text_width
from workbench.errors import NotFoundError
from workbench.run.predictions import Prediction, at_step, read_predictions, steps_of
from workbench.run.recipe import CHOICE_ACCURACY

if TYPE_CHECKING:
    from store.runs import RunSummary
    from workbench.run.layout import RunDir
    from workbench.run.liveness import RunView

MOST_EXAMPLES = 10
_OF_TOKENS = "the most probable token at every target\nposition, given the right ones before it"
_OF_CHOICES = "the choice of the greatest\nlog-likelihood per token"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which examples: wrong ones only, at most `limit` (None: the usual number, 0: all), after `step` (None: the last).

    `choices` asks for the multiple-choice questions instead of the evaluation examples.
    """

    wrong: bool = False
    limit: int | None = None
    step: int | None = None
    choices: bool = False

    @property
    def most(self) -> int:
        return MOST_EXAMPLES if self.limit is None else self.limit


@dataclass(frozen=True, slots=True)
class Examples:
    """The examples of one evaluation. `chosen` are those asked for, `shown` the first of them."""

    run_id: str
    name: str
    attempt: int
    steps: list[int]
    step: int
    n: int
    right: int
    chosen: int
    wrong_only: bool
    choices: bool
    shown: list[Prediction]

    def to_dict(self) -> dict[str, Any]:
        values = asdict(self)
        return {**values, "examples": values.pop("shown")}


def show_examples(
    run_dir: "RunDir",
    summary: "RunSummary",
    view: "RunView",
    wanted: Wanted,
    as_json: bool,
) -> None:
    """Prints the examples of the latest finished attempt, else of the latest that has predictions.

    Raises NotFoundError where there are no predictions, or none of that step.
    """
    attempt = summary.finished_attempt or _latest_with_predictions(run_dir, view)
    found = _examples(run_dir, summary.name, attempt, wanted)
    if as_json:
        print_json(found.to_dict())
    else:
        print(_text(found, text_width()))


def require_predictions(run_dir: "RunDir", name: str, attempt: int, evaluator: str = "") -> list[Prediction]:
    """The predictions of an attempt, on the evaluation examples or on an evaluator's own.

    Raises NotFoundError that says how to get them, InvalidError as it is read.
    """
    from workbench.run.record import read_record

    path = run_dir.predictions(attempt)
    if path.is_file():
        return read_predictions(path, evaluator)
    record = read_record(run_dir.record)
    again = f"workbench run {record.plan} --recipe {record.recipe_name} --seed {record.seed} --force"
    raise NotFoundError(
        f"run {run_dir.run_id} ({name}) has no predictions of attempt {attempt}: {path} is not there",
        f"every evaluation writes them; run it again: {again}",
    )


def _latest_with_predictions(run_dir: "RunDir", view: "RunView") -> int:
    if view.attempt == 0:
        raise NotFoundError(f"run {run_dir.run_id} has no predictions yet: it was not started", "see: workbench run")
    attempts = range(view.attempt, 0, -1)
    return next((attempt for attempt in attempts if run_dir.predictions(attempt).is_file()), view.attempt)


def _examples(run_dir: "RunDir", name: str, attempt: int, wanted: Wanted) -> Examples:
    predictions = require_predictions(run_dir, name, attempt, CHOICE_ACCURACY if wanted.choices else "")
    if wanted.choices and not predictions:
        hint = "a recipe with `choices: FILE` asks them"
        raise NotFoundError(f"run {run_dir.run_id} ({name}) was asked no multiple-choice questions", hint)
    evaluation = at_step(predictions, wanted.step)
    chosen = [found for found in evaluation if not (wanted.wrong and found.correct)]
    return Examples(
        run_id=run_dir.run_id,
        name=name,
        attempt=attempt,
        steps=steps_of(predictions),
        step=evaluation[0].step,
        n=len(evaluation),
        right=sum(found.correct for found in evaluation),
        chosen=len(chosen),
        wrong_only=wanted.wrong,
        choices=wanted.choices,
        shown=chosen[: wanted.most] if wanted.most else chosen,
    )


def _text(found: Examples, width: int) -> str:
    from workbench.report.examples import prediction_text
    from workbench.report.numbers import percent

    others = [str(step) for step in found.steps if step != found.step]
    lines = [
        f"{found.name}  {found.run_id}  attempt {found.attempt}, evaluation after step {found.step}"
        + (f" (others: {', '.join(others)})" if others else ""),
        f"{found.right} of {found.n} right ({percent(found.right / found.n)}); output: "
        + (_OF_CHOICES if found.choices else _OF_TOKENS),
    ]
    blocks = [prediction_text(prediction, width) for prediction in found.shown]
    left = found.chosen - len(found.shown)
    kind = "wrong examples" if found.wrong_only else "examples"
    rest = [f"{left} more {kind}: --limit 0 shows all, --json in full"] if left else []
    return "\n\n".join(["\n".join(lines), *blocks, *rest])
