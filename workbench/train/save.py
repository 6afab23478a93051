"""Saves the adapter so that plain peft loads it: stock `LoraConfig`, exact names, rank always with alpha."""

import json
import shutil
from collections import Counter
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model_state_dict
from safetensors.torch import save_file

from workbench.run.layout import RunDir
from workbench.run.record import RunRecord, SiteRecord
from workbench.train.adapters import ADAPTER, adapted_sites, site_layers
from workbench.train.dora import direction_norms

WEIGHTS_NAME = "adapter_model.safetensors"


def stock_config(record: RunRecord) -> LoraConfig:
    """The plan as a plain `LoraConfig`. Patterns are full site names, so no two of them overlap.

    peft matches patterns in the order of the dictionary but saves the dictionary sorted: overlapping patterns
    would come back with another scale. rslora has no pattern of its own: its scaling is written as an alpha.
    Dropout differs per site and does not matter for loading: the largest is named.
    """
    sites = adapted_sites(record)
    ranks = {name: (site.r, alpha_for(site)) for name, site in sites.items()}
    # Counter keeps the order of first appearance, so ties do not depend on hashing.
    (r, alpha), _ = Counter(ranks.values()).most_common(1)[0]
    odd = {name: pair for name, pair in ranks.items() if pair != (r, alpha)}
    return LoraConfig(
        task_type="CAUSAL_LM",
        inference_mode=True,
        base_model_name_or_path=record.model_path,
        r=r,
        lora_alpha=alpha,
        lora_dropout=max(site.dropout or 0.0 for site in sites.values()),
        target_modules=sorted(sites),
        rank_pattern={name: rank for name, (rank, _) in odd.items()},
        alpha_pattern={name: alpha for name, (_, alpha) in odd.items()},
        use_dora=any(site.method == "dora" for site in sites.values()),
    )


def alpha_for(site: SiteRecord) -> float:
    """The alpha whose quotient with the rank is the site's scaling."""
    return site.alpha or 0.0 if site.method != "rslora" else (site.scaling or 0.0) * (site.r or 0)


def save_adapter(model: PeftModel, record: RunRecord, folder: Path) -> int:
    """Writes the adapter folder whole or not at all, and returns the bytes of its weights."""
    fresh = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    try:
        _write(model, record, fresh)
        shutil.rmtree(folder, ignore_errors=True)
        fresh.rename(folder)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    return (folder / WEIGHTS_NAME).stat().st_size


def _write(model: PeftModel, record: RunRecord, folder: Path) -> None:
    state = get_peft_model_state_dict(model, adapter_name=ADAPTER, save_embedding_layers=False)
    state |= _neutral_magnitudes(model, record)
    save_file({name: tensor.contiguous().cpu() for name, tensor in state.items()}, folder / WEIGHTS_NAME)
    _write_config(stock_config(record), folder)


def publish_adapter(run_dir: RunDir, attempt: int) -> None:
    """Points `adapter` at what a finished attempt saved; adapters of other attempts stay beside it."""
    link = run_dir.path / ".adapter.link"
    link.unlink(missing_ok=True)
    link.symlink_to(run_dir.adapter_of(attempt).name, target_is_directory=True)
    link.replace(run_dir.adapter)


def _neutral_magnitudes(model: PeftModel, record: RunRecord) -> dict[str, torch.Tensor]:
    """Magnitudes for the other sites of a plan with DoRA: peft knows DoRA for all sites or for none.

    A magnitude equal to the norm of the changed weight leaves that weight as it is, on this very base.
    """
    methods = {site.site: site.method for site in record.sites}
    if "dora" not in methods.values():
        return {}
    return {
        f"base_model.model.{name}.lora_magnitude_vector": direction_norms(layer, ADAPTER)
        for name, layer in site_layers(model).items()
        if methods[name] != "dora"
    }


def _write_config(config: LoraConfig, folder: Path) -> None:
    config.save_pretrained(folder)
    # peft keeps the names in a set, whose order differs from process to process.
    path = folder / "adapter_config.json"
    values = json.loads(path.read_text(encoding="utf-8"))
    values["target_modules"].sort()
    path.write_text(json.dumps(values, indent=2, sort_keys=True) + "\n", encoding="utf-8")
