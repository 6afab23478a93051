"""Steps, splitting of batches, repeatability, stopping, NaN."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import nn

from tests.train.support import BASE, demo_examples, demo_recipe, demo_sites, load, make_record, with_site
from workbench.data.tokenize import tokenize
from workbench.data.tokens import TokenizedExample
from workbench.run.recipe import OPTIMIZERS, Recipe
from workbench.run.record import SiteRecord
from workbench.train.adapters import build_adapters
from workbench.train.batches import pad_id_of
from workbench.train.checkpointing import enable_checkpointing
from workbench.train.dropout import SiteDropout
from workbench.train.failure import RunFailure
from workbench.train.loop import LoopHooks, LoopResult, StepMetrics, Trainer, run_loop
from workbench.train.stop import StopFlag
from workbench.train.tokenizer import load_tokenizer

TOKENIZER = load_tokenizer(BASE)
EXAMPLES: tuple[TokenizedExample, ...] = tokenize(demo_examples("train")[:64], TOKENIZER, 48, "training").examples
Steps = list[StepMetrics]


def _trainer(sites: tuple[SiteRecord, ...], recipe: Recipe, seed: int = 1) -> Trainer:
    record = make_record(sites, recipe, seed)
    model, clock = build_adapters(load(record).model, record)
    if recipe.gradient_checkpointing:
        enable_checkpointing(model, record)
    return Trainer(model, clock, recipe, pad_id_of(TOKENIZER), lambda message: None)


def _run(
    trainer: Trainer, on_step: Callable[[int, StepMetrics], None] | None = None, stop: StopFlag | None = None
) -> tuple[LoopResult, Steps]:
    steps: Steps = []

    def collect(number: int, metrics: StepMetrics) -> None:
        steps.append(metrics)
        if on_step:
            on_step(number, metrics)

    hooks = LoopHooks(collect, lambda step: None, lambda message: None)
    return run_loop(trainer, EXAMPLES, 1, hooks, stop or StopFlag()), steps


def _adapter(trainer: Trainer) -> list[torch.Tensor]:
    return [p.detach().clone() for p in trainer.parameters]


def test_the_loss_falls_and_gradients_flow() -> None:
    result, steps = _run(_trainer(demo_sites(8), demo_recipe(steps=20, batch=16)))
    assert result.step == 20
    assert not result.stopped
    assert all(step.grad_norm > 0 for step in steps)
    assert sum(s.loss for s in steps[-5:]) < 0.7 * sum(s.loss for s in steps[:5])
    assert all(norm > 0 for norm in result.grad_norms.values())
    assert len(result.grad_norms) == 42


def test_the_same_run_twice_is_bitwise_equal() -> None:
    recipe = demo_recipe(steps=3)
    one, two = (_trainer(demo_sites(4, dropout=0.1), recipe) for _ in range(2))
    (_, first), (_, second) = _run(one), _run(two)
    assert [(s.loss, s.grad_norm) for s in first] == [(s.loss, s.grad_norm) for s in second]
    assert all(torch.equal(a, b) for a, b in zip(_adapter(one), _adapter(two), strict=True))


def test_splitting_an_effective_batch_changes_nothing() -> None:
    whole = _trainer(demo_sites(), demo_recipe(steps=2, batch=12, accumulation=1))
    split = _trainer(demo_sites(), demo_recipe(steps=2, batch=3, accumulation=4))
    (_, first), (_, second) = _run(whole), _run(split)
    assert [s.loss for s in first] == pytest.approx([s.loss for s in second], rel=1e-5)
    assert [s.grad_norm for s in first] == pytest.approx([s.grad_norm for s in second], rel=1e-4)
    assert [s.tokens for s in first] == [s.tokens for s in second]


def test_checkpointing_changes_no_number_even_with_dropout() -> None:
    recipe = demo_recipe(steps=2)
    sites = demo_sites(4, dropout=0.2)
    plain = _trainer(sites, recipe)
    checkpointed = _trainer(sites, replace(recipe, gradient_checkpointing=True))
    (_, first), (_, second) = _run(plain), _run(checkpointed)
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
    trainer = _trainer(sites, demo_recipe(steps=1))
    needs_grad: dict[int, bool] = {}
    layers = trainer.model.get_submodule("base_model.model.model.layers")
    assert isinstance(layers, nn.ModuleList)
    for block, layer in enumerate(layers):
        layer.register_forward_hook(lambda _m, _i, out, block=block: needs_grad.update({block: out.requires_grad}))
    _run(trainer)
    assert needs_grad == {0: False, 1: False, 2: False, 3: False, 4: True, 5: True}


def test_another_sites_adapter_moves_no_draw_of_a_site(monkeypatch: pytest.MonkeyPatch) -> None:
    sites = demo_sites(4, dropout=0.3)
    up = "model.layers.2.mlp.up_proj"
    recipe = demo_recipe(steps=1, lr=0.0)
    off = dict.fromkeys(("r", "alpha", "scaling", "dropout"))
    fewer = with_site(sites, "model.layers.0.self_attn.q_proj", method="none", trainable_params=0, **off)
    masks: list[torch.Tensor] = []
    for chosen in (sites, fewer):
        trainer = _trainer(chosen, recipe)
        dropout = trainer.model.get_submodule(f"base_model.model.{up}.lora_dropout.default")
        assert isinstance(dropout, SiteDropout)
        monkeypatch.setattr(dropout, "draw", lambda *of, draw=dropout.draw: masks.append(draw(*of)) or masks[-1])
        _run(trainer)
    assert torch.equal(masks[0], masks[1])
    assert masks[0].float().mean().item() == pytest.approx(0.3, abs=0.02)


def test_a_stop_request_finishes_the_step_under_way() -> None:
    stop = StopFlag()

    def ask(number: int, _metrics: StepMetrics) -> None:
        stop.requested = number == 2

    result, steps = _run(_trainer(demo_sites(), demo_recipe(steps=10)), ask, stop)
    assert (result.step, result.stopped, len(steps)) == (2, True, 2)


def test_nan_stops_before_the_parameters_are_touched() -> None:
    trainer = _trainer(demo_sites(), demo_recipe(steps=5))
    with torch.no_grad():
        trainer.parameters[3].fill_(float("nan"))
    before = _adapter(trainer)
    with pytest.raises(RunFailure, match="step 1: the loss is nan") as caught:
        _run(trainer)
    assert caught.value.failure_class == "nan"
    assert all(
        torch.equal(
            a,
            b,
        )
        or a.isnan().any()
        for a, b in zip(before, _adapter(trainer), strict=True)
    )


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_trains(optimizer: str) -> None:
    _, steps = _run(_trainer(demo_sites(8), demo_recipe(steps=12, batch=16, optimizer=optimizer)))
    assert steps[-1].loss < steps[0].loss


def test_the_schedule_warms_up_and_then_holds() -> None:
    _, steps = _run(_trainer(demo_sites(1), demo_recipe(steps=8, warmup=4, lr=1.0e-3, batch=2)))
    assert [s.lr for s in steps] == pytest.approx([0.0, 2.5e-4, 5e-4, 7.5e-4, 1e-3, 1e-3, 1e-3, 1e-3])
