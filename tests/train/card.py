"""The lines of Python that a model card shows, run as they are."""

import contextlib
from pathlib import Path
from typing import Any

import bitsandbytes as bnb

from workbench.train.four_bit import keep_unpacked


def python_of(card: str) -> str:
    """The lines of the card's only block of Python."""
    [_, rest] = card.split("```python\n")
    return rest.partition("```")[0]


def loaded(python: str, folder: Path) -> Any:
    """The model that such lines make, run in a folder."""
    names: dict[str, Any] = {"keep": _unpacked}
    with contextlib.chdir(folder):
        exec(python.replace("\nmodel = ", "\nkeep(base)\nmodel = "), names)
    return names["model"].eval()


def _unpacked(base: Any) -> None:
    """Some CPUs pack 4-bit weights anew while they compute, and round more."""
    for layer in base.modules():
        if isinstance(layer, bnb.nn.Linear4bit):
            keep_unpacked(layer)
