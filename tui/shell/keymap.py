"""Keys that a person gives to actions: what cannot be meant is named, and the built-in keys stay."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from textual.app import App
from textual.binding import Binding
from textual.dom import DOMNode
from textual.keys import _character_to_key
from textual.screen import ModalScreen

from workbench.nearest import nearest

_WITH_WIDGETS = {"compare", "library"}  # the screens that have shared widgets with keys


@dataclass(frozen=True, slots=True)
class Owned:
    """A binding of ours, and the class that has it."""

    owner: type[DOMNode]
    binding: Binding


def known_bindings() -> list[Owned]:
    """Of every screen and widget that was imported."""
    return [
        Owned(owner, binding)
        for owner in _owners(DOMNode)
        for binding in owner.__dict__.get("BINDINGS", ())
        if isinstance(binding, Binding) and binding.id
    ]


def usable(keymap: Mapping[str, str], known: list[Owned]) -> tuple[dict[str, str], list[str]]:
    """What of a keymap can be used, and what is wrong with the rest: unknown identifiers and clashing keys."""
    names = {one.binding.id: one for one in known if one.binding.id}
    used: dict[str, str] = {}
    problems: list[str] = []
    for name, keys in keymap.items():
        if name not in names:
            problems.append(f"{name!r} is no action: {_near(name, names)}")
        elif clash := _clash(names[name], keys, {**_defaults(known), **used}, names):
            problems.append(f"{name}: {clash}")
        else:
            used[name] = keys
    return used, problems


def _near(name: str, names: Mapping[str, Owned]) -> str:
    said = nearest(name, names)
    return said if said.startswith("did you mean") else "? and the guide show them"


def _clash(wanted: Owned, keys: str, taken: Mapping[str, str], names: Mapping[str, Owned]) -> str:
    for name, others in taken.items():
        if name != wanted.binding.id and _meet(wanted.owner, names[name].owner):
            for key in _split(keys) & _split(others):
                return f"{key!r} is {name} ({names[name].binding.description}) already"
    return ""


def _defaults(known: list[Owned]) -> dict[str, str]:
    return {one.binding.id: one.binding.key for one in known if one.binding.id}


def _split(keys: str) -> frozenset[str]:
    return frozenset(_named(key.strip()) for key in keys.split(","))


def _named(key: str) -> str:
    return _character_to_key(key) if len(key) == 1 else key


def _meet(one: type[DOMNode], other: type[DOMNode]) -> bool:
    """Whether both can hold at once: a dialog hides all others, and screens hide each other."""
    if one is other:
        return True
    if issubclass(one, ModalScreen) or issubclass(other, ModalScreen):
        return False
    if issubclass(one, App) or issubclass(other, App):
        return True
    packages = {_package(one), _package(other)}
    return len(packages) == 1 or ("widgets" in packages and bool(packages & _WITH_WIDGETS))


def _package(owner: type[DOMNode]) -> str:
    return owner.__module__.split(".")[1]


def _owners(kind: type[DOMNode]) -> Iterator[type[DOMNode]]:
    for owner in kind.__subclasses__():
        if owner.__module__.startswith("tui."):
            yield owner
        yield from _owners(owner)
