"""Every family from a saved folder to an adapter that plain peft loads, in one process to import libraries once."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from tests.families import VARIANTS, save_random
from tests.train.support import load
from workbench.data.load import load_data
from workbench.plan.files import check_text, plan_or_raise
from workbench.plan.fingerprint import model_fingerprint
from workbench.plan.plan import Plan
from workbench.run.events import EventLog, read_events
from workbench.run.identity import make_record
from workbench.run.layout import Home, RunDir
from workbench.run.prepare import prepare
from workbench.run.recipe import Recipe
from workbench.train.adapters import ADAPTER, build_adapters, site_layers
from workbench.train.demo_base import character_tokenizer
from workbench.train.save import save_adapter
from workbench.train.stop import StopFlag
from workbench.train.train_run import train_run

pytestmark = pytest.mark.slow
SIZES = {"hidden_size": 64, "vocab_size": 128}  # rows of the MLP (48) do not end where blocks of 64 end
IDS = torch.arange(4, 36).reshape(2, 16)


def model_folder(name: str, folder: Path) -> Path:
    save_random(name, folder, **SIZES)
    character_tokenizer().save_pretrained(folder)
    return folder


def plan_of(home: Home, model: Path, base: str) -> Plan:
    text = json.dumps({"model": str(model), "base": base, "defaults": {"r": 2}, "rules": ["* all"]})
    return plan_or_raise(check_text(text, Path("plan.yaml"), home), "plan")


def recipe_in(folder: Path, **changes: Any) -> Recipe:
    data = folder / "data.jsonl"
    lines = [json.dumps({"prompt": f"{a}{b}=", "completion": f"{b}{a}"}) for a in "abcde" for b in "fghij"]
    data.write_text("\n".join(lines) + "\n", encoding="utf-8")
    values: dict[str, Any] = {
        "eval_data": str(data),
        "steps": 2,
        "batch": 25,
        "max_length": 16,
        "lr": 0.05,
        "warmup": 0,
    }
    return Recipe(**{"data": str(data), **values, **changes})


def train(home: Home, plan: Plan, recipe: Recipe) -> RunDir:
    """One run, from its record to its last event, in this process."""
    fingerprint = model_fingerprint(plan.map.path, home.cache)
    record = make_record(plan, "test", recipe, load_data(recipe), fingerprint, 1, {"total": 0})
    run_dir = prepare(home, record)
    log = EventLog(run_dir.events, record.run_id, 1)
    try:
        train_run(run_dir, 1, log, StopFlag())
    finally:
        log.close()
    return run_dir


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        return model.eval()(input_ids=IDS, attention_mask=torch.ones_like(IDS)).logits


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_run_of_every_family(tmp_path: Path, variant: str) -> None:
    home, model = Home(tmp_path / "home"), model_folder(variant, tmp_path / "model")
    plan = plan_of(home, model, "nf4")
    run_dir = train(home, plan, recipe_in(tmp_path, gradient_checkpointing=True))
    events = read_events(run_dir.events)
    assert [event["kind"] for event in events if event["kind"] in ("audit", "finished", "failed")] == [
        "audit",
        "finished",
    ]
    losses = [event["values"]["loss"] for event in events if event["kind"] == "metric"]
    assert len(losses) == 2
    assert losses[1] < losses[0]
    stats = next(event["sites"] for event in events if event["kind"] == "site_stats")
    assert len(stats) == len(plan.sites)
    assert all(site["update_norm"] > 0 and 0 < site["quant_error"] < 0.15 for site in stats)
    plain = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    bare = logits(plain)
    loaded = PeftModel.from_pretrained(plain, str(run_dir.adapter))
    assert (logits(loaded) - bare).norm() / bare.norm() > 1e-3
    assert sorted(loaded.targeted_module_names) == sorted(site.site.name for site in plan.adapted)


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_adapter_is_the_same_in_plain_peft(tmp_path: Path, variant: str) -> None:
    # in fp32, because plain 4-bit loading on the CPU is wrong for rows that do not end where blocks end
    home, model = Home(tmp_path / "home"), model_folder(variant, tmp_path / "model")
    recipe = recipe_in(tmp_path)
    plan = plan_of(home, model, "fp32")
    record = make_record(plan, "test", recipe, load_data(recipe), "0" * 64, 1, {"total": 0})
    ours, _clock = build_adapters(load(record).model, record)
    for number, layer in enumerate(site_layers(ours).values()):
        generator = torch.Generator().manual_seed(number)
        torch.nn.init.normal_(layer.lora_B[ADAPTER].weight, std=0.1, generator=generator)
    save_adapter(ours, record, tmp_path / "adapter")
    plain = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    bare = logits(plain)
    theirs = logits(PeftModel.from_pretrained(plain, str(tmp_path / "adapter")))
    assert (theirs - bare).norm() / bare.norm() > 1e-2
    assert (logits(ours) - theirs).norm() / theirs.norm() < 1e-5


@pytest.mark.parametrize("variant", ["mistral", "falcon", "opt"])
def test_a_checkpoint_of_the_base_class_runs(tmp_path: Path, variant: str) -> None:
    home, model = Home(tmp_path / "home"), save_random(variant, tmp_path / "model", "AutoModel", **SIZES)
    character_tokenizer().save_pretrained(model)
    recipe, plan = recipe_in(tmp_path), plan_of(home, model, "nf4")
    events = read_events(train(home, plan, recipe).events)
    assert events[-1]["kind"] == "finished"
    lacking = [event["message"] for event in events if event["kind"] == "warning" and "lacks" in event["message"]]
    assert len(lacking) == (variant == "mistral")  # the others' head is tied to the embeddings
    record = make_record(plan, "test", recipe, load_data(recipe), "0" * 64, 1, {"total": 0})
    first, second = load(record).model, load(record).model
    assert torch.equal(first.lm_head.weight, second.lm_head.weight)
    assert plan.map.base_params == sum(p.numel() for p in AutoModelForCausalLM.from_pretrained(model).parameters())
