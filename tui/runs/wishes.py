"""What is asked of runs, in threads, and the command that asks the same."""

from collections.abc import Sequence
from functools import partial

from textual.widget import Widget

from tui.opening import OpenPlan
from tui.runs.asking import Wish, ask
from tui.runs.cloning import clone_of
from tui.runs.messages import Asked
from tui.runs.row import RunRow
from tui.shell.held import hold_keys
from tui.shell.in_turn import Hold, LetGo
from tui.twin import command_line
from workbench.errors import WorkbenchError
from workbench.library.tags import change_tags, tags_of
from workbench.run.layout import Home


class Wishes:
    """Posts `Asked` to `widget`."""

    def __init__(self, widget: Widget, home: Home) -> None:
        self._widget, self._home = widget, home
        self._last_command = ""

    def ask(self, row: RunRow, wish: Wish | None) -> None:
        """None wishes for nothing: a dialog was left."""
        if wish:
            self.note(wish.words(row.run_id))
            work = partial(self._in_thread, wish, row)
            self._widget.run_worker(work, thread=True, group="ask", exit_on_error=False)

    def clone(self, row: RunRow) -> None:
        """Opens the plan of the run as another one."""
        work = partial(self._clone, row, hold_keys(self._widget))
        self._widget.run_worker(work, thread=True, group="ask", exit_on_error=False)

    def _clone(self, row: RunRow, hold: Hold) -> None:
        try:
            name, text = clone_of(self._home.run_dir(row.run_id))
        except (WorkbenchError, OSError) as error:
            self._widget.post_message(Asked(f"{row.name}: its plan cannot be read: {error}", refused=True))
        else:
            self._widget.post_message(OpenPlan(None, text, name))
        self._widget.post_message(LetGo(hold))

    def tag(self, run_id: str, tags: tuple[str, ...]) -> None:
        """Gives a run these tags and no others."""
        self.note(["runs", "tag", run_id, *tags, "--clear"])
        self._widget.run_worker(partial(self._tag, run_id, tags), thread=True, group="ask", exit_on_error=False)

    def _tag(self, run_id: str, tags: tuple[str, ...]) -> None:
        run_dir = self._home.run_dir(run_id)
        try:
            now = change_tags(run_dir, tags, tuple(tag for tag in tags_of(run_dir) if tag not in tags))
        except (WorkbenchError, OSError) as error:
            self._widget.post_message(Asked(f"{error} {getattr(error, 'hint', '')}".strip(), refused=True))
        else:
            self._widget.post_message(Asked(" ".join(f"#{tag}" for tag in now) or "no tags", refused=False))

    def command_for(self, row: RunRow) -> str:
        """Of what was asked last; else of what is shown of this run."""
        return self._last_command or command_line(self._home, ["runs", "show" if row.over else "watch", row.run_id])

    def note(self, words: Sequence[str]) -> None:
        """The command of what was done just now."""
        self._last_command = command_line(self._home, words)

    def _in_thread(self, wish: Wish, row: RunRow) -> None:
        try:
            said, refused = f"{row.name}: {ask(self._home, wish, row.run_id)}", False
        except (WorkbenchError, OSError) as error:
            said, refused = f"{error} {getattr(error, 'hint', '')}".strip(), True
        self._widget.post_message(Asked(said, refused))
