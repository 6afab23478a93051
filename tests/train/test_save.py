"""Plain peft loads what was saved, with the same logits."""

import json
from pathlib import Path

import bitsandbytes as bnb
import pytest
import torch
from peft import PeftModel
from torch import nn
from transformers import AutoModelForCausalLM, BitsAndBytesConfig

from tests.train.support import BASE, demo_sites, load, make_record, with_site
from workbench.run.record import RunRecord
from workbench.train.adapters import build_adapters
from workbench.train.four_bit import keep_unpacked
from workbench.train.save import save_adapter

IDS = torch.arange(4, 44).reshape(2, 20)


def _mixed_record(base: str) -> RunRecord:
    """Ranks, scales and dropout that differ, block 1 beside a 1 that ends other names, and a site left out."""
    sites = demo_sites(4, base)
    sites = with_site(sites, "model.layers.1.mlp.up_proj", r=2, alpha=9.0, scaling=4.5, trainable_params=2 * 512)
    sites = with_site(sites, "model.layers.1.mlp.gate_proj", r=8, alpha=16.0, trainable_params=8 * 512)
    sites = with_site(sites, "model.layers.3.self_attn.k_proj", dropout=0.2)
    off = dict.fromkeys(("r", "alpha", "scaling", "dropout"))
    return make_record(with_site(sites, "model.layers.5.mlp.down_proj", method="none", trainable_params=0, **off))


def _plain_base(base: str) -> nn.Module:
    if base == "fp32":
        return AutoModelForCausalLM.from_pretrained(BASE, dtype=torch.float32)
    config = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type=base, bnb_4bit_use_double_quant=True)
    model = AutoModelForCausalLM.from_pretrained(
        BASE, dtype=torch.float32, device_map={"": "cpu"}, quantization_config=config
    )
    for layer in model.modules():
        if isinstance(layer, bnb.nn.Linear4bit):
            keep_unpacked(layer)
    return model


@pytest.mark.parametrize("base", ["nf4", "fp32"])
def test_plain_peft_gives_the_same_logits(tmp_path: Path, base: str) -> None:
    record = _mixed_record(base)
    model, _clock = build_adapters(load(record).model, record)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(parameter, std=0.05, generator=torch.Generator().manual_seed(len(name)))
    written = save_adapter(model, record, tmp_path / "adapter")
    plain = PeftModel.from_pretrained(_plain_base(base), str(tmp_path / "adapter"))
    with torch.no_grad():
        ours, theirs = model.eval()(IDS).logits, plain.eval()(IDS).logits
    bare = _plain_base(base)(IDS).logits
    assert not torch.allclose(ours, bare, atol=1e-2)
    assert (ours - theirs).norm() / ours.norm() < 1e-5
    assert written == (tmp_path / "adapter/adapter_model.safetensors").stat().st_size


def test_the_configuration_is_stock_and_names_sites_exactly(tmp_path: Path) -> None:
    record = _mixed_record("fp32")
    model, _clock = build_adapters(load(record).model, record)
    save_adapter(model, record, tmp_path / "adapter")
    config = json.loads((tmp_path / "adapter/adapter_config.json").read_text())
    assert config["peft_type"] == "LORA"
    assert config["target_modules"] == sorted(s.site for s in record.sites if s.method == "lora")
    assert config["rank_pattern"] == {"model.layers.1.mlp.gate_proj": 8, "model.layers.1.mlp.up_proj": 2}
    assert config["alpha_pattern"] == {"model.layers.1.mlp.gate_proj": 16.0, "model.layers.1.mlp.up_proj": 9.0}
    assert (config["r"], config["lora_alpha"], config["lora_dropout"]) == (4, 8.0, 0.2)
    assert "plan_sites" not in config


def test_saving_again_replaces_the_folder_whole(tmp_path: Path) -> None:
    record = make_record(demo_sites())
    model, _clock = build_adapters(load(record).model, record)
    save_adapter(model, record, tmp_path / "adapter")
    first = (tmp_path / "adapter/adapter_config.json").read_bytes()
    (tmp_path / "adapter/stray").touch()
    save_adapter(model, record, tmp_path / "adapter")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["adapter"]
    assert not (tmp_path / "adapter/stray").exists()
    assert (tmp_path / "adapter/adapter_config.json").read_bytes() == first
