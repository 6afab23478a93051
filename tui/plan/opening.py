"""The draft that the Plan screen begins with."""

from pathlib import Path

from tui.plan.desk import Desk, open_model
from workbench.errors import WorkbenchError
from workbench.plan.sources import DEMO
from workbench.run.layout import Home


def first_desk(home: Home, model: str) -> tuple[Desk, str]:
    """The draft for the demo or a local folder at once; for a hub id the demo, and the id for a thread to read.

    So it is with a model that cannot be read: the demo stands there, and the thread finds what is wrong.
    """
    if model == DEMO or Path(model).expanduser().is_dir():
        try:
            return open_model(home, model), ""
        except WorkbenchError:
            pass
    try:
        return open_model(home, DEMO), model if model != DEMO else ""
    except WorkbenchError:  # the draft of that name is for a model that is gone
        return open_model(home, DEMO, "draft-demo"), model if model != DEMO else ""
