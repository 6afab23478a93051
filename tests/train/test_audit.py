"""The audit catches what differs from the plan, whatever it is."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from tests.train.support import demo_sites, load, make_record, with_site
from workbench.train.adapters import ADAPTER, build_adapters, site_layers
from workbench.train.audit import AuditError, audit

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
