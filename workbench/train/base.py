"""Loads the frozen base of a run in the formats of its plan."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedConfig

from workbench.errors import InvalidError, NotFoundError
from workbench.plan.settings import BaseSettings
from workbench.run.record import RunRecord, SiteRecord
from workbench.train.quantizer import PlanQuantConfig, SiteStorage, WeightNorms
from workbench.train.start import StartFactors, StartPlan, start_plan


@dataclass(frozen=True, slots=True)
class Base:
    """A loaded base: the model, the norms of its original weights by site name, and how long loading took.

    `missing` names weights that the checkpoint lacks: they hold random values. `silenced` names the dropouts of the
    model's own configuration that were set to zero. `starts` has the first factors of the sites whose adapters start
    from the original weight, on the base's device.
    """

    model: nn.Module
    norms: dict[str, WeightNorms]
    seconds: float
    params: int
    bytes: int
    missing: tuple[str, ...]
    silenced: tuple[str, ...]
    starts: dict[str, StartFactors]


def pick_device() -> torch.device:
    """The first visible GPU, else the CPU. The launcher decides what is visible."""
    return torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")


def pick_compute_dtype(wanted: str, device: torch.device) -> torch.dtype:
    """`auto` is bf16 on GPUs that have it and fp32 on the CPU; raises InvalidError on a GPU without bf16."""
    has_bf16 = device.type == "cpu" or torch.cuda.is_bf16_supported(including_emulation=False)
    if wanted != "fp32" and not has_bf16:
        raise InvalidError(
            f"{torch.cuda.get_device_name(device)} has no bf16, and fp16 training is not supported",
            "set compute_dtype: fp32 in the recipe",
        )
    if wanted == "auto":
        return torch.bfloat16 if device.type == "cuda" else torch.float32
    return {"bf16": torch.bfloat16, "fp32": torch.float32}[wanted]


def load_base(
    record: RunRecord,
    device: torch.device,
    compute_dtype: torch.dtype,
    starts: Mapping[str, StartFactors] | None = None,
) -> Base:
    """Loads the model with every site in its planned format; the rest is kept in the compute dtype.

    Transformers chooses SDPA attention where the architecture has it. Dropout of the base's own is switched off:
    it would draw from a generator that all sites share, so that runs would not be paired by seed.
    Sites whose adapters start from the original weight get a base that fits those adapters. With `starts`, such as a
    saved adapter has them, it is built from these and is the very base that they were saved with; without, they are
    worked out. Raises NotFoundError when the model's folder does not exist any more, and InvalidError where `starts`
    does not fit the record.
    """
    began = time.monotonic()
    if not Path(record.model_path).is_dir():
        raise NotFoundError(
            f"{record.model_path}: the model's folder is gone", "put it back, or plan on another folder"
        )
    storage = {site.site: _storage(site) for site in record.sites}
    if starts is not None:
        _check_starts(record, storage, starts)
    config = PlanQuantConfig(storage, compute_dtype, starts)
    own, silenced = _without_dropout(record.model_path)
    with torch.random.fork_rng():
        torch.manual_seed(0)  # weights that the checkpoint lacks are drawn: alike in every run on this base
        model, loading = AutoModelForCausalLM.from_pretrained(
            record.model_path,
            config=own,
            dtype=compute_dtype,
            device_map={"": device},
            quantization_config=config,
            local_files_only=True,
            output_loading_info=True,
        )
    model.requires_grad_(False)
    model.config.use_cache = False
    stored = {tensor.data_ptr(): tensor.nbytes for tensor in model.state_dict().values()}
    loaded = model.config.quantization_config
    return Base(
        model,
        loaded.norms,
        time.monotonic() - began,
        record.base_params,
        sum(stored.values()),
        tuple(sorted(loading["missing_keys"])),
        silenced,
        loaded.starts,
    )


def _storage(site: SiteRecord) -> SiteStorage:
    settings = BaseSettings(site.base, site.blocksize, site.double_quant, site.threshold)
    return SiteStorage(settings, start_plan(site))


def _check_starts(record: RunRecord, storage: Mapping[str, SiteStorage], starts: Mapping[str, StartFactors]) -> None:
    planned = {site: stored.start for site, stored in storage.items() if stored.start}
    for site in record.sites:
        if (plan := planned.get(site.site)) and (wrong := _misfit(site, plan, starts.get(site.site))):
            raise InvalidError(
                f"{site.site}: init {plan.init}, but its saved start factors {wrong}",
                "give the factors that were saved with this run's adapter",
            )


def _misfit(site: SiteRecord, plan: StartPlan, factors: StartFactors | None) -> str | None:
    if factors is None:
        return "are missing"
    wanted = ((plan.r, site.in_features), (site.out_features, plan.r))
    for a, b in ((factors.a, factors.b), (factors.offset_a, factors.offset_b)):
        if (tuple(a.shape), tuple(b.shape)) != wanted:
            return f"have shapes {tuple(a.shape)} and {tuple(b.shape)} where {wanted[0]} and {wanted[1]} belong"
    return None


def _without_dropout(model_path: str) -> tuple[PreTrainedConfig, tuple[str, ...]]:
    """The model's configuration with every dropout at zero, and the names of those that were not."""
    config = AutoConfig.from_pretrained(model_path, local_files_only=True)
    names = [name for name in vars(config) if "drop" in name]  # dropout, pdrop, layerdrop
    active = tuple(name for name in names if isinstance(getattr(config, name), float) and getattr(config, name) > 0)
    for name in active:
        setattr(config, name, 0.0)
    return config, active
