"""What the keys ask of a run: by the same functions as the command line, with the command that would do the same."""

import os
import shlex
from enum import StrEnum

from workbench.run import actions
from workbench.run.layout import Home, find_home
from workbench.run.liveness import view_of
from workbench.run.states import require


class Ask(StrEnum):
    """A wish; its value is the command's words after `workbench runs`."""

    STOP = "stop"
    KILL = "stop --kill"
    PAUSE = "pause"
    RESUME = "resume"
    RETRY = "retry"


def command(home: Home, words: str, run_id: str) -> str:
    """The command line that does the same, from any folder where this home is not the one that is found."""
    place = [] if find_home() == home else ["--home", str(home.path)]
    return shlex.join(["workbench", *place, "runs", *words.split(), run_id])


def ask(home: Home, wish: Ask, run_id: str) -> str:
    """Does it, and returns what came of it. Raises WorkbenchError where the run's state forbids it, OSError."""
    run_dir = home.run_dir(run_id)
    view = view_of(run_dir)
    match wish:
        case Ask.STOP | Ask.KILL:
            require("stop", run_id, view.status)
            return actions.end(home, run_dir, view, "user", None, wish is Ask.KILL)
        case Ask.PAUSE:
            require("pause", run_id, view.status)
            return actions.pause(home, run_dir, view, None)
        case Ask.RESUME | Ask.RETRY:
            resume = wish is Ask.RESUME
            return actions.again(home, [run_dir], resume, command(home, wish, run_id), os.getcwd())[0]
