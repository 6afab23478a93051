"""The keys that a rule can set: what kind of value each takes, and how a value is read and written."""

import math
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from workbench.nearest import nearest
from workbench.plan.catalogue import CATALOGUE, INITS
from workbench.plan.formats import BLOCKSIZES, FORMATS


@dataclass(frozen=True, slots=True)
class Multiple:
    """A multiple of the rank: `2r` keeps the scaling at 2 whatever the rank becomes."""

    factor: float


Value = int | float | str | bool | Multiple
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_MULTIPLE = re.compile(rf"({_NUMBER})?r")


class ValueProblem(ValueError):
    """A value that a key does not take; `hint` says what it does take."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


@dataclass(frozen=True, slots=True)
class Key:
    """One key. `scalable` keys take `*=` and `/=` too.

    `words` are all values of a key that takes words, looked up when asked; `whole` marks those that take whole numbers
    only. `meaning` describes the values of the other keys.
    """

    name: str
    meaning: str = ""
    adapter: bool = True
    scalable: bool = False
    whole: bool = False
    words: Collection[str] = ()
    choices: tuple[int, ...] = ()
    low: float = 0.0
    high: float = math.inf
    low_is_valid: bool = True

    @property
    def expected(self) -> str:
        """The key's values in words."""
        return f"one of {', '.join(self.words)}" if self.words else self.meaning


KEYS: dict[str, Key] = {
    key.name: key
    for key in (
        Key("method", words=CATALOGUE.keys()),
        Key("r", "a whole number from 1", scalable=True, whole=True, low=1),
        Key("alpha", "a number above 0, or a multiple of the rank such as 2r", scalable=True, low_is_valid=False),
        Key("balance", "a whole number from 1", scalable=True, whole=True, low=1),
        Key("pool", "a whole number from 1", scalable=True, whole=True, low=1),
        Key("dropout", "a number from 0 to below 1", scalable=True, high=1),
        Key("init", words=INITS),
        Key("base", adapter=False, words=FORMATS.keys()),
        Key("blocksize", f"one of {', '.join(map(str, BLOCKSIZES))}", adapter=False, whole=True, choices=BLOCKSIZES),
        Key("double_quant", "true or false", adapter=False),
        Key("threshold", "a number from 0", adapter=False),
    )
}
ADAPTER_KEYS = tuple(key.name for key in KEYS.values() if key.adapter)
BASE_KEYS = tuple(key.name for key in KEYS.values() if not key.adapter)
SCALABLE_KEYS = tuple(key.name for key in KEYS.values() if key.scalable)
# What other tools call these keys; none of it is accepted, all of it is understood.
_ELSEWHERE = {
    **dict.fromkeys(("rank", "lora_r", "lora_rank"), "r"),
    "lora_alpha": "alpha",
    "lora_dropout": "dropout",
    "init_lora_weights": "init",
    **dict.fromkeys(("quant", "quant_type", "bnb_4bit_quant_type", "bits"), "base"),
    **dict.fromkeys(("block_size", "group_size"), "blocksize"),
    "bnb_4bit_use_double_quant": "double_quant",
    "lambda": "balance",
}


def nearest_key(name: str, known: Iterable[str]) -> str:
    """`did you mean 'x'?`, also for another tool's word for a known key, else the list of what is known."""
    options = list(known)
    return f"did you mean '{_ELSEWHERE[name]}'?" if _ELSEWHERE.get(name) in options else nearest(name, options)


def read_value(key: Key, text: str) -> Value:
    """The value that a rule writes for a key. Raises ValueProblem."""
    if key.words:
        return check_value(key, text)
    if key.name == "double_quant":
        return check_value(key, {"true": True, "false": False}.get(text, text))
    if key.name == "alpha" and (multiple := _MULTIPLE.fullmatch(text)):
        return check_value(key, Multiple(float(multiple[1] or 1)))
    return check_value(key, read_number(text, key.whole) if re.fullmatch(_NUMBER, text) else text)


def read_number(text: str, whole: bool = False) -> int | float:
    return int(text) if whole and re.fullmatch(r"[-+]?\d+", text) else float(text)


def check_value(key: Key, value: Value) -> Value:
    """The value itself, whole numbers as int and other numbers as float. Raises ValueProblem where it does not fit."""
    if key.words:
        return _check_word(key, value)
    if key.name == "double_quant":
        fits = isinstance(value, bool)
    elif isinstance(value, Multiple):
        fits = key.name == "alpha" and _in_range(key, value.factor)
    else:
        fits = not isinstance(value, bool | str) and _in_range(key, value)
    if not fits:
        written = repr(value) if isinstance(value, str) else format_value(value)
        raise ValueProblem(f"{key.name} is {written}", f"expected {key.expected}")
    if isinstance(value, bool | Multiple | str):
        return value
    return int(value) if key.whole else float(value)


def _check_word(key: Key, value: Value) -> Value:
    if value in key.words and isinstance(value, str):
        return value
    what = {"method": "method", "base": "base format"}.get(key.name, key.name)
    hint = f"available: {', '.join(key.words)}"
    near = nearest(str(value), key.words)
    raise ValueProblem(
        f"{what} '{format_value(value)}' is not available in this version",
        f"{near}; {hint}" if near.startswith("did") else hint,
    )


def _in_range(key: Key, value: int | float) -> bool:
    if key.choices:
        return value in key.choices
    if not math.isfinite(value) or (key.whole and value != int(value)):
        return False
    return (key.low <= value if key.low_is_valid else key.low < value) and value < key.high


def format_value(value: Value) -> str:
    """The value as a rule writes it: `16`, `0.05`, `2r`, `true`."""
    if isinstance(value, Multiple):
        return "r" if value.factor == 1 else f"{format_value(value.factor)}r"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)
