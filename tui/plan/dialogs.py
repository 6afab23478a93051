"""The questions of the Plan screen: models, plans, devices, what was measured, patterns. Answers go to the screen."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

from textual.app import App

from tui.plan import devices, models
from tui.plan.background import Background
from tui.plan.devices import Device
from tui.plan.measured import QUANTITIES, FinishedRun, Measured, Quantity, finished_runs, measured
from tui.plan.patterns import PATTERNS, SHARES
from tui.plan.picker import Choice, Picker
from workbench.errors import UsageError
from workbench.plan.files import built_in_plans, check_text, find_plan, load_plan, plan_or_raise
from workbench.plan.model_map import ModelMap
from workbench.plan.plan import Plan
from workbench.report.plain import visible
from workbench.run.gpus import list_gpus
from workbench.run.layout import Home

_LARGEST = "the largest by what a run measured …"
_PLAN, _RUN = "plan:", "run:"
_READING = "reading the runs …"
T = TypeVar("T")


class Answers(Protocol):
    """What is done with the answers."""

    def open_model(self, model: str) -> None: ...
    def open_file(self, path: Path) -> None: ...
    def fit_to(self, device: Device) -> None: ...
    def paint_measured(self, found: Measured) -> None: ...
    def compare_with(self, plan: Plan) -> None: ...
    def lay_pattern(self, name: str) -> None: ...
    def lay_top(self, found: Measured, share: float) -> None: ...
    def refuse(self, text: str) -> None: ...


class Dialogs:
    """One question at a time. It is asked at once; what takes a while to know is read in a thread meanwhile."""

    def __init__(self, app: App[None], home: Home, background: Background, answers: Answers) -> None:
        self._app, self._home, self._background, self._answers = app, home, background, answers

    def model(self, why: str = "") -> None:
        found = models.choices(models.hub_cache(), Path("models"))
        self._ask(Picker(why or models.title(found), found, models.FREE), self._answers.open_model)

    def open_plan(self) -> None:
        self._ask(
            Picker("Open a plan", self._plans(), "the path of a plan file"),
            lambda ref: self._background.answer(
                "find", lambda: find_plan(_ref(ref), self._home), self._answers.open_file
            ),
        )

    def device(self) -> None:
        found = [devices.this_cpu()]

        def read() -> list[Device]:
            return [devices.of_gpu(index, gpu) for index, gpu in enumerate(list_gpus())]

        def take(gpus: list[Device]) -> None:
            found.extend(gpus)
            picker.fill(devices.choices(found)[1:])

        def choose(answer: str) -> None:
            try:
                self._answers.fit_to(devices.chosen(answer, found))
            except UsageError as error:
                self._answers.refuse(f"{error.title}: {error.hint}")

        picker = Picker(
            "The plan is to fit", devices.choices(found)[:1], "a size such as 24 GB", reading="looking for GPUs …"
        )
        self._ask(picker, choose)
        self._fill(picker, "device", read, take)

    def heat(self, model: ModelMap, then: Callable[[Measured], None]) -> None:
        """Which quantity of which finished run of this model."""

        by_id: dict[str, FinishedRun] = {}

        def take(runs: tuple[FinishedRun, ...]) -> None:
            by_id.update((run.run_id, run) for run in runs)
            picker.fill([Choice(name, name, quantity.unit) for name, quantity in QUANTITIES.items()] if runs else [])

        def ask_run(quantity: Quantity) -> None:
            choices = [Choice(run.run_id, run.name, run.ended) for run in by_id.values()]
            self._ask(Picker(f"{quantity.name} of which run", choices), lambda one: read(quantity, by_id[one]))

        def read(quantity: Quantity, run: FinishedRun) -> None:
            self._background.answer("measured", lambda: measured(self._home, run, quantity), then)

        none = f"no finished run of {model.model} has measured anything yet: R launches one"
        picker = Picker("Show on the map", [], empty=visible(none), reading=_READING)
        self._ask(picker, lambda name: ask_run(QUANTITIES[name]))
        self._fill(picker, "runs", lambda: finished_runs(self._home, model.model), take)

    def diff(self, model: ModelMap) -> None:
        """Another plan, or the plan of a run of this model."""

        def take(runs: tuple[FinishedRun, ...]) -> None:
            picker.fill([Choice(f"{_RUN}{run.run_id}", run.name, f"run, {run.ended}") for run in runs])

        def read(ref: str) -> None:
            self._background.answer("diff", lambda: _plan_of(ref, self._home), self._answers.compare_with)

        picker = Picker("Compare with", self._plans(), "the path of a plan file", reading=_READING)
        self._ask(picker, read)
        self._fill(picker, "runs", lambda: finished_runs(self._home, model.model), take)

    def pattern(self, model: ModelMap, modules: str) -> None:
        choices = [Choice(pattern.name, pattern.name, pattern.blocks) for pattern in PATTERNS]
        choices.append(Choice(_LARGEST, _LARGEST, "update norm, gradient norm, …"))
        title = f"Adapt, of {modules} modules, only"

        def choose(name: str) -> None:
            if name == _LARGEST:
                self.heat(model, self._share)
            else:
                self._answers.lay_pattern(name)

        self._ask(Picker(title, choices), choose)

    def _share(self, found: Measured) -> None:
        choices = [Choice(str(share), f"the top {share:.0%}", f"by {found.quantity.name}") for share in SHARES]
        self._ask(
            Picker(f"{found.quantity.name} of {found.run.name}", choices, "a share such as 0.3"), self._top(found)
        )

    def _top(self, found: Measured) -> Callable[[str], None]:
        def choose(answer: str) -> None:
            text = answer.strip()
            try:
                share = float(text.rstrip("% ")) / (100 if text.endswith("%") else 1)
            except ValueError:
                share = 0.0
            if 0 < share <= 1:
                self._answers.lay_top(found, share)
            else:
                self._answers.refuse(f"'{answer}' is no share: write 0.3 or 30%")

        return choose

    def _plans(self) -> list[Choice]:
        own = [
            Choice(f"{_PLAN}{path}", path.stem, "plan of this home") for path in sorted(self._home.plans.glob("*.yaml"))
        ]
        ships = [Choice(f"{_PLAN}{path}", path.stem, "ships with the program") for path in _built_in()]
        return [*own, *ships]

    def _fill(self, picker: Picker, group: str, read: Callable[[], T], take: Callable[[T], None]) -> None:
        """What takes a while to know comes into the question that is open already."""
        self._background.read(group, read, take, lambda why: picker.fill([], f"cannot be read: {why}"))

    def _ask(self, picker: Picker, then: Callable[[str], None]) -> None:
        self._app.push_screen(picker, lambda answer: None if answer is None else then(answer))


def _built_in() -> list[Path]:
    return sorted(built_in_plans().glob("*.yaml"))


def _ref(answer: str) -> str:
    return answer.removeprefix(_PLAN)


def _plan_of(answer: str, home: Home) -> Plan:
    """The plan that was chosen. Raises NotFoundError, InvalidError, OSError."""
    if not answer.startswith(_RUN):
        return load_plan(_ref(answer), home)
    from tui.runs.cloning import clone_of

    name, text = clone_of(home.run_dir(answer.removeprefix(_RUN)))
    return plan_or_raise(check_text(text, home.plans / f"{name}.yaml", home), name)
