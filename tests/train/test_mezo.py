"""MeZO: its step against the formula and against autograd, what it leaves behind, and that it learns."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tests.train.stepping import TOKENIZER, adapter_of, make_trainer, run_steps
from tests.train.support import demo_examples, demo_recipe, demo_sites, make_record, make_run
from workbench.data.tokenize import tokenize
from workbench.randomness import derive_seed
from workbench.run.events import read_events
from workbench.run.recipe import SCHEDULES, Recipe
from workbench.train.dropout import SiteDropout
from workbench.train.evaluate import score_examples, summarize
from workbench.train.failure import RunFailure
from workbench.train.loop import Trainer
from workbench.train.mezo import Mezo
from workbench.train.optimizer import learning_rates
from workbench.train.step_rule import Losses

pytestmark = pytest.mark.slow


class Small(nn.Module):
    """A smooth function of two parameters, in float64 so that rounding hides nothing."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(7)
        self.a = nn.Parameter(torch.randn(5, 3, generator=generator, dtype=torch.float64))
        self.b = nn.Parameter(torch.randn(3, generator=generator, dtype=torch.float64))
        self.frozen = nn.Parameter(torch.ones(2, dtype=torch.float64), requires_grad=False)

    def losses(self) -> Iterator[torch.Tensor]:
        """Two micro-batches."""
        hidden = torch.tanh(self.a @ self.b)
        yield hidden.exp().sum() / 2
        yield (hidden * self.a[:, 0]).square().sum() / 2

    def loss(self) -> torch.Tensor:
        return torch.stack(list(self.losses())).sum()


def _recipe(**changes: Any) -> Recipe:
    return demo_recipe(**{"optimizer": "mezo", "schedule": "constant", "clip": 0.0, **changes})


def _mezo(model: nn.Module, recipe: Recipe, seed: int = 1) -> Mezo:
    return Mezo(model, recipe, seed, lambda message: None)


def _direction(name: str, shape: torch.Size, step: int = 1, seed: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(derive_seed(seed, "mezo", name, step))
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def _slope(model: Small, distance: float) -> float:
    """(L(θ + εz) − L(θ − εz)) / 2ε, without the code under test."""
    before = {name: p.detach().clone() for name, p in model.named_parameters() if p.requires_grad}
    found = []
    with torch.no_grad():
        for sign in (1, -1):
            for name, value in before.items():
                model.get_parameter(name).copy_(value + sign * distance * _direction(name, value.shape))
            found.append(model.loss().item())
        for name, value in before.items():
            model.get_parameter(name).copy_(value)
    return (found[0] - found[1]) / (2 * distance)


def _bits(parameters: list[torch.Tensor]) -> list[torch.Tensor]:
    return [p.detach().view(torch.int32).clone() for p in parameters]


def _same(one: list[torch.Tensor], other: list[torch.Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def _scatter(trainer: Trainer) -> None:
    """Values of all magnitudes instead of the zeros that adapters start from."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in trainer.parameters:
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.02)


def test_a_learning_rate_of_zero_leaves_every_bit() -> None:
    trainer = make_trainer(demo_sites(dropout=0.1), _recipe(lr=0.0, steps=3))
    _scatter(trainer)
    before = _bits(trainer.parameters)
    _, steps = run_steps(trainer)
    assert _same(_bits(trainer.parameters), before)
    assert all(step.grad_norm > 0 for step in steps)
    # What the paper does instead would not: this test can fail.
    with torch.no_grad():
        for p in trainer.parameters:
            z = torch.randn(p.shape)
            p.add_(z, alpha=1e-3).add_(z, alpha=-2e-3).add_(z, alpha=1e-3)
    assert not _same(_bits(trainer.parameters), before)


@pytest.mark.parametrize("weight_decay", [0.0, 0.3])
def test_a_step_is_the_formula(weight_decay: float) -> None:
    model, lr, epsilon = Small(), 0.05, 1e-3
    slope, loss = _slope(model, epsilon), model.loss().item()
    expected = {
        name: p.detach() - lr * (slope * _direction(name, p.shape) + weight_decay * p.detach())
        for name, p in model.named_parameters()
        if p.requires_grad
    }
    done = _mezo(model, _recipe(lr=lr, weight_decay=weight_decay)).step(1, model.losses)
    for name, value in expected.items():
        torch.testing.assert_close(model.get_parameter(name).detach(), value, rtol=1e-12, atol=1e-14)
    assert model.frozen.tolist() == [1.0, 1.0]
    assert (done.lr, done.grad_norm) == (lr, pytest.approx(abs(slope), rel=1e-9))
    assert done.loss == pytest.approx(loss, rel=1e-4)  # the mean of both sides


def test_the_slope_is_the_directional_derivative_up_to_the_square_of_epsilon() -> None:
    model = Small()
    model.loss().backward()
    pairs = [(p.grad, _direction(n, p.shape)) for n, p in model.named_parameters() if p.requires_grad]
    true = sum((grad * z).sum().item() for grad, z in pairs if grad is not None)
    errors = []
    for epsilon in (2e-2, 1e-2, 5e-3):
        small = Small()
        errors.append(
            abs(_mezo(small, _recipe(lr=0.0, mezo_epsilon=epsilon)).step(1, small.losses).grad_norm - abs(true))
        )
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.05)
    assert errors[1] / errors[2] == pytest.approx(4, rel=0.05)
    assert errors[2] < 1e-3 * abs(true)


def test_clip_bounds_the_slope_and_the_metric_stays_as_it_was() -> None:
    moved, seen = [], []
    for clip in (0.0, 0.01):
        model = Small()
        before = model.b.detach().clone()
        seen.append(_mezo(model, _recipe(lr=0.1, clip=clip)).step(1, model.losses).grad_norm)
        moved.append((model.b.detach() - before) / (0.1 * _direction("b", before.shape)))
    assert seen[0] == seen[1] > 0.01
    assert moved[0].abs().tolist() == pytest.approx([seen[0]] * 3)
    assert moved[1].abs().tolist() == pytest.approx([0.01] * 3)
    assert torch.equal(moved[0].sign(), moved[1].sign())


def test_another_parameter_seed_or_step_is_another_direction_and_moves_no_other() -> None:
    def moves(model: nn.Module, losses: Losses, seed: int = 1, step: int = 1) -> torch.Tensor:
        """z of `b` up to its factor."""
        before = model.get_parameter("b").detach().clone()
        done = _mezo(model, _recipe(lr=1.0), seed).step(step, losses)
        return (model.get_parameter("b").detach() - before) / done.grad_norm

    first, again, seeded, later, wider = (Small() for _ in range(5))
    wider.register_parameter("another", nn.Parameter(torch.ones(4)))
    z = moves(first, first.losses)
    assert torch.equal(z, moves(again, again.losses))
    assert not torch.allclose(z.abs(), moves(seeded, seeded.losses, seed=2).abs())
    assert not torch.allclose(z.abs(), moves(later, later.losses, step=2).abs())
    torch.testing.assert_close(z, moves(wider, wider.losses))


def _forwards(trainer: Trainer) -> list[bool]:
    """Whether gradients were recorded, for each forward pass to come."""
    seen: list[bool] = []
    trainer.model.register_forward_hook(lambda *_: seen.append(torch.is_grad_enabled()))
    return seen


@pytest.mark.parametrize(("optimizer", "passes"), [("mezo", 2), ("adamw", 1)])
def test_two_forward_passes_and_no_graph(optimizer: str, passes: int) -> None:
    trainer = make_trainer(demo_sites(dropout=0.1), _recipe(optimizer=optimizer, steps=3))
    seen, saved, grads = _forwards(trainer), [0], [False]

    def count(tensor: torch.Tensor) -> torch.Tensor:
        saved[0] += 1
        return tensor

    for parameter in trainer.parameters:
        parameter.register_hook(lambda grad: grads.append(True))
    with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
        result, _ = run_steps(trainer)
    without = optimizer == "mezo"
    assert seen == [not without] * 3 * passes
    assert (saved[0] == 0) is without  # the other optimizers keep tensors and have gradients: this test can fail
    assert any(grads) is not without
    assert all(p.grad is None for p in trainer.parameters)
    assert (result.grad_norms == {}) is without


def test_the_same_run_twice_is_bitwise_equal_and_another_seed_differs() -> None:
    recipe = _recipe(steps=3)
    one, two, other = (make_trainer(demo_sites(dropout=0.1), recipe, seed) for seed in (1, 1, 2))
    (_, first), (_, second), (_, third) = (run_steps(trainer) for trainer in (one, two, other))
    assert [(s.loss, s.grad_norm) for s in first] == [(s.loss, s.grad_norm) for s in second]
    assert _same(_bits(adapter_of(one)), _bits(adapter_of(two)))
    assert [s.loss for s in first] != [s.loss for s in third]


def test_both_forward_passes_draw_the_same_masks(monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = make_trainer(demo_sites(dropout=0.3), _recipe(steps=2, batch=4, accumulation=2))
    dropout = trainer.model.get_submodule("base_model.model.model.layers.2.mlp.up_proj.lora_dropout.default")
    assert isinstance(dropout, SiteDropout)
    masks: list[torch.Tensor] = []
    monkeypatch.setattr(dropout, "draw", lambda *of, draw=dropout.draw: masks.append(draw(*of)) or masks[-1])
    run_steps(trainer)
    assert len(masks) == 2 * 2 * 2
    for step in (masks[:4], masks[4:]):
        assert _same(step[:2], step[2:])
        assert not _same(step[:1], step[1:2])


def test_splitting_an_effective_batch_changes_nothing() -> None:
    whole, split = (_recipe(steps=2, batch=12 // n, accumulation=n, lr=1e-3) for n in (1, 4))
    (_, first), (_, second) = (run_steps(make_trainer(demo_sites(), recipe)) for recipe in (whole, split))
    assert [s.loss for s in first] == pytest.approx([s.loss for s in second], rel=1e-5)
    assert [s.grad_norm for s in first] == pytest.approx([s.grad_norm for s in second], rel=1e-2)
    assert [s.tokens for s in first] == [s.tokens for s in second]


@pytest.mark.parametrize("side", ["plus", "minus"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_stops_before_the_parameters_are_touched(value: float, side: str) -> None:
    model = Small()
    before = [p.detach().clone() for p in model.parameters()]
    losses = iter([value, 1.0] if side == "plus" else [1.0, value])
    with pytest.raises(RunFailure, match=f"step 4: the loss is .*{value}") as caught:
        _mezo(model, _recipe()).step(4, lambda: iter([torch.tensor(next(losses))]))
    assert caught.value.failure_class == "nan"
    assert _same(list(model.parameters()), before)


def test_parameters_are_put_back_when_a_forward_pass_fails() -> None:
    model = Small()
    before = [p.detach().clone() for p in model.parameters()]

    def losses() -> Iterator[torch.Tensor]:
        assert not _same(list(model.parameters()), before)
        yield torch.tensor(1.0)
        raise torch.OutOfMemoryError("no memory")

    with pytest.raises(torch.OutOfMemoryError):
        _mezo(model, _recipe()).step(1, losses)
    assert _same(list(model.parameters()), before)


def test_checkpointing_changes_nothing_and_says_so() -> None:
    warnings: list[str] = []
    plain = make_trainer(demo_sites(dropout=0.2), _recipe(steps=2), warn=warnings.append)
    assert warnings == []
    checkpointed = make_trainer(
        demo_sites(dropout=0.2), _recipe(steps=2, gradient_checkpointing=True), warn=warnings.append
    )
    (_, first), (_, second) = run_steps(plain), run_steps(checkpointed)
    assert [(s.loss, s.grad_norm) for s in first] == [(s.loss, s.grad_norm) for s in second]
    assert len(warnings) == 1
    assert "gradient_checkpointing has nothing to save with mezo" in warnings[0]


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_learning_rate_is_that_of_the_other_optimizers(schedule: str) -> None:
    recipe = demo_recipe(schedule=schedule, steps=6, warmup=2, batch=1, lr=0.1)
    _, steps = run_steps(make_trainer(demo_sites(1), recipe))
    assert [learning_rates(recipe)(step) for step in range(1, 7)] == [step.lr for step in steps]


@pytest.mark.parametrize(
    ("base", "changes"),
    [
        ("nf4", {"method": "dora"}),
        ("nf4", {"method": "qalora", "pool": 4}),
        ("nf4", {"method": "qahira", "pool": 4, "balance": 2}),
        ("nf4", {"method": "irqlora"}),
        ("int8", {"method": "rslora"}),
        ("fp32", {"method": "blora", "balance": 2}),
    ],
)
def test_whatever_a_plan_trains_is_moved(base: str, changes: dict[str, Any]) -> None:
    trainer = make_trainer(demo_sites(2, base, **changes), _recipe(steps=1, lr=1e-3, batch=4))
    before = adapter_of(trainer)
    run_steps(trainer)
    assert all(not torch.equal(a, b) for a, b in zip(before, adapter_of(trainer), strict=True))


def test_a_run_from_its_record_to_its_results(tmp_path: Path) -> None:
    run_dir, log = make_run(tmp_path, make_record(demo_sites(), _recipe(steps=4, gradient_checkpointing=True)))
    log.close()
    command = [sys.executable, "-P", "-m", "workbench.train", str(run_dir.path)]
    done = subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    events: dict[str, Any] = {event["kind"]: event for event in read_events(run_dir.events)}
    assert events["finished"]["step"] == events["metric"]["step"] == 4
    assert events["metric"]["values"]["grad_norm"] > 0
    assert len(events["site_stats"]["sites"]) == 42
    assert {site["grad_norm"] for site in events["site_stats"]["sites"]} == {None}
    assert all(site["update_norm"] > 0 for site in events["site_stats"]["sites"])
    assert "mezo" in events["warning"]["message"]
    assert (run_dir.adapter / "adapter_model.safetensors").is_file()
    assert len(run_dir.predictions(1).read_text().splitlines()) == 240


def test_it_learns_the_demo_task() -> None:
    recipe = demo_recipe(optimizer="mezo", max_length=32, batch=32, steps=200, lr=1e-3, clip=10.0)
    trainer = make_trainer(demo_sites(8), recipe)
    training, evaluation = (tokenize(demo_examples(p), TOKENIZER, 32, p).examples for p in ("train", "eval"))

    def evaluate() -> list[float]:
        scores = score_examples(trainer.model, evaluation, TOKENIZER, 32)
        return [found.value for found in summarize(scores, ["loss", "token_accuracy"])]

    loss, accuracy = evaluate()
    run_steps(trainer, examples=training)
    after = evaluate()
    assert after[0] < 0.85 * loss
    assert after[1] > accuracy + 0.03
