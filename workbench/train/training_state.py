"""What training depends on beside the adapter's weights, as a checkpoint keeps it in one file."""

import pickle
import random
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch

from workbench.errors import InvalidError


@dataclass(frozen=True, slots=True)
class TrainingState:
    """The state after step `step`. `evaluated` is the last step that was evaluated, 0 for none.

    `train_seconds` and `device_seconds` count from the run's first step and its first loading; `rule` is of the
    step rule (optimizer, schedule, gradient norms); `random` has the states of every global generator.
    """

    step: int
    evaluated: int
    train_seconds: float
    device_seconds: float
    rule: dict[str, Any]
    random: dict[str, Any]


_KEYS = {field.name for field in fields(TrainingState)}


def write_state(state: TrainingState, path: Path) -> None:
    """Writes plain values and tensors alone, so that reading the file runs no code of its own."""
    # Through a file of Python's: on a full disk torch's own says no more than that writing failed.
    with path.open("wb") as file:
        torch.save({key: getattr(state, key) for key in _KEYS}, file)


def read_state(path: Path) -> TrainingState:
    """Reads the file, its tensors on the CPU. Raises InvalidError where this version cannot understand it."""
    try:
        return TrainingState(**torch.load(path, map_location="cpu", weights_only=True))
    except (OSError, RuntimeError, EOFError, TypeError, pickle.UnpicklingError) as error:
        raise InvalidError(f"{path}: not a state of training ({error})", "go on from another checkpoint") from error


def random_states() -> dict[str, Any]:
    """The states of the generators of torch, Python and numpy, and of torch on every GPU."""
    name, keys, *rest = np.random.get_state(legacy=True)
    return {
        "torch": torch.get_rng_state(),
        "python": random.getstate(),
        "numpy": (name, torch.from_numpy(np.asarray(keys, dtype=np.int64)), *rest),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def restore_random_states(states: dict[str, Any]) -> None:
    """Puts them back; those of GPUs where there are as many as there were."""
    torch.set_rng_state(states["torch"])
    random.setstate(states["python"])
    name, keys, *rest = states["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))
    if torch.cuda.is_available() and len(states["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(states["cuda"])
