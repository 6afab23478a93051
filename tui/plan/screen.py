"""The Plan screen: a map of the model, an inspector, and a line for rules. Every edit is a rule of the plan file."""

from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Footer, Static

from tui.plan.budget import Device, budget_lines, settings_lines
from tui.plan.cell_text import Shown
from tui.plan.draft import Draft, read_draft, rules_for, start_draft, with_rule
from tui.plan.inspector import Inspector
from tui.plan.journal import Journal
from tui.plan.launch import Launched, Wish, launch
from tui.plan.layer_grid import Chosen, LayerGrid
from tui.plan.layers import named
from tui.plan.rule_line import RuleLine
from tui.plan.run_dialog import PlanRunDialog
from workbench import atomic
from workbench.errors import WorkbenchError
from workbench.plan.catalogue import CATALOGUE, NONE
from workbench.plan.formats import FORMATS
from workbench.plan.plan import PlannedSite
from workbench.plan.site import Site
from workbench.report.numbers import count
from workbench.report.plain import visible
from workbench.run.layout import Home

TOKENS = 2048
_NARROW = [(0, "-narrow"), (100, "-wide")]


class PlanScreen(Screen[None]):
    """One draft at a time; what is typed is in its journal before it is on the screen."""

    HORIZONTAL_BREAKPOINTS = _NARROW
    CSS = """
    PlanScreen {
        & #title { height: 1; padding: 0 1; background: $panel; }
        & #map { border: round $accent; border-title-align: left; width: 1fr; }
        & #inspector { border: round $primary; }
        & #status { height: 1; padding: 0 1; display: none; }
        &.-narrow #inspector { display: none; }
        &.-narrow #status { display: block; }
        &.-narrow.-drawer #inspector { display: block; layer: above; dock: right; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("colon", "rule", "Rule", id="plan.rule", tooltip="Write a rule"),
        Binding("space", "paint", "Paint", id="plan.paint", tooltip="Adapt the chosen sites, at the plan's defaults"),
        Binding("plus,equals_sign", "rank('*=2')", "Rank ×2", show=False, id="plan.rank_up", tooltip="Double the rank"),
        Binding("minus", "rank('/=2')", "Rank ÷2", show=False, id="plan.rank_down", tooltip="Halve the rank"),
        Binding("r", "ask('r=')", "Rank", id="plan.rank", tooltip="Set the rank of the chosen sites"),
        Binding("m", "next_method", "Method", show=False, id="plan.method", tooltip="The next method"),
        Binding("b", "next_base", "Base", show=False, id="plan.base", tooltip="The next base format"),
        Binding(
            "backspace,delete", "off", "Off", show=False, id="plan.off", tooltip="Leave the chosen sites as they are"
        ),
        Binding("u", "undo", "Undo", id="plan.undo", tooltip="Take the last edit back"),
        Binding("U,ctrl+y", "redo", "Redo", show=False, id="plan.redo", tooltip="Make the last undone edit again"),
        Binding(
            "C",
            "next_shown",
            "Colour",
            show=False,
            id="plan.colour",
            tooltip="Colour by rank, method, base, parameters",
        ),
        Binding("Z", "fold", "Fold", show=False, id="plan.fold", tooltip="Four blocks in a row, or one"),
        Binding(
            "i", "drawer", "Inspect", show=False, id="plan.inspect", tooltip="Open the inspector on a narrow screen"
        ),
        Binding("R", "run", "Run…", id="plan.run", tooltip="Launch runs of this plan"),
        Binding("w", "save", "Save", show=False, id="plan.save", tooltip="Write the plan file"),
    ]

    class WasLaunched(Message):
        """The command that launches has ended."""

        def __init__(self, launched: Launched) -> None:
            super().__init__()
            self.launched = launched

    def __init__(self, home: Home, model: str, name: str = "draft", path: Path | None = None) -> None:
        super().__init__()
        self._home = home
        self._journal = Journal.read(home.path / "drafts" / f"{name}.jsonl")
        target = path or home.plans / f"{name}.yaml"
        if self._journal.text is None:
            draft = start_draft(model, name, home)
            self._journal.push(draft.text)
        else:
            draft = read_draft(self._journal.text, target, home)
        self._draft = draft
        self._baseline = draft.plan
        self._device = Device("cpu", None)
        self._shown = Shown.RANK

    @property
    def draft(self) -> Draft:
        return self._draft

    def compose(self) -> ComposeResult:
        yield Static("", id="title", markup=False)
        with Horizontal():
            with Vertical():
                grid = LayerGrid(self._draft.plan, id="map")
                yield grid
                yield RuleLine(self._draft.plan)
            yield Inspector(id="inspector")
        yield Static("", id="status", markup=False)
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        self.query_one(LayerGrid).focus()
        self._show_all()

    @on(LayerGrid.Changed)
    def _chosen(self, event: LayerGrid.Changed) -> None:
        self._show_selection(event.chosen)

    @on(RuleLine.Typed)
    def _typed(self, event: RuleLine.Typed) -> None:
        grid = self.query_one(LayerGrid)
        grid.touch(grid.placed.cell_of(site) for site in event.read.sites)

    @on(RuleLine.Left)
    def _left(self) -> None:
        self._close_rule()

    @on(RuleLine.Entered)
    def _entered(self, event: RuleLine.Entered) -> None:
        self._close_rule()
        self._edit([event.read.text.strip()])

    def _close_rule(self) -> None:
        self.query_one(RuleLine).close()
        grid = self.query_one(LayerGrid)
        grid.touch(())
        grid.focus()

    def action_rule(self) -> None:
        self.query_one(RuleLine).open(self._draft.plan)

    def action_ask(self, assignment: str) -> None:
        """The line opens with the selection's own selector."""
        selectors = rules_for(self._sites(), self._draft.plan, assignment)
        self.query_one(RuleLine).open(self._draft.plan, selectors[0] if len(selectors) == 1 else "")

    def action_paint(self) -> None:
        self._set("")

    def action_rank(self, assignment: str) -> None:
        self._set(f"r{assignment}")

    def action_off(self) -> None:
        self._set("off")

    def action_next_method(self) -> None:
        methods = [name for name in CATALOGUE if name != NONE]
        self._set(f"method={_after(self._under_cursor().method, methods)}")

    def action_next_base(self) -> None:
        self._set(f"base={_after(self._under_cursor().base.format, list(FORMATS))}")

    def action_undo(self) -> None:
        self._restore(self._journal.undo())

    def action_redo(self) -> None:
        self._restore(self._journal.redo())

    def action_next_shown(self) -> None:
        self._shown = list(Shown)[(list(Shown).index(self._shown) + 1) % len(Shown)]
        self.query_one(LayerGrid).show(self._shown)
        self._show_title()

    def action_fold(self) -> None:
        grid = self.query_one(LayerGrid)
        grid.fold(1 if grid.placed.fold > 1 else 4)

    def action_drawer(self) -> None:
        self.toggle_class("-drawer")

    def action_save(self) -> None:
        """Writes the text as it is: an invalid plan is still the person's work."""
        self._write()
        self.notify(f"wrote {self._draft.path}", markup=False)

    def action_run(self) -> None:
        """Asks for seeds and recipe. An invalid plan cannot be run."""
        if self._draft.errors:
            self.notify("the plan has errors: see beside the map", severity="error", markup=False)
            return
        self._write()
        self.app.push_screen(PlanRunDialog(self._draft, str(self._home.path)), self._launch)

    def _launch(self, wish: Wish | None) -> None:
        if wish is not None:
            self.notify("putting the runs into the queue …", markup=False)
            self.run_worker(lambda: self._launch_in_thread(wish), thread=True, group="launch", exit_on_error=False)

    def _launch_in_thread(self, wish: Wish) -> None:
        self.post_message(self.WasLaunched(launch(self._home.path, wish)))

    @on(WasLaunched)
    def _was_launched(self, event: WasLaunched) -> None:
        done = event.launched
        if done.code == 0:
            self.notify("queued; 2 shows the runs", markup=False)
        else:
            self.notify(done.said[-600:], title="not launched", severity="error", markup=False, timeout=20)

    def _write(self) -> None:
        path = self._draft.path
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write_text(path, self._draft.text)

    def _sites(self) -> list[Site]:
        grid = self.query_one(LayerGrid)
        return grid.placed.sites(grid.chosen.cells)

    def _under_cursor(self) -> PlannedSite:
        grid = self.query_one(LayerGrid)
        return grid.placed.by_cell(self._draft.plan)[grid.cursor][0]

    def _set(self, assignment: str) -> None:
        self._edit(rules_for(self._sites(), self._draft.plan, assignment))

    def _edit(self, rules: list[str]) -> None:
        try:
            draft = with_rule(self._draft, rules, self._home)
        except WorkbenchError as error:
            self.notify(f"{error.title} {error.hint}".strip(), severity="error", markup=False)
            return
        self._journal.push(draft.text)
        self._show_draft(draft)

    def _restore(self, text: str | None) -> None:
        if text is not None:
            self._show_draft(read_draft(text, self._draft.path, self._home, self._draft.plan))

    def _show_draft(self, draft: Draft) -> None:
        self._draft = draft
        self.query_one(LayerGrid).show_plan(draft.plan)
        self._show_all()

    def _show_all(self) -> None:
        self._show_title()
        self._show_selection(self.query_one(LayerGrid).chosen)
        inspector = self.query_one(Inspector)
        inspector.show_budget(
            f"Budget for {self._device.name}, {TOKENS:,} tokens",
            budget_lines(self._draft.plan, self._baseline, self._device, TOKENS),
        )
        inspector.show_checks(self._draft.errors, self._draft.check.warnings)

    def _show_title(self) -> None:
        plan = self._draft.plan
        grid = self.query_one(LayerGrid)
        grid.border_title = f"{plan.map.blocks} blocks × {len(plan.map.modules)} modules, by {self._shown}"
        said = f"{visible(plan.name)}   {visible(plan.model)}   {count(plan.trainable_params)} trainable"
        self.query_one("#title", Static).update(
            said + (f"   {len(self._draft.errors)} errors" if self._draft.errors else "")
        )

    def _show_selection(self, chosen: Chosen) -> None:
        grid = self.query_one(LayerGrid)
        cells = grid.placed.by_cell(self._draft.plan)
        sites = [planned for cell in sorted(chosen.cells) for planned in cells.get(cell, ())]
        title = " × ".join(named(chosen.cells, grid.placed))
        lines = settings_lines(sites) if sites else []
        self.query_one(Inspector).show_selection(title, lines)
        told = ", ".join(f"{label} {value}" for label, value in lines if label in ("method", "rank", "base"))
        total = count(self._draft.plan.trainable_params)
        self.query_one("#status", Static).update(f"{title}: {told} │ {total} trainable │ i Inspect")


def _after(word: str, words: list[str]) -> str:
    return words[(words.index(word) + 1) % len(words)] if word in words else words[0]
