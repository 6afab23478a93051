import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.plan.support import check_rules, make_plan
from workbench.plan.cost import (
    discount,
    flops_per_token,
    group_costs,
    memory,
    plan_check_json,
    share_of_base,
    trainable_bytes,
)
from workbench.plan.plan import Plan, site_records
from workbench.run.layout import Home
from workbench.run.record import SiteRecord


@pytest.mark.parametrize("family", ["llama", "qwen2", "gpt_neox"])
def test_trainable_parameters_are_those_of_peft(saved_model: Callable[[str], Path], home: Home, family: str) -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    plan = make_plan(home, saved_model(family), "* attn r=3", "upper mlp r=5", "0 all off")
    ranks = {p.site.name: p.adapter.r for p in plan.adapted if p.adapter}
    config = LoraConfig(target_modules=list(ranks), rank_pattern=ranks)
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(plan.map.path), config)
    assert plan.trainable_params == model.get_nb_trainable_parameters()[0]


def first_sites(plan: Plan, blocks: int) -> tuple[SiteRecord, ...]:
    return tuple(site for site in site_records(plan) if site.block < blocks)


def saved_bytes(folder: Path, blocks: int, plan: Plan, dtype: Any, tokens: int) -> int:
    """What autograd keeps of a forward pass with the plan's adapters on the model's first blocks, weights left out."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    from tests.train.support import make_record
    from workbench.train.adapters import build_adapters

    config = AutoConfig.from_pretrained(folder, num_hidden_layers=blocks)
    base: Any = AutoModelForCausalLM.from_config(config, dtype=dtype)
    model, _clock = build_adapters(base.requires_grad_(False), make_record(first_sites(plan, blocks)))
    model.train()
    weights = {t.untyped_storage().data_ptr() for t in (*model.parameters(), *model.buffers())}
    kept: dict[int, Any] = {}

    def keep(tensor: Any) -> Any:
        if (place := tensor.untyped_storage().data_ptr()) not in weights:
            kept[place] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        output = model(input_ids=torch.arange(tokens)[None] % config.vocab_size)
    assert output.logits.requires_grad
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values())


@pytest.mark.parametrize("dropout", [0, 0.1])
@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
@pytest.mark.parametrize("modules", ["all", "q,v", "mlp"])
def test_activations_are_what_autograd_keeps(
    saved_model: Callable[[str], Path], home: Home, dtype: str, modules: str, dropout: float
) -> None:
    import torch

    folder, tokens = saved_model("llama"), 40
    plan = make_plan(home, folder, f"* {modules} r=4 dropout={dropout}", base=dtype)
    torch_dtype = {"fp32": torch.float32, "bf16": torch.bfloat16}[dtype]
    three, two = (saved_bytes(folder, n, plan, torch_dtype, tokens) for n in (3, 2))
    upper = make_plan(home, folder, f"1- {modules} r=4 dropout={dropout}", base=dtype)
    predicted = memory(plan, tokens, dtype).activations - memory(upper, tokens, dtype).activations
    assert predicted == pytest.approx(three - two, rel=0.001)


def test_memory_by_part(home: Home, llama: Path) -> None:
    plan = make_plan(home, llama, "* all r=4 base=fp32", "* mlp off")
    estimate = memory(plan, tokens=8)
    weights = sum(p.site.params for p in plan.sites)
    assert estimate.base == 4 * weights
    assert estimate.embeddings == 4 * (plan.map.base_params - weights)
    assert estimate.trainable == 16 * plan.trainable_params == trainable_bytes(plan)
    assert memory(plan, 8, optimizer="adamw_8bit").trainable == 10 * plan.trainable_params
    assert estimate.logits == 8 * 10 * 17
    assert memory(plan, 8, "bf16").logits == 8 * 10 * 12
    assert (estimate.context, memory(plan, 8, device="cuda:0").context) == (406_000_000, 400_000_000)
    parts = estimate.parts()
    assert parts.pop("total") == sum(parts.values()) == estimate.total
    assert list(parts) == ["base", "embeddings", "trainable", "activations", "logits", "context"]


def test_the_base_of_a_quantized_model_is_what_bitsandbytes_holds(
    saved_model: Callable[[str], Path], home: Home
) -> None:
    import bitsandbytes
    import torch
    from transformers import AutoModelForCausalLM

    folder = saved_model("llama")
    loaded = dict(AutoModelForCausalLM.from_pretrained(folder).named_modules())
    plan = make_plan(home, folder)
    measured = 0
    for planned in plan.sites:
        weight = bitsandbytes.nn.Params4bit(loaded[planned.site.name].weight.data, quant_type="nf4")
        weight = weight._quantize(torch.device("cpu"))
        state = weight.quant_state
        for tensor in (weight.data, state.absmax, state.state2.absmax, state.offset):
            measured += tensor.numel() * tensor.element_size()
    assert memory(plan).base == measured


def test_blocks_below_the_lowest_adapted_one_keep_nothing(home: Home, llama: Path) -> None:
    def kept(*rules: str, **options: Any) -> int:
        return memory(make_plan(home, llama, *rules, base="fp32"), 100, **options).activations

    alone = kept("3 all r=4")
    assert kept("* all r=4") == 4 * alone
    assert kept("2- all r=4") == 2 * alone
    assert kept("* all r=4", gradient_checkpointing=True) == alone + 100 * 4 * 4 * 16
    assert 0 < kept() < alone  # a reference plan runs forward only


@pytest.mark.parametrize("options", [{"gradient_checkpointing": True}, {"optimizer": "mezo"}])
def test_logits_and_the_block_at_work_are_never_there_at_once(
    saved_model: Callable[[str], Path], home: Home, options: dict[str, Any]
) -> None:
    plan = make_plan(home, saved_model("llama"), "* all r=4", base="fp32")
    kept_all, one_by_one = memory(plan, 100), memory(plan, 100, **options)
    block = one_by_one.activations - (100 * 4 * 4 * 16 if "gradient_checkpointing" in options else 0)
    logits = kept_all.logits - (100 * 10 * 4 if "optimizer" in options else 0)
    assert one_by_one.logits == max(0, logits - block)


def test_mezo_needs_the_memory_of_inference(home: Home, llama: Path) -> None:
    plan, one = (make_plan(home, llama, f"{blocks} all r=4", base="fp32") for blocks in ("*", "3"))
    reference = memory(make_plan(home, llama, base="fp32"), 100)
    estimate = memory(plan, 100, optimizer="mezo")
    assert estimate.trainable == 8 * plan.trainable_params
    assert estimate.activations == memory(one, 100).activations  # one block, with its adapters
    assert memory(plan, 100, optimizer="mezo", gradient_checkpointing=True) == estimate
    without = {"trainable", "activations", "total"}
    assert {k: v for k, v in estimate.parts().items() if k not in without} == {
        k: v for k, v in reference.parts().items() if k not in without
    }
    assert memory(make_plan(home, llama, base="fp32"), 100, optimizer="mezo") == reference


def test_the_largest_dequantized_weight_counts_once(home: Home, llama: Path) -> None:
    plain, quantized = (memory(make_plan(home, llama, "* all r=4", base=b), 1) for b in ("fp32", "nf4"))
    assert quantized.activations - plain.activations == 4 * 16 * 24


def test_flops(home: Home, llama: Path) -> None:
    plan = make_plan(home, llama, "* all r=2")
    weights, head, attention = sum(p.site.params for p in plan.sites), 160, 16 * 5 * 4
    flops = flops_per_token(plan, sequence_length=5)
    assert flops.forward == 2 * weights + 2 * head + 2 * attention
    assert flops.backward == 2 * weights + 2 * head + 5 * attention
    assert flops.adapters == 6 * plan.trainable_params
    assert flops.recompute == 0
    assert flops.total == flops.forward + flops.backward + flops.adapters
    assert flops_per_token(plan, 5, gradient_checkpointing=True).recompute == 2 * weights + 2 * attention
    upper = flops_per_token(make_plan(home, llama, "3 all r=2"), 5)
    assert upper.backward == 2 * head + (2 * weights + 5 * attention) // 4
    mezo = flops_per_token(plan, 5, gradient_checkpointing=True, optimizer="mezo")
    assert (mezo.forward, mezo.backward, mezo.recompute) == (2 * flops.forward, 0, 0)
    assert mezo.adapters == 2 * 2 * plan.trainable_params
    reference = flops_per_token(make_plan(home, llama), 5)
    assert (reference.total, reference.backward) == (flops.forward, 0)


def test_groups_share_and_discount(home: Home, llama: Path) -> None:
    plan = make_plan(home, llama, "* all r=4", groups={"late": "upper q,v"})
    cut = make_plan(home, llama, "* all r=4", "* all r/=4")
    costs = {cost.name: cost for cost in group_costs(plan)}
    assert list(costs) == ["attention", "mlp", "lower", "middle", "upper", "late", "all"]
    assert (costs["late"].sites, costs["late"].trainable_params) == (2, 4 * (32 + 24))
    assert costs["attention"].trainable_params + costs["mlp"].trainable_params == plan.trainable_params
    assert costs["all"].adapted == 28
    assert discount(cut, plan) == 0.75
    assert discount(plan, make_plan(home, llama)) is None
    assert share_of_base(plan) == plan.trainable_params / plan.map.base_params


def test_plan_check_json(home: Home, llama: Path) -> None:
    answer = plan_check_json(check_rules(home, llama, "* q r=4", "* q r=2"))
    assert answer["ok"] is True
    assert answer["trainable_params"] == 4 * 2 * 32
    assert set(answer["memory"]) == {
        "tokens", "base", "embeddings", "trainable", "activations", "logits", "context", "total",
    }  # fmt: skip
    assert (answer["sites"][0]["method"], answer["sites"][0]["r"], answer["sites"][1]["r"]) == ("lora", 2, None)
    assert [w["where"] for w in answer["warnings"]] == ["plan.yaml:2:9 rules[0]"]
    assert json.loads(json.dumps(answer)) == answer


def test_plan_check_json_of_a_faulty_plan(home: Home, llama: Path) -> None:
    answer = plan_check_json(check_rules(home, llama, "* mlpp"))
    assert (answer["ok"], answer["hash"], answer["memory"], answer["sites"]) == (False, None, None, [])
    assert [error["message"] for error in answer["errors"]] == ["'mlpp' is no module"]
    assert set(answer["errors"][0]) == {"where", "message", "hint"}
