"""The audit catches what differs from the plan, whatever it is."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from tests.train.support import demo_sites, load, make_record, with_site
from tests.train.trained import demo_plan
from workbench.plan.formats import FORMATS
from workbench.plan.plan import site_records
from workbench.train.adapters import ADAPTER, build_adapters, site_layers
from workbench.train.audit import AuditError, audit
from workbench.train.dense import dense_weight
from workbench.train.dropout import DrawClock, SiteDropout
from workbench.train.group_int4 import quantize_groups
from workbench.train.layers import make_layer, store

UP = "model.layers.2.mlp.up_proj"


def test_a_model_as_planned_has_no_differences() -> None:
    record = make_record(with_site(demo_sites(), UP, dropout=0.1))
    model, _clock = build_adapters(load(record).model, record)
    assert audit(model, record) == ()


def test_a_reference_model_is_audited_too() -> None:
    record = make_record(demo_sites(None))
    assert audit(load(record).model, record) == ()


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"r": 8, "trainable_params": 8 * 512}, "r"),
        ({"alpha": 4.0}, "alpha"),
        ({"dropout": 0.3}, "dropout"),
        ({"base": "fp4"}, "base"),
        ({"blocksize": 128}, "blocksize"),
        ({"double_quant": False}, "double_quant"),
        ({"method": "none"}, "rank"),
        ({"trainable_params": 1}, "trainable_params"),
    ],
)
def test_a_wrong_setting_of_one_site_is_found(changes: dict[str, Any], key: str) -> None:
    record = make_record(demo_sites())
    model, _clock = build_adapters(load(record).model, record)
    planned = replace(record, sites=with_site(record.sites, UP, **changes))
    found = audit(model, planned)
    assert (UP, key) in {(d.site, d.key) for d in found}
    assert {d.site for d in found} <= {UP, "(whole model)"}
    assert key in AuditError(found).hint


def test_a_scale_changed_behind_the_plan_is_found() -> None:
    record = make_record(demo_sites())
    model, _clock = build_adapters(load(record).model, record)
    site_layers(model)[UP].scaling[ADAPTER] = 8.0
    assert [(d.key, d.planned, d.built) for d in audit(model, record)] == [("scaling", 2.0, 8.0)]


def test_anything_else_that_is_trainable_is_found() -> None:
    record = make_record(demo_sites())
    model, _clock = build_adapters(load(record).model, record)
    norm = model.get_submodule("base_model.model.model.norm")
    assert isinstance(norm.weight, nn.Parameter)
    norm.weight.requires_grad_(True)
    (found,) = audit(model, record)
    assert found.site == "(whole model)"
    assert found.built - found.planned == torch.numel(norm.weight)


def _stored_as(name: str, **settings: Any) -> Callable[[Any], None]:
    """Puts another base layer in the place of the site's own."""

    def seed(layer: Any) -> None:
        weight = dense_weight(layer.base_layer)
        other = make_layer(
            layer.in_features, layer.out_features, False, FORMATS[name].settings(**settings), weight.dtype
        )
        other.weight = store(other, weight, weight.dtype)
        layer.base_layer = other

    return seed


def _with_matrices(a: tuple[int, int], b: tuple[int, int] | None) -> Callable[[Any], None]:
    def seed(layer: Any) -> None:
        layer.lora_A[ADAPTER] = nn.Linear(a[1], a[0], bias=False)
        layer.lora_B[ADAPTER] = nn.Linear(b[1], b[0], bias=False) if b else nn.Identity()

    return seed


def _computing(**changes: Any) -> Callable[[Any], None]:
    def seed(layer: Any) -> None:
        layer.structure = replace(layer.structure, **changes)

    return seed


def _regrouped(layer: Any) -> None:
    """Groups of 32, in a layer that says 64."""
    linear = layer.base_layer
    groups = quantize_groups(dense_weight(linear), 32)
    linear.qweight, linear.scales, linear.zeros = groups.codes, groups.scales, groups.zeros


SEEDS: dict[str, tuple[str, Callable[[Any], Any], set[str]]] = {
    "rank": ("method=lora r=4", _with_matrices((5, 128), (384, 5)), {"rank", "trainable_params"}),
    "r": ("method=lora r=4", lambda layer: layer.r.update({ADAPTER: 8}), {"r"}),
    "alpha": ("method=lora r=4", lambda layer: layer.lora_alpha.update({ADAPTER: 1}), {"alpha"}),
    "scale": ("method=blora r=4 balance=2", lambda layer: layer.scaling.update({ADAPTER: 1.0}), {"scaling"}),
    "dropout": (
        "method=lora r=4 dropout=0.1",
        lambda layer: layer.lora_dropout.update({ADAPTER: SiteDropout(0.2, "x", DrawClock(1))}),
        {"dropout"},
    ),
    "no dropout": (
        "method=qahira r=4 pool=4 balance=2 dropout=0.1",
        lambda layer: layer.lora_dropout.update({ADAPTER: nn.Identity()}),
        {"dropout"},
    ),
    "4-bit format": ("base=nf4 r=4", _stored_as("fp4"), {"base"}),
    "16-bit format": ("base=nf4 r=4", _stored_as("bf16"), {"base", "blocksize", "double_quant"}),
    "8-bit format": ("base=fp32 r=4", _stored_as("int8"), {"base", "threshold"}),
    "block size": ("base=nf4 r=4", _stored_as("nf4", blocksize=128), {"blocksize"}),
    "double quantization": ("base=nf4 r=4", _stored_as("nf4", double_quant=False), {"double_quant"}),
    "block size of int4": ("base=int4 r=4 method=qalora", _regrouped, {"blocksize"}),
    "pool": (
        "method=qalora r=4 pool=4",
        _with_matrices((4, 64), (384, 4)),
        {"input_pool", "trainable_params"},
    ),
    "pool and shapes": ("method=qalora r=4 pool=4", _computing(pool=2), {"input_pool"}),
    "balance": (
        "method=qablora r=2 pool=4 balance=2",
        _with_matrices((4, 32), (96, 4)),
        {"output_repeat", "trainable_params"},
    ),
    "balance and shapes": ("method=blora r=2 balance=2", _computing(repeat=4), {"output_repeat"}),
    "low rank for dense": (
        "method=qahira r=4 pool=4 balance=2",
        _with_matrices((4, 32), (192, 4)),
        {"rank", "trainable_params"},
    ),
    "no connection": (
        "method=irqlora r=4",
        lambda layer: layer.lora_connection.pop(ADAPTER),
        {"connected", "trainable_params"},
    ),
    "connection without use": ("method=irqlora r=4", _computing(connected=False), {"connected"}),
    "no magnitude": (
        "method=dora r=4",
        lambda layer: layer.lora_magnitude_vector.pop(ADAPTER),
        {"magnitude", "trainable_params"},
    ),
    "magnitude without use": ("method=dora r=4", lambda layer: layer.lora_variant.pop(ADAPTER), {"magnitude"}),
}


@pytest.mark.parametrize("name", SEEDS)
def test_a_fault_seeded_into_the_built_model_is_found(name: str, tmp_path: Any) -> None:
    """What counts is what the model computes with, not what was asked of the libraries."""
    rule, seed, keys = SEEDS[name]
    sites = site_records(demo_plan(tmp_path, f"2 up {rule}"))
    record = make_record(tuple(site for site in sites if site.block == 2))
    model, _clock = build_adapters(load(record).model, record)
    assert audit(model, record) == ()
    seed(site_layers(model)[UP])
    found = audit(model, record)
    assert {d.key for d in found if d.site == UP} == keys
    assert {d.site for d in found} == {UP, *(["(whole model)"] if "trainable_params" in keys else [])}
