"""What the store knows of a row of a result: its runs, and the layers that it speaks of. In threads."""

from collections.abc import Callable
from functools import partial

from textual.message import Message
from textual.widget import Widget

from tui.compare.asking import Answer, answered
from tui.compare.layer_heat import Site, layer_heat
from tui.compare.messages import Done, Painted
from tui.compare.row_runs import runs_of_row
from tui.compare.said import error_text
from tui.opening import OpenRuns
from tui.shell.held import hold_keys
from tui.shell.in_turn import Hold, LetGo
from workbench.errors import UsageError, WorkbenchError
from workbench.run.layout import Home

_SITES = """
select block, module, site, list(distinct group_name) from site_groups
where run_id = {run} group by block, module, site order by block, min(position)
"""
_NEWEST = "(select run_id from runs order by created desc limit 1)"


class RowReader:
    """Posts `OpenRuns` or `Painted` to `widget`, and `Done` where there is a reason against it."""

    def __init__(self, widget: Widget, home: Home) -> None:
        self._widget, self._home = widget, home

    def open_runs(self, answer: Answer, row: int) -> None:
        self._start(partial(self._opened, answer, row))

    def paint(self, answer: Answer, row: int, column: int) -> None:
        self._start(partial(self._painted, answer, row, column))

    def _start(self, read: Callable[[], Message]) -> None:
        work = partial(self._in_thread, read, hold_keys(self._widget))
        self._widget.run_worker(work, thread=True, group="row", exclusive=True, exit_on_error=False)

    def _in_thread(self, read: Callable[[], Message], hold: Hold) -> None:
        try:
            self._widget.post_message(answered(self._home, read)[0])
        except WorkbenchError as error:
            self._widget.post_message(Done(error_text(error), problem=True))
        self._widget.post_message(LetGo(hold))

    def _opened(self, answer: Answer, row: int) -> OpenRuns:
        return OpenRuns(runs_of_row(self._home, answer.table.columns, answer.table.rows[row], answer.values))

    def _painted(self, answer: Answer, row: int, column: int) -> Painted:
        heat = layer_heat(answer.table, row, column, self._sites(answer, row))
        return Painted(answer, heat)

    def _sites(self, answer: Answer, row: int) -> list[Site]:
        """Those of the row's own model; of the newest run's where the row names no run."""
        from store.sandbox import query

        try:
            [run_id, *_] = runs_of_row(self._home, answer.table.columns, answer.table.rows[row], answer.values)
            run = f"'{run_id}'"
        except UsageError:
            run = _NEWEST
        rows = query(self._home, _SITES.format(run=run), 100_000).rows
        return [Site(block, module, name, frozenset(map(str, groups))) for block, module, name, groups in rows]
