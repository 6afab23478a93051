"""Every method on every base format: against a dense float64 reference, and through plain peft."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import bitsandbytes as bnb
import pytest
import torch
from peft import PeftModel
from torch import nn
from transformers import AutoModelForCausalLM

from tests.train.support import BASE, CPU, demo_site, demo_sites, load, make_record, with_site
from workbench.run.record import SiteRecord
from workbench.train.adapters import ADAPTER, build_adapters, site_layers
from workbench.train.audit import audit
from workbench.train.base import load_base
from workbench.train.dense import dense_weight
from workbench.train.dora import dora_update
from workbench.train.save import save_adapter
from workbench.train.site_stats import site_statistics

pytestmark = pytest.mark.slow

METHODS = ("lora", "rslora", "dora")
FORMATS = ("nf4", "fp4", "int8", "bf16", "fp32")
IDS = torch.arange(4, 44).reshape(2, 20)


def _layer(site: SiteRecord) -> Any:
    record = make_record((site,))
    model, _clock = build_adapters(load(record).model, record)
    model.train()  # in eval mode bitsandbytes quantizes the inputs of int8 layers too
    layer = site_layers(model)[site.site]
    _perturb(layer)
    return layer


def _perturb(layer: Any) -> None:
    generator = torch.Generator().manual_seed(3)
    nn.init.normal_(layer.lora_B[ADAPTER].weight, std=0.05, generator=generator)
    if ADAPTER in layer.lora_magnitude_vector:
        weight = layer.lora_magnitude_vector[ADAPTER].weight
        weight.data *= 1 + 0.1 * torch.randn(weight.shape, generator=generator)


def _reference(layer: Any, method: str, scaling: float) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """The changed weight in float64, and the parameters that it hangs on."""
    weight = dense_weight(layer.get_base_layer()).double()
    leaves = {
        "a": layer.lora_A[ADAPTER].weight.detach().double().requires_grad_(),
        "b": layer.lora_B[ADAPTER].weight.detach().double().requires_grad_(),
    }
    changed = weight + scaling * leaves["b"] @ leaves["a"]
    if method == "dora":
        leaves["m"] = layer.lora_magnitude_vector[ADAPTER].weight.detach().double().requires_grad_()
        changed = changed * (leaves["m"] / changed.detach().norm(dim=1))[:, None]
    return changed, leaves


@pytest.mark.parametrize("base", FORMATS)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("module", ["self_attn.q_proj", "self_attn.k_proj", "mlp.down_proj"])
def test_forward_and_gradients_match_float64(method: str, base: str, module: str) -> None:
    site = demo_site(2, module, 4, base, method=method)
    layer = _layer(site)
    changed, leaves = _reference(layer, method, site.scaling or 0.0)
    x = torch.randn(3, 7, site.in_features, generator=torch.Generator().manual_seed(5), requires_grad=True)
    x64 = x.detach().double().requires_grad_()
    out, exact = layer(x), x64 @ changed.T
    out.pow(2).sum().backward()
    exact.pow(2).sum().backward()
    pairs = [
        (out, exact),
        (x.grad, x64.grad),
        (layer.lora_A[ADAPTER].weight.grad, leaves["a"].grad),
        (layer.lora_B[ADAPTER].weight.grad, leaves["b"].grad),
    ]
    if method == "dora":
        pairs.append((layer.lora_magnitude_vector[ADAPTER].weight.grad, leaves["m"].grad))
    tolerance = 2**-7 if base == "bf16" else 1e-5  # a bf16 site casts its input to bf16
    for ours, reference in pairs:
        assert ours is not None
        assert reference is not None
        assert (ours.double() - reference).norm() / reference.norm() < tolerance


@pytest.mark.parametrize("base", FORMATS)
@pytest.mark.parametrize("method", METHODS)
def test_a_new_adapter_changes_nothing_and_passes_the_audit(method: str, base: str) -> None:
    record = make_record(demo_sites(4, base, method=method))
    loaded = load(record)
    with torch.no_grad():
        before = loaded.model(IDS).logits
        model, _clock = build_adapters(loaded.model, record)
        assert (model.eval()(IDS).logits - before).norm() / before.norm() < 1e-6
    assert audit(model, record) == ()


def _mixed() -> tuple[SiteRecord, ...]:
    """Another method and base format in every block."""
    sites = []
    for site in demo_sites(4):
        method, base = METHODS[site.block % 3], FORMATS[site.block % 5]
        module = site.site.split(f"layers.{site.block}.")[1]
        sites.append(
            demo_site(site.block, module, 2 + site.block, base, method=method, dropout=0.05 * (site.block % 2))
        )
    return tuple(sites)


def test_a_mixed_plan_trains_and_passes_the_audit() -> None:
    record = make_record(_mixed())
    model, _clock = build_adapters(load(record).model, record)
    assert audit(model, record) == ()
    model(input_ids=IDS, labels=IDS).loss.backward()
    grads = {name: p.grad for name, p in model.named_parameters() if p.requires_grad}
    assert all(grad is not None and grad.isfinite().all() for grad in grads.values())
    assert any("magnitude" in name for name in grads)


@pytest.mark.parametrize(
    ("method", "other", "difference"),
    [
        ("rslora", "lora", ("scaling", 2.0, 4.0)),
        ("lora", "rslora", ("scaling", 4.0, 2.0)),
        ("dora", "lora", ("magnitude", False, True)),
    ],
)
def test_the_audit_tells_methods_apart(method: str, other: str, difference: tuple[str, Any, Any]) -> None:
    record = make_record(demo_sites(4, method=method))
    model, _clock = build_adapters(load(record).model, record)
    name = record.sites[0].site
    found = audit(model, replace(record, sites=with_site(record.sites, name, method=other)))
    assert [(d.site, d.key, d.planned, d.built) for d in found] == [(name, *difference)]


def test_the_audit_sees_another_threshold() -> None:
    record = make_record(demo_sites(4, "int8"))
    model, _clock = build_adapters(load(record).model, record)
    name = record.sites[0].site
    (found,) = audit(model, replace(record, sites=with_site(record.sites, name, threshold=6.0)))
    assert (found.key, found.planned, found.built) == ("threshold", 6.0, 0.0)


def test_a_mixed_plan_loads_in_plain_peft_with_the_same_logits(tmp_path: Path) -> None:
    methods = {"gate_proj": "rslora", "up_proj": "dora", "q_proj": "dora"}
    sites = tuple(
        demo_site(
            s.block,
            s.site.split(f"layers.{s.block}.")[1],
            2 + s.block % 3,
            "fp32",
            method=methods.get(s.module, "lora"),
        )
        for s in demo_sites()
    )
    record = make_record(sites)
    model, _clock = build_adapters(load(record).model, record)
    for layer in site_layers(model).values():
        _perturb(layer)
    save_adapter(model, record, tmp_path / "adapter")
    plain = PeftModel.from_pretrained(
        AutoModelForCausalLM.from_pretrained(BASE, dtype=torch.float32), tmp_path / "adapter"
    )
    with torch.no_grad():
        ours, theirs = model.eval()(IDS).logits, plain.eval()(IDS).logits
    assert (ours - theirs).norm() / ours.norm() < 1e-5


def test_the_update_norm_of_dora_is_that_of_the_changed_weight() -> None:
    site = demo_site(2, "mlp.up_proj", 4, method="dora")
    record = make_record((site,))
    base = load(record)
    model, _clock = build_adapters(base.model, record)
    layer: Any = site_layers(model)[site.site]
    _perturb(layer)
    changed, _leaves = _reference(layer, "dora", 2.0)
    expected = (changed.detach() - dense_weight(layer.get_base_layer()).double()).norm().item()
    assert dora_update(layer, ADAPTER).norm().item() == pytest.approx(expected, rel=1e-5)
    (row,) = site_statistics(model, base.norms, {})
    assert row["update_norm"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("compute_dtype", [torch.float32, torch.bfloat16])
def test_the_initialization_depends_on_neither_base_format_nor_compute_dtype(compute_dtype: torch.dtype) -> None:
    expected = _layer(demo_site(1, "mlp.up_proj", 8, "fp32")).lora_A[ADAPTER].weight
    for base in FORMATS:
        record = make_record((demo_site(1, "mlp.up_proj", 8, base),))
        model, _clock = build_adapters(load_base(record, CPU, compute_dtype).model, record)
        (layer,) = site_layers(model).values()
        assert layer.lora_A[ADAPTER].weight.dtype == torch.float32
        assert torch.equal(layer.lora_A[ADAPTER].weight, expected)


def test_int8_is_dequantized_alike_before_and_after_its_first_use() -> None:
    base = load(make_record((demo_site(0, "mlp.up_proj", None, "int8"),)))
    linear = base.model.get_submodule("model.layers.0.mlp.up_proj")
    assert isinstance(linear, bnb.nn.Linear8bitLt)
    before = dense_weight(linear)
    with torch.no_grad():
        base.model(IDS)
    assert torch.equal(dense_weight(linear), before)
    assert 0 < base.norms["model.layers.0.mlp.up_proj"].quant_error < 0.02
