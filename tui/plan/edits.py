"""What the keys of the Plan screen do to the chosen sites. Each edit is rules that the plan file takes."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from tui.plan.brush import OFF
from tui.plan.desk import Desk
from tui.plan.layer_grid import LayerGrid
from tui.plan.patterns import PATTERNS, modules_of, pattern_rules, top_rules, top_sites
from tui.plan.rule_line import read_rule
from workbench.errors import UsageError
from workbench.plan.catalogue import CATALOGUE, NONE
from workbench.plan.formats import FORMATS
from workbench.plan.plan import PlannedSite
from workbench.plan.site import Site

if TYPE_CHECKING:
    from tui.plan.measured import Measured


class Edits:
    """Reads the selection of the map, and changes the draft on the desk. Errors are WorkbenchErrors."""

    def __init__(self, desk: Desk, grid: LayerGrid) -> None:
        self._desk, self._grid = desk, grid
        self._by_key: Mapping[str, Callable[[], None]] = {
            "paint": lambda: self._set(desk.brush),
            "double": lambda: self._set("r*=2"),
            "halve": lambda: self._set("r/=2"),
            "method": self._next_method,
            "base": self._next_base,
            "off": lambda: self._set(OFF),
            "repeat": self._repeat,
        }

    @property
    def sites(self) -> list[Site]:
        """The chosen sites, row by row."""
        return [planned.site for planned in self.planned]

    @property
    def planned(self) -> list[PlannedSite]:
        """What the plan sets at them."""
        cells = self._grid.planned
        return [planned for cell in sorted(self._grid.chosen.cells) for planned in cells.get(cell, ())]

    @property
    def under_cursor(self) -> PlannedSite:
        """The first site of the cursor's cell; UsageError where a model has none there."""
        found = self._grid.planned.get(self._grid.cursor)
        if not found:
            raise UsageError("the model has no site here", "move to another cell")
        return found[0]

    def do(self, key: str) -> None:
        """The edit of that name."""
        self._by_key[key]()
        self._desk.dip(self.sites)

    def add(self, rules: Sequence[str], sites: Sequence[Site]) -> None:
        """Rules that were written out, with the sites that they set."""
        self._desk.add(rules)
        self._desk.dip(sites)

    def pattern(self, name: str) -> None:
        """Adapts the blocks of a pattern, of the chosen modules, with the brush; nothing else of them."""
        pattern = next(pattern for pattern in PATTERNS if pattern.name == name)
        modules = self._modules()
        self._desk.add(pattern_rules(pattern.blocks, modules, self._paint()), self._paint())
        self._choose(read_rule(f"{pattern.blocks} {modules}", self._desk.draft.plan).sites)

    def top(self, measured: "Measured", share: float) -> None:
        """Adapts the sites with the largest values, of the chosen modules, with the brush; nothing else of them."""
        modules = self._modules()
        among = self._grid.placed.map.sites
        if len(self.sites) > 1:
            columns = {site.module for site in self.sites}
            among = tuple(site for site in among if site.module in columns)
        chosen = top_sites(measured.values, among, share)
        if not chosen:
            raise UsageError(
                f"{measured.run.name} measured none of these sites", "choose other modules, or another run"
            )
        self._desk.add(top_rules(chosen, modules, self._paint(), self._desk.draft.plan), self._paint())
        self._choose(chosen)

    def _choose(self, sites: Sequence[Site]) -> None:
        self._grid.choose(self._grid.placed.cell_of(site) for site in sites)

    def _modules(self) -> str:
        return modules_of(self.sites, self._grid.placed.map)

    def _paint(self) -> str:
        """A pattern of what is off would adapt nothing."""
        return "" if self._desk.brush == OFF else self._desk.brush

    def _set(self, assignments: str) -> None:
        self._desk.assign(self.sites, assignments)

    def _next_method(self) -> None:
        methods = [name for name in CATALOGUE if name != NONE]
        self._set(f"method={_after(self.under_cursor.method, methods)}")

    def _next_base(self) -> None:
        self._set(f"base={_after(self.under_cursor.base.format, list(FORMATS))}")

    def _repeat(self) -> None:
        last = self._desk.last
        if last is None or last.assignments is None:
            raise UsageError("there is no edit to repeat", "make one first: r, +, m, b, space")
        self._set(last.assignments)


def _after(word: str, words: Sequence[str]) -> str:
    return words[(words.index(word) + 1) % len(words)] if word in words else words[0]
