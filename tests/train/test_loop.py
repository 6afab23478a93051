"""Steps, splitting of batches, repeatability, stopping, NaN."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from tests.train.stepping import adapter_of, make_trainer, run_steps
from tests.train.support import demo_recipe, demo_sites, load, make_record, with_site
from workbench.run.recipe import OPTIMIZERS
from workbench.train.adapters import build_adapters
from workbench.train.checkpointing import enable_checkpointing
from workbench.train.dropout import SiteDropout
from workbench.train.failure import RunFailure
from workbench.train.loop import StepMetrics
from workbench.train.stop import StopFlag

pytestmark = pytest.mark.slow


def test_the_loss_falls_and_gradients_flow() -> None:
    result, steps = run_steps(make_trainer(demo_sites(8), demo_recipe(steps=20, batch=16)))
    assert result.step == 20
    assert not result.stopped
    assert all(step.grad_norm > 0 for step in steps)
    assert sum(s.loss for s in steps[-5:]) < 0.7 * sum(s.loss for s in steps[:5])
    assert all(norm > 0 for norm in result.grad_norms.values())
    assert len(result.grad_norms) == 42


def test_the_same_run_twice_is_bitwise_equal() -> None:
    recipe = demo_recipe(steps=3)
    one, two = (make_trainer(demo_sites(4, dropout=0.1), recipe) for _ in range(2))
    (_, first), (_, second) = run_steps(one), run_steps(two)
    assert [(s.loss, s.grad_norm) for s in first] == [(s.loss, s.grad_norm) for s in second]
    assert all(torch.equal(a, b) for a, b in zip(adapter_of(one), adapter_of(two), strict=True))


def test_splitting_an_effective_batch_changes_nothing() -> None:
    whole = make_trainer(demo_sites(), demo_recipe(steps=2, batch=12, accumulation=1))
    split = make_trainer(demo_sites(), demo_recipe(steps=2, batch=3, accumulation=4))
    (_, first), (_, second) = run_steps(whole), run_steps(split)
    assert [s.loss for s in first] == pytest.approx([s.loss for s in second], rel=1e-5)
    assert [s.grad_norm for s in first] == pytest.approx([s.grad_norm for s in second], rel=1e-4)
    assert [s.tokens for s in first] == [s.tokens for s in second]


def test_checkpointing_changes_no_number_even_with_dropout() -> None:
    recipe = demo_recipe(steps=2)
    sites = demo_sites(4, dropout=0.2)
    plain = make_trainer(sites, recipe)
    checkpointed = make_trainer(sites, replace(recipe, gradient_checkpointing=True))
    (_, first), (_, second) = run_steps(plain), run_steps(checkpointed)
    assert [(s.loss, s.grad_norm) for s in first] == [(s.loss, s.grad_norm) for s in second]


def test_only_blocks_from_the_lowest_adapted_one_are_checkpointed() -> None:
    off = dict.fromkeys(("r", "alpha", "scaling", "dropout"))
    sites = tuple(
        replace(site, method="none", trainable_params=0, **off) if site.block < 4 else site for site in demo_sites()
    )
    record = make_record(sites)
    model, _clock = build_adapters(load(record).model, record)
    assert enable_checkpointing(model, record) == 2
    layers = model.get_submodule("base_model.model.model.layers")
    assert isinstance(layers, nn.ModuleList)
    assert [bool(layer.gradient_checkpointing) for layer in layers] == [False] * 4 + [True] * 2


def test_backward_stops_at_the_lowest_adapted_block() -> None:
    off = dict.fromkeys(("r", "alpha", "scaling", "dropout"))
    sites = tuple(
        replace(site, method="none", trainable_params=0, **off) if site.block < 4 else site for site in demo_sites()
    )
    trainer = make_trainer(sites, demo_recipe(steps=1))
    needs_grad: dict[int, bool] = {}
    layers = trainer.model.get_submodule("base_model.model.model.layers")
    assert isinstance(layers, nn.ModuleList)
    for block, layer in enumerate(layers):
        layer.register_forward_hook(lambda _m, _i, out, block=block: needs_grad.update({block: out.requires_grad}))
    run_steps(trainer)
    assert needs_grad == {0: False, 1: False, 2: False, 3: False, 4: True, 5: True}


def test_another_sites_adapter_moves_no_draw_of_a_site(monkeypatch: pytest.MonkeyPatch) -> None:
    sites = demo_sites(4, dropout=0.3)
    up = "model.layers.2.mlp.up_proj"
    recipe = demo_recipe(steps=1, lr=0.0)
    off = dict.fromkeys(("r", "alpha", "scaling", "dropout"))
    fewer = with_site(sites, "model.layers.0.self_attn.q_proj", method="none", trainable_params=0, **off)
    masks: list[torch.Tensor] = []
    for chosen in (sites, fewer):
        trainer = make_trainer(chosen, recipe)
        dropout = trainer.model.get_submodule(f"base_model.model.{up}.lora_dropout.default")
        assert isinstance(dropout, SiteDropout)
        monkeypatch.setattr(dropout, "draw", lambda *of, draw=dropout.draw: masks.append(draw(*of)) or masks[-1])
        run_steps(trainer)
    assert torch.equal(masks[0], masks[1])
    assert masks[0].float().mean().item() == pytest.approx(0.3, abs=0.02)


def test_a_stop_request_finishes_the_step_under_way() -> None:
    stop = StopFlag()

    def ask(number: int, _metrics: StepMetrics) -> None:
        stop.requested = number == 2

    result, steps = run_steps(make_trainer(demo_sites(), demo_recipe(steps=10)), ask, stop)
    assert (result.step, result.stopped, len(steps)) == (2, True, 2)


def test_nan_stops_before_the_parameters_are_touched() -> None:
    trainer = make_trainer(demo_sites(), demo_recipe(steps=5))
    with torch.no_grad():
        trainer.parameters[3].fill_(float("nan"))
    before = adapter_of(trainer)
    with pytest.raises(RunFailure, match="step 1: the loss is nan") as caught:
        run_steps(trainer)
    assert caught.value.failure_class == "nan"
    assert all(
        torch.equal(
            a,
            b,
        )
        or a.isnan().any()
        for a, b in zip(before, adapter_of(trainer), strict=True)
    )


@pytest.mark.parametrize("optimizer", [name for name in OPTIMIZERS if name != "mezo"])  # it has its own test
def test_every_optimizer_trains(optimizer: str) -> None:
    _, steps = run_steps(make_trainer(demo_sites(8), demo_recipe(steps=12, batch=16, optimizer=optimizer)))
    assert steps[-1].loss < steps[0].loss


def test_the_schedule_warms_up_and_then_holds() -> None:
    _, steps = run_steps(make_trainer(demo_sites(1), demo_recipe(steps=8, warmup=4, lr=1.0e-3, batch=2)))
    assert [s.lr for s in steps] == pytest.approx([0.0, 2.5e-4, 5e-4, 7.5e-4, 1e-3, 1e-3, 1e-3, 1e-3])
