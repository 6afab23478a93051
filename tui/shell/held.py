"""Keys held by a pane, until what it has a thread read is shown."""

from textual.dom import DOMNode

from tui.shell.base import ShellApp
from tui.shell.in_turn import HELD, Hold


def hold_keys(node: DOMNode, seconds: float = HELD) -> Hold:
    """What is typed from now on waits until the pane posts `LetGo` of this, but no longer than that."""
    app = node.app
    assert isinstance(app, ShellApp)
    return app.hold_keys(seconds)
