"""What can be done here: the bindings that hold now are the one list behind keys, palette and help."""

from dataclasses import dataclass

from textual.app import App
from textual.binding import Binding
from textual.dom import DOMNode
from textual.screen import Screen

# By the package of the node that has the binding; widgets that screens share belong to the screen they stand on.
_GROUPS = {"plan": "plan", "runs": "run", "compare": "compare", "library": "library"}
VIEW = "view"


@dataclass(frozen=True, slots=True)
class Action:
    """`keys` as a person reads them; `name` is Textual's action, resolved at `node`."""

    id: str
    keys: tuple[str, ...]
    group: str
    label: str
    tooltip: str
    name: str
    node: DOMNode

    @property
    def title(self) -> str:
        return f"{self.group}: {self.label}"


def actions_of(screen: Screen[object]) -> tuple[Action, ...]:
    """Those of the focused widget first, then of what it stands in, of the screen, and of the app."""
    found: dict[tuple[int, str], tuple[DOMNode, list[Binding]]] = {}
    for node, binding, enabled, _ in screen.active_bindings.values():
        if enabled and not binding.system:
            found.setdefault((id(node), binding.id or binding.action), (node, []))[1].append(binding)
    return tuple(_action(screen, node, bindings) for node, bindings in found.values())


def commands_of(screen: Screen[object]) -> tuple[Action, ...]:
    """The actions that are ours: keys that move through text are Textual's own, and commands to nobody."""
    return tuple(action for action in actions_of(screen) if "." in action.id and action.tooltip)


def is_of_app(action: Action) -> bool:
    return isinstance(action.node, App)


def _action(screen: Screen[object], node: DOMNode, bindings: list[Binding]) -> Action:
    first = bindings[0]
    return Action(
        id=first.id or first.action,
        keys=tuple(dict.fromkeys(node.app.get_key_display(binding) for binding in bindings)),
        group=_group(node) or _group(screen) or VIEW,
        label=first.description,
        tooltip=first.tooltip,
        name=first.action,
        node=node,
    )


def _group(node: DOMNode) -> str | None:
    if isinstance(node, App):
        return VIEW
    for kind in type(node).__mro__:
        parts = kind.__module__.split(".")
        if parts[0] == "tui" and len(parts) > 1 and parts[1] in _GROUPS:
            return _GROUPS[parts[1]]
    return None
