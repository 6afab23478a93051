"""The draft that the Plan screen begins with."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tui.left import left
from tui.plan.desk import Desk, open_left, open_model
from workbench.errors import NotFoundError, WorkbenchError
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
    with suppress(WorkbenchError):
        if plan:
            return First(open_left(home, plan, _admit_near))
        _admit_near(model or DEMO)
        return First(open_model(home, model or DEMO))
    return First(_demo(home), model if model != DEMO else "", plan)


def _admit_near(model: object) -> None:
    """Raises NotFoundError for what only a thread may read, as it may take long."""
    if not isinstance(model, str) or not (model == DEMO or Path(model).expanduser().is_dir()):
        raise NotFoundError(f"{model} is not at hand", "a thread reads it")


def _demo(home: Home) -> Desk:
    try:
        return open_model(home, DEMO)
    except WorkbenchError:  # the draft of that name is for a model that is gone
        return open_model(home, DEMO, "draft-demo")
