import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.train.attempts import same
from workbench.errors import InvalidError
from workbench.train.training_state import (
    TrainingState,
    random_states,
    read_state,
    restore_random_states,
    write_state,
)


def _draws() -> list[float]:
    return [torch.rand(1).item(), random.random(), float(np.random.rand()), random.gauss(), float(np.random.randn())]


def test_a_state_comes_back_as_it_was_and_the_generators_go_on(tmp_path: Path) -> None:
    random.gauss()
    np.random.randn()  # half of a pair is kept for later
    rule = {"optimizer": {"state": {0: {"m": torch.randn(3, dtype=torch.float32)}}}, "schedule": {"last_epoch": 3}}
    state = TrainingState(3, 2, 1.5, 2.5, rule, random_states())
    path = tmp_path / "training.pt"
    write_state(state, path)
    wanted = _draws()
    _draws()
    found = read_state(path)
    restore_random_states(found.random)
    assert _draws() == wanted
    assert replace(found, rule={}, random={}) == replace(state, rule={}, random={})
    assert same(found.rule, rule)


class _Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("code of a stranger",)


@pytest.mark.parametrize("content", ["text", "empty", "keys", "code"])
def test_what_is_no_state_is_refused_in_words(tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "training.pt"
    if content in ("text", "empty"):
        path.write_text("not a state" if content == "text" else "")
    else:
        torch.save({"step": 1} if content == "keys" else {"step": _Evil()}, path)
    with pytest.raises(InvalidError, match=r"training\.pt: not a state of training"):
        read_state(path)
    assert "stranger" not in capsys.readouterr().out
