"""The draft that the Plan screen begins with."""

from dataclasses import dataclass
from pathlib import Path

from tui.left import left
from tui.plan.desk import Desk, model_of_left, open_left, open_model
from workbench.errors import WorkbenchError
from workbench.plan.sources import DEMO
from workbench.run.layout import Home


@dataclass(frozen=True, slots=True)
class First:
    """What stands there at once, and the model or plan that a thread is to read and put in its place."""

    desk: Desk
    model: str = ""
    plan: Path | None = None


def first(home: Home, model: str) -> First:
    """The draft of the plan that was left, where no model is named; of the model, where one is.

    The demo and local folders are read at once. For a hub id the demo stands there, and so it does for what cannot be
    read: the thread finds what is wrong.
    """
    plan = None if model else left(home)
    if plan is not None:
        if _is_near(model_of_left(home, plan)):
            try:
                return First(open_left(home, plan))
            except WorkbenchError:
                pass
        return First(_demo(home), plan=plan)
    if _is_near(model or DEMO):
        try:
            return First(open_model(home, model or DEMO))
        except WorkbenchError:
            pass
    return First(_demo(home), model=model if model not in ("", DEMO) else "")


def _is_near(model: object) -> bool:
    return isinstance(model, str) and (model == DEMO or Path(model).expanduser().is_dir())


def _demo(home: Home) -> Desk:
    try:
        return open_model(home, DEMO)
    except WorkbenchError:  # the draft of that name is for a model that is gone
        return open_model(home, DEMO, "draft-demo")
