"""What the keys ask of a run: by the same functions as the command line, with the command that would do the same."""

import os
from dataclasses import dataclass
from enum import StrEnum

from tui.twin import command_line
from workbench.run import actions
from workbench.run.layout import Home
from workbench.run.liveness import view_of
from workbench.run.states import require


class Ask(StrEnum):
    """Its value is the command's words after `workbench runs`."""

    STOP = "stop"
    KILL = "stop --kill"
    PAUSE = "pause"
    RESUME = "resume"
    RETRY = "retry"


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked of a run; `settings` are KEY=VALUE texts for a retry."""

    ask: Ask
    settings: tuple[str, ...] = ()

    def words(self, run_id: str) -> list[str]:
        """Those after `workbench`."""
        return ["runs", *self.ask.split(), run_id, *(word for text in self.settings for word in ("--set", text))]


def ask(home: Home, wish: Wish, run_id: str) -> str:
    """Does it, and returns what came of it. Raises WorkbenchError where the run's state forbids it, OSError."""
    run_dir = home.run_dir(run_id)
    view = view_of(run_dir)
    match wish.ask:
        case Ask.STOP | Ask.KILL:
            require("stop", run_id, view.status)
            return actions.end(home, run_dir, view, "user", None, wish.ask is Ask.KILL)
        case Ask.PAUSE:
            require("pause", run_id, view.status)
            return actions.pause(home, run_dir, view, None)
        case Ask.RESUME | Ask.RETRY:
            line = command_line(home, wish.words(run_id))
            resume = wish.ask is Ask.RESUME
            return actions.again(home, [run_dir], resume, line, os.getcwd(), settings=wish.settings)[0]
