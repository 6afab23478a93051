"""What the methods keep for backward, against what autograd really keeps."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.plan.support import make_plan
from tests.unit.plan.test_cost import saved_bytes
from workbench.plan.memory import memory
from workbench.plan.plan import Plan
from workbench.run.layout import Home

TOKENS = 40
METHODS = (
    "method=rslora r=4",
    "method=blora r=2 balance=2",
    "method=blora r=4 balance=1",
    "method=qalora r=4 pool=8",
    "method=qablora r=2 pool=4 balance=2",
    "method=qahira pool=8 balance=4",
    "method=irqlora r=4",
)


@pytest.mark.parametrize(("dtype", "dropout"), [("fp32", 0), ("bf16", 0.1)])
@pytest.mark.parametrize("method", METHODS)
def test_activations_are_what_autograd_keeps(
    saved_model: Callable[[str], Path], home: Home, method: str, dtype: str, dropout: float
) -> None:
    """The third block of a Llama, whose modules share inputs."""
    folder = saved_model("llama")
    plan, predicted = _predicted(home, folder, f"{method} dropout={dropout}", dtype, TOKENS)
    assert predicted == pytest.approx(_third_block(folder, plan, dtype, TOKENS), rel=0.001)


@pytest.mark.parametrize(("dtype", "dropout"), [("fp32", 0), ("fp32", 0.1), ("bf16", 0), ("bf16", 0.1)])
def test_the_activations_of_magnitudes_by_token(
    saved_model: Callable[[str], Path], home: Home, dtype: str, dropout: float
) -> None:
    """A few vectors of every site, which do not grow with the tokens, are left out of the estimate."""
    folder = saved_model("llama")
    found, predicted = [], []
    for tokens in (TOKENS, 3 * TOKENS):
        plan, estimate = _predicted(home, folder, f"method=dora r=4 dropout={dropout}", dtype, tokens)
        predicted.append(estimate)
        found.append(_third_block(folder, plan, dtype, tokens))
    assert predicted[1] - predicted[0] == pytest.approx(found[1] - found[0], rel=0.001)
    assert predicted[1] == pytest.approx(found[1], rel=0.02)


def _predicted(home: Home, folder: Path, settings: str, dtype: str, tokens: int) -> tuple[Plan, int]:
    """The plan that adapts every block, and what its first block adds to the estimate."""
    plan, upper = (make_plan(home, folder, f"{blocks} all {settings}", base=dtype) for blocks in ("*", "1-"))
    return plan, memory(plan, tokens, dtype).activations - memory(upper, tokens, dtype).activations


def _third_block(folder: Path, plan: Plan, dtype: str, tokens: int) -> int:
    import torch

    torch_dtype = {"fp32": torch.float32, "bf16": torch.bfloat16}[dtype]
    three, two = (saved_bytes(folder, blocks, plan, torch_dtype, tokens) for blocks in (3, 2))
    return three - two


def test_connected_matrices_are_kept_once_a_block(home: Home, llama: Path) -> None:
    """Of one block at a time where activations are computed again."""

    def kept(*rules: str, again: bool = False) -> int:
        plan = make_plan(home, llama, *rules, base="fp32")
        return memory(plan, 1, gradient_checkpointing=again).activations

    sides = sum(p.site.in_features + p.site.out_features for p in make_plan(home, llama).sites if p.site.block == 0)
    assert kept("* all method=irqlora r=4") - kept("* all r=4") == 4 * 8 * 4 * sides
    assert kept("* all method=irqlora r=4", again=True) - kept("* all r=4", again=True) == 8 * 4 * sides
