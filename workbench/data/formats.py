"""The row formats: which keys each needs, and how a row becomes an example."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from workbench.data.conversation import conversation_fault, read_conversation
from workbench.data.example import Example

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class DataFormat:
    """A layout of rows. `get` in the functions looks a key of the format up in a row, through the recipe's columns.

    `prompt` are the keys that a prompt is built from (a template takes their place), `target` what is learned.
    """

    name: str
    prompt: tuple[str, ...]
    target: str
    read: Callable[[Callable[[str], Any], int], Example]
    fault: Callable[[str, Any], str]
    optional: tuple[str, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        return (*self.prompt, *self.optional, self.target)

    @property
    def takes_template(self) -> bool:
        return bool(self.prompt)


def text_fault(key: str, value: Any) -> str:
    """Why a value is not a text that can be tokenized; empty when it is."""
    if not isinstance(value, str):
        return f"'{key}' is {type(value).__name__}, a string is expected"
    if bad := _LONE_SURROGATE.search(value):
        return f"'{key}' holds half a character (a lone surrogate) at position {bad.start() + 1}"
    return ""


def _alpaca(get: Callable[[str], Any], line: int) -> Example:
    extra = f"### Input:\n{get('input')}\n\n" if get("input") else ""
    return Example(f"### Instruction:\n{get('instruction')}\n\n{extra}### Response:\n", get("output"), line)


def _prompt_completion(get: Callable[[str], Any], line: int) -> Example:
    return Example(get("prompt"), get("completion"), line)


def _text(get: Callable[[str], Any], line: int) -> Example:
    return Example("", get("text"), line)


def _chat(key: str) -> DataFormat:
    def read(get: Callable[[str], Any], line: int) -> Example:
        return Example("", "", line, read_conversation(get(key)))

    return DataFormat("chat", (), key, read, lambda name, value: conversation_fault(name, value, text_fault))


# In the order in which they are tried on a row.
FORMATS = (
    _chat("messages"),
    DataFormat("prompt_completion", ("prompt",), "completion", _prompt_completion, text_fault),
    DataFormat("alpaca", ("instruction",), "output", _alpaca, text_fault, ("input",)),
    _chat("conversations"),
    DataFormat("text", (), "text", _text, text_fault),
)
FORMAT_NAMES = tuple(dict.fromkeys(known.name for known in FORMATS))
