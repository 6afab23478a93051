"""A finished run's model as it was trained: its base, its adapters, its saved weights."""

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from peft import PeftModel

from workbench.run.layout import RunDir
from workbench.run.recipe import recipe_from_dict
from workbench.run.record import RunRecord, read_record
from workbench.train.adapters import build_adapters
from workbench.train.base import Base, load_base, pick_compute_dtype
from workbench.train.save import load_adapter, load_starts


@dataclass(frozen=True, slots=True)
class OpenRun:
    """The model in eval mode, beside the base that it wraps."""

    record: RunRecord
    model: PeftModel
    base: Base


def open_run(run_dir: RunDir, device: torch.device | None = None, model_folder: Path | None = None) -> OpenRun:
    """Loads the adapter of the run's last finished attempt onto its base, which is made as it was for training.

    `model_folder` is where the model is now, if it is not where it was.

    Raises NotFoundError where the run has no adapter or its model is gone, InvalidError where the files do not fit.
    """
    record, device = read_record(run_dir.record), device or torch.device("cpu")
    record = replace(record, model_path=str(model_folder or record.model_path))
    starts = load_starts(run_dir.adapter)
    dtype = pick_compute_dtype(recipe_from_dict(record.recipe).compute_dtype, device)
    base = load_base(record, device, dtype, starts)
    model, _clock = build_adapters(base.model, record, base.starts)
    load_adapter(model, run_dir.adapter)
    return OpenRun(record, model.eval(), base)
