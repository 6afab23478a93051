"""The values of a plan file. Those of a file that is right are read here; about any other the schema is asked.

The schema knows what to say of every mistake, but pydantic, which it is made of, takes longer to load than all the
rest of a plan.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from workbench.plan.findings import Finding
from workbench.plan.keys import KEYS, ValueProblem, check_value, read_value

BASE = "nf4"
NO_MODEL = "?"
PROMISES = ("mergeable",)
_QUOTE = 'quote the rule: - "3 all r=8"'


@dataclass(frozen=True, slots=True)
class PlanValues:
    """`given` holds the keys that are written, in the order and with the types of the schema."""

    given: Mapping[str, Any]

    @property
    def name(self) -> str:
        return str(self.given.get("name", ""))

    @property
    def model(self) -> str:
        return str(self.given["model"])

    @property
    def revision(self) -> str | None:
        return self.given.get("revision")

    @property
    def base(self) -> str:
        return str(self.given.get("base", BASE))

    @property
    def defaults(self) -> dict[str, Any]:
        return dict(self.given.get("defaults", {}))

    @property
    def rules(self) -> list[str]:
        return list(self.given.get("rules", ()))

    @property
    def groups(self) -> dict[str, str]:
        return dict(self.given.get("groups", {}))

    @property
    def require(self) -> tuple[str, ...]:
        return tuple(self.given.get("require", ()))

    @property
    def notes(self) -> str:
        return str(self.given.get("notes", ""))


def read_plan_file(data: dict[str, Any]) -> tuple[PlanValues, tuple[Finding, ...]]:
    """The file's values and everything wrong with them.

    Faulty parts are left out of the returned value, so that the rest can be checked too; where that is the model,
    it reads NO_MODEL.
    """
    try:
        return PlanValues(_right(data)), ()
    except ValueError:
        from workbench.plan.schema import examined

        values, findings = examined(data)
        return PlanValues(values), findings


def check_setting(name: str, value: Any) -> Any:
    """The value of a key of `defaults`, or of `base`, by the same table that rules are read with."""
    if not isinstance(value, int | float | str):
        raise ValueProblem(f"{name} is {value!r}", f"expected {KEYS[name].expected}")
    if name == "alpha" and isinstance(value, str):
        read_value(KEYS[name], value)
    else:
        check_value(KEYS[name], value)
    return value


def check_text(what: str, value: Any) -> Any:
    if not isinstance(value, str) or not value.strip():
        raise ValueProblem(f"{value!r} is no {what}", _QUOTE if what == "rule" else f"write {what} as text")
    return value


def check_promise(value: Any) -> Any:
    if value not in PROMISES:
        raise ValueProblem(f"{value!r} is no promise", f"known: {', '.join(PROMISES)}")
    return value


def _right(data: Mapping[Any, Any]) -> dict[str, Any]:
    """Raises ValueError where anything is not as most files have it, be it wrong or not."""
    values = _read(_KEYS, data)
    if "model" not in values:
        raise ValueError
    return values


def _read(readers: Mapping[str, Callable[[Any], Any]], data: Any) -> dict[str, Any]:
    if not isinstance(data, dict) or data.keys() - readers.keys():
        raise ValueError
    return {key: read(data[key]) for key, read in readers.items() if key in data}


def _setting(name: str, value: Any) -> Any:
    check_setting(name, value)
    if KEYS[name].whole and type(value) is not int:
        raise ValueError
    return float(value) if name == "dropout" else value


def _text(what: str, value: Any) -> str:
    return _encodable(check_text(what, value))


def _encodable(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError
    value.encode()
    return value


def _list(read: Callable[[Any], Any], value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError
    return [read(item) for item in value]


def _groups(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise ValueError
    return {_encodable(name): _text("rule", selector) for name, selector in value.items()}


_DEFAULTS = {name: partial(_setting, name) for name in ("method", "r", "alpha", "dropout", "init", "balance", "pool")}
_KEYS: dict[str, Callable[[Any], Any]] = {
    "name": partial(_text, "name"),
    "model": partial(_text, "model"),
    "revision": partial(_text, "revision"),
    "base": partial(_setting, "base"),
    "defaults": partial(_read, _DEFAULTS),
    "rules": partial(_list, partial(_text, "rule")),
    "groups": _groups,
    "require": partial(_list, check_promise),
    "notes": _encodable,
}
