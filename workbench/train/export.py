"""Writes the checkpoint of `adapter export`: what plain `PeftModel.from_pretrained` loads."""

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

import torch
from peft import LoraConfig

from workbench.plan.sources import hub_id
from workbench.run.exported import Exported
from workbench.run.record import RunRecord
from workbench.train.adapters import adapted_sites
from workbench.train.plain_lora import (
    PlainFactors,
    approximate_sites,
    check_exportable,
    magnitude_sites,
    plain_factors,
    uniform_factors,
)
from workbench.train.save import WEIGHTS_NAME, lora_config, stock_config, write_config
from workbench.train.saved_update import SavedUpdates
from workbench.train.start import FROM_WEIGHT
from workbench.train.tensor_file import write_tensors


@dataclass(frozen=True, slots=True)
class Wanted:
    """`uniform`: one rank and alpha for all sites. `onto`: `trained` or `original`. `base`: a dtype, or None."""

    uniform: bool = False
    onto: str = "trained"
    base: str | None = None


def write_checkpoint(record: RunRecord, adapter: Path, wanted: Wanted, folder: Path) -> Exported:
    """Writes weights, configuration and marker into an empty folder; the base is written elsewhere.

    Raises InvalidError where no LoRA checkpoint can hold the adapter, or the saved one does not fit the record.
    """
    check_exportable(record, wanted.uniform)
    if magnitude_sites(record):
        kind, config = "dora", stock_config(record)
        shutil.copyfile(adapter / WEIGHTS_NAME, folder / WEIGHTS_NAME)
        ranks = [site.r or 0 for site in adapted_sites(record).values()]
    else:
        factors = plain_factors(record, SavedUpdates(adapter), wanted.onto)
        factors = uniform_factors(factors) if wanted.uniform else factors
        kind, config = "lora", lora_config(record, {name: (f.r, f.alpha) for name, f in factors.items()})
        write_tensors(_named(factors), folder / WEIGHTS_NAME)
        ranks = [f.r for f in factors.values()]
    _name_base(config, record)
    write_config(config, folder)
    exported = Exported(
        run_id=record.run_id,
        kind=kind,
        sites=len(ranks),
        ranks=(min(ranks), max(ranks)),
        uniform=wanted.uniform,
        onto=wanted.onto,
        fitted=wanted.onto == "trained" and any(site.init in FROM_WEIGHT for site in record.sites),
        base=wanted.base,
        approximate=approximate_sites(record) if wanted.onto == "original" else (),
        bytes=(folder / WEIGHTS_NAME).stat().st_size,
        sha256=_sha256(folder / WEIGHTS_NAME),
    )
    exported.write_marker(folder)
    return exported


def _named(factors: dict[str, PlainFactors]) -> dict[str, torch.Tensor]:
    """The names that peft gives them."""
    parts = {name: {"lora_A": f.a, "lora_B": f.b} for name, f in factors.items()}
    return {
        f"base_model.model.{name}.{part}.weight": tensor
        for name, tensors in parts.items()
        for part, tensor in tensors.items()
    }


def _name_base(config: LoraConfig, record: RunRecord) -> None:
    """A hub id stands for itself; the place in the cache means nothing elsewhere."""
    if found := hub_id(record.model, record.model_path):
        config.base_model_name_or_path = found
        config.revision = record.plan_file.get("revision")


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
