"""What the Plan screen shows of its draft: which colours, against which plan and device. It changes no plan."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from textual.widgets import Static

from tui.plan.background import Background
from tui.plan.budget import TOKENS, Ground, budget_lines, settings_lines
from tui.plan.cell_text import Shown
from tui.plan.desk import Desk
from tui.plan.devices import Device, this_cpu
from tui.plan.display import Against, brush_text, heading, in_file, legend, map_title, selection_title, status
from tui.plan.inspector import Inspector
from tui.plan.resting import Resting
from tui.widgets.saying import say
from workbench.plan.plan import Plan

if TYPE_CHECKING:
    from tui.plan.measured import Measured
    from tui.plan.pace import Pace
    from tui.plan.screen import PlanScreen

_OPENED = "the plan as opened"


class PlanView:
    """Brings the widgets up to date; the parts that a change does not touch are left alone."""

    def __init__(self, screen: "PlanScreen", desk: Desk) -> None:
        self._screen, self._desk = screen, desk
        self._ground = Ground(this_cpu(), desk.baseline, _OPENED)
        self._memory = ""
        self._measured: Measured | None = None
        self._compared: Plan | None = None
        self._against: Against | None = None
        self._opening = ""
        self._waiting: Callable[[], None] | None = None
        self._resting = Resting(screen, self._show_waiting)

    @property
    def measured(self) -> "Measured | None":
        return self._measured

    def begin(self, desk: Desk) -> None:
        """Another draft: what was measured and compared belonged to the one before."""
        self._desk = desk
        self._ground = Ground(self._ground.device, desk.baseline, _OPENED)
        self._measured = self._compared = None
        if self._screen.grid.shown is Shown.MEASURED:
            self._screen.grid.show(Shown.RANK)
        self.show_draft()

    def read_pace(self, background: Background) -> None:
        from tui.plan.pace import pace_of

        home, model = self._desk.home, self._desk.draft.plan.map
        background.read("pace", lambda: pace_of(home, model), self._paced)

    def _paced(self, pace: "Pace | None") -> None:
        self._ground = replace(self._ground, pace=pace)
        self._show_budget()

    def fit_to(self, device: Device) -> None:
        self._ground = replace(self._ground, device=device)
        self.show_all()

    def colour(self, shown: Shown) -> None:
        self._screen.grid.show(shown, self._measured)
        self._show_title()

    def paint_measured(self, found: "Measured") -> None:
        self._measured = found
        self.colour(Shown.MEASURED)

    def compare(self, plan: Plan | None) -> None:
        """Marks what differs from a plan, which is the baseline meanwhile. Raises InvalidError for another model's."""
        if plan:
            _difference(plan, self._desk.draft.plan)
        self._compared = plan
        baseline, name = (plan, plan.name) if plan else (self._desk.baseline, _OPENED)
        self._ground = replace(self._ground, baseline=baseline, baseline_name=name)
        self.show_draft()

    def show_map(self) -> None:
        """The screen is new: the map and its lines are painted first, what stands beside it next."""
        self.show_heading()
        self._show_title()
        self._screen.call_after_refresh(self.show_all)

    def show_draft(self) -> None:
        """The plan has changed: the map is painted first, as that is what a key is pressed for."""
        self._screen.grid.show_plan(self._desk.draft.plan)
        self._show_later(self.show_all)

    def show_chosen(self) -> None:
        """Other sites are chosen; the map shows them already."""
        self._show_later(self.show_selection)

    def _show_later(self, show: Callable[[], None]) -> None:
        """Does the one or the other once, however many keys came meanwhile; all takes in the selection."""
        self._resting.put_off()
        if self._waiting != self.show_all:
            self._waiting = show

    def _show_waiting(self) -> None:
        show, self._waiting = self._waiting, None
        if show and self._screen.is_mounted:
            show()

    def show_all(self) -> None:
        self._compare()
        self._show_budget()
        draft = self._desk.draft
        errors, warnings = (in_file(found, draft.path) for found in (draft.errors, draft.check.warnings))
        self._screen.query_one(Inspector).show_checks(errors, warnings)
        self.show_heading()
        self.show_selection()

    def show_opening(self, what: str) -> None:
        """What is being read to be shown instead; "" once that is over."""
        self._opening = what
        self.show_heading()

    def show_heading(self) -> None:
        narrow = self._screen.app.size.width < 100
        say(self._screen.query_one("#title", Static), heading(self._desk, narrow, self._opening))

    def show_selection(self) -> None:
        screen, plan = self._screen, self._desk.draft.plan
        sites = screen.edits.planned
        lines = settings_lines(sites, plan) if sites else []
        lines.append(("brush", brush_text(self._desk.brush)))
        screen.query_one(Inspector).show_selection(selection_title(screen.grid), lines)
        told = status(self._desk, screen.grid, sites, self._memory) if sites else ""
        say(screen.query_one("#status", Static), told)
        self._show_title()

    def _compare(self) -> None:
        """Of another model nothing can be compared any more."""
        plan, grid = self._desk.draft.plan, self._screen.grid
        same = self._compared is not None and self._compared.map.sites == plan.map.sites
        self._against = _difference(self._compared, plan) if same and self._compared else None
        names = self._against.sites if self._against else frozenset()
        grid.differ(grid.placed.cell_of(site) for site in plan.map.sites if site.name in names)
        inspector = self._screen.query_one(Inspector)
        if self._against:
            inspector.show_difference(f"From {self._against.name} to this", self._against.found.lines or ["nothing"])
        else:
            inspector.show_difference("", ())

    def _show_budget(self) -> None:
        title = f"Budget for {self._ground.device.said}, {TOKENS:,} tokens"
        lines = budget_lines(self._desk.draft.plan, self._ground)
        self._memory = dict(lines)["total"].removesuffix(" (estimate)")
        self._screen.query_one(Inspector).show_budget(title, lines)

    def _show_title(self) -> None:
        grid = self._screen.grid
        grid.say_above(map_title(grid, self._against))
        methods = {planned.method for planned in self._desk.draft.plan.sites}
        say(self._screen.query_one("#legend", Static), legend(grid, self._measured, methods))


def _difference(before: Plan, after: Plan) -> Against:
    """Raises InvalidError for plans of different models."""
    from workbench.plan.diff import diff_plans

    return Against(before.name, diff_plans(before, after))
