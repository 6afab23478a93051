"""Saves what a run has trained, and loads it again.

Where every site is plain LoRA (or DoRA) on a base that anyone can make, as a peft checkpoint: stock `LoraConfig`, exact
names, rank always with alpha. Else under another file name, so that no other program takes for LoRA what is none: the
matrices as they are, and what the base needs to be made again. `workbench adapter export` makes LoRA of that.
"""

import json
import math
import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model_state_dict, set_peft_model_state_dict
from safetensors import safe_open
from safetensors.torch import load_file

from workbench.errors import InvalidError, NotFoundError
from workbench.run.layout import RunDir
from workbench.run.record import RunRecord, SiteRecord
from workbench.train.adapters import ADAPTER, adapted_sites, site_layers, starts_of, structure_of
from workbench.train.dora import direction_norms
from workbench.train.start import FROM_WEIGHT, StartFactors
from workbench.train.tensor_file import write_tensors

_PARTS = tuple(field.name for field in fields(StartFactors))

WEIGHTS_NAME = "adapter_model.safetensors"
OWN_WEIGHTS_NAME = "plan_adapter.safetensors"
_START = "start."


def is_stock(record: RunRecord) -> bool:
    """Whether plain peft loads the adapter onto a base that it can make itself."""
    return all(
        (structure.plain or structure.magnitude) and site.init not in FROM_WEIGHT
        for site in adapted_sites(record).values()
        for structure in (structure_of(site),)
    )


def stock_config(record: RunRecord) -> LoraConfig:
    """The plan as a plain `LoraConfig`. rslora has no pattern of its own: its scaling is written as an alpha."""
    sites = adapted_sites(record)
    numbers = {name: (site.r or 0, alpha_for(site)) for name, site in sites.items()}
    return lora_config(record, numbers, any(structure_of(site).magnitude for site in sites.values()))


def lora_config(record: RunRecord, numbers: Mapping[str, tuple[int, float]], use_dora: bool = False) -> LoraConfig:
    """A plain `LoraConfig` that gives every site its rank and alpha. Patterns are full names, so no two overlap.

    peft matches patterns in the order of the dictionary but saves the dictionary sorted: overlapping patterns
    would come back with another scale. Dropout differs per site and does not matter for loading: the largest is named.
    """
    # Counter keeps the order of first appearance, so ties do not depend on hashing.
    (r, alpha), _ = Counter(numbers.values()).most_common(1)[0]
    odd = {name: pair for name, pair in numbers.items() if pair != (r, alpha)}
    return LoraConfig(
        task_type="CAUSAL_LM",
        inference_mode=True,
        base_model_name_or_path=record.model_path,
        r=r,
        lora_alpha=alpha,
        lora_dropout=max(site.dropout or 0.0 for site in adapted_sites(record).values()),
        target_modules=sorted(numbers),
        rank_pattern={name: rank for name, (rank, _) in odd.items()},
        alpha_pattern={name: alpha for name, (_, alpha) in odd.items()},
        use_dora=use_dora,
    )


def alpha_for(site: SiteRecord) -> float:
    """The alpha whose quotient with the rank is the site's scaling, whatever the method divides by."""
    quotient, scaling = (site.alpha or 0.0) / (site.r or 1), site.scaling or 0.0
    return site.alpha or 0.0 if math.isclose(quotient, scaling, rel_tol=1e-12) else scaling * (site.r or 0)


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
    return weights_file(folder).stat().st_size


def weights_file(folder: Path) -> Path:
    """The weights of a saved adapter, of either kind. Raises NotFoundError where there are none."""
    for name in (WEIGHTS_NAME, OWN_WEIGHTS_NAME):
        if (folder / name).is_file():
            return folder / name
    raise NotFoundError(f"{folder}: no adapter weights", "only a run that has finished has an adapter")


def _write(model: PeftModel, record: RunRecord, folder: Path) -> None:
    state = get_peft_model_state_dict(model, adapter_name=ADAPTER, save_embedding_layers=False)
    if is_stock(record):
        state |= _neutral_magnitudes(model, record)
        write_tensors(state, folder / WEIGHTS_NAME)
        write_config(stock_config(record), folder)
    else:
        write_tensors(state | _named(starts_of(model)), folder / OWN_WEIGHTS_NAME)


def _named(starts: Mapping[str, StartFactors]) -> dict[str, torch.Tensor]:
    # cloned: for pissa the offset is the start, and a file cannot hold one tensor under two names
    return {f"{_START}{site}.{part}": getattr(start, part).clone() for site, start in starts.items() for part in _PARTS}


def load_starts(folder: Path) -> dict[str, StartFactors]:
    """The start factors that a saved adapter's base was made with, by site; none for most."""
    found: dict[str, dict[str, torch.Tensor]] = {}
    with safe_open(weights_file(folder), "pt") as file:
        for name in file.keys():  # noqa: SIM118 - not a dictionary
            if name.startswith(_START):
                site, _, part = name.removeprefix(_START).rpartition(".")
                found.setdefault(site, {})[part] = file.get_tensor(name)
    return {site: StartFactors(**parts) for site, parts in found.items()}


def load_adapter(model: PeftModel, folder: Path) -> None:
    """Reads saved weights into a model that `build_adapters` made of the same record.

    Raises NotFoundError where there are none, InvalidError where they are not those of this plan.
    """
    path = weights_file(folder)
    state = {name: tensor for name, tensor in load_file(path).items() if not name.startswith(_START)}
    wanted = get_peft_model_state_dict(model, adapter_name=ADAPTER, save_embedding_layers=False)
    # a plan with DoRA has magnitudes for every site in its file, but layers for those alone that train one
    state = {name: tensor for name, tensor in state.items() if name in wanted or "magnitude" not in name}
    shapes = [{name: tuple(tensor.shape) for name, tensor in part.items()} for part in (state, wanted)]
    if odd := sorted(set(shapes[0].items()) ^ set(shapes[1].items())):
        names = ", ".join(dict.fromkeys(name for name, _ in odd[:3]))
        raise InvalidError(f"{path}: not the weights of this run's plan ({names})", "restore the run's folder")
    set_peft_model_state_dict(model, state, adapter_name=ADAPTER)


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
    magnitudes = {name: structure_of(site).magnitude for name, site in adapted_sites(record).items()}
    if not any(magnitudes.values()):
        return {}
    return {
        f"base_model.model.{name}.lora_magnitude_vector": direction_norms(layer, ADAPTER)
        for name, layer in site_layers(model).items()
        if not magnitudes[name]
    }


def write_config(config: LoraConfig, folder: Path) -> None:
    """Writes adapter_config.json, the same at every time."""
    config.save_pretrained(folder)
    # peft keeps the names in a set, whose order differs from process to process.
    path = folder / "adapter_config.json"
    values = json.loads(path.read_text(encoding="utf-8"))
    values["target_modules"].sort()
    path.write_text(json.dumps(values, indent=2, sort_keys=True) + "\n", encoding="utf-8")
