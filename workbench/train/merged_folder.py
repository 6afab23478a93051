"""Merged models as folders: written block by block, and loaded again.

In 16 or 32 bits the folder is a plain transformers checkpoint. In 4 bits `<site>.weight` holds the packed codes, and
`packed-*.safetensors` the scales, zero points and tables that belong to them; `workbench_merged.json` says how every
site is stored. `load_merged` reads both kinds.
"""

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import safe_open
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

from workbench import atomic
from workbench.errors import InvalidError
from workbench.plan.families import Family
from workbench.plan.fingerprint import TOKENIZER_FILES
from workbench.plan.headers import CONFIG, INDEX
from workbench.plan.merge_target import Target
from workbench.plan.settings import BaseSettings
from workbench.run.record import RunRecord, SiteRecord
from workbench.train.layers import DTYPES
from workbench.train.merge import Kept, MergedSite, merge_site
from workbench.train.originals import OriginalWeights
from workbench.train.packed import Parts, pack
from workbench.train.quantizer import PlanQuantConfig, SiteStorage
from workbench.train.saved_update import SavedUpdates, SiteUpdate
from workbench.train.tensor_file import write_tensors

MANIFEST = "workbench_merged.json"
_VERSION = 1
_BESIDE = ("generation_config.json", *TOKENIZER_FILES)
_BLOCK = re.compile(r"\.(\d+)\.")


@dataclass(frozen=True, slots=True)
class Source:
    """What is merged: a run's record, the folder of its adapter, its base's folder and family."""

    record: RunRecord
    adapter: Path
    model: Path
    family: Family


class Updates(Protocol):
    """Where the updates of adapted sites come from."""

    def site(self, record: SiteRecord) -> SiteUpdate: ...


def write_merged(source: Source, target: Target, folder: Path, updates: Updates | None = None) -> dict[str, Kept]:
    """Writes the merged model into an empty folder, one block in memory at a time; what every adapted site kept.

    `updates` take the place of the saved adapter's own.
    """
    writer = _Writer(source, target, folder, updates or SavedUpdates(source.adapter))
    kept: dict[str, Kept] = {}
    for number, names in enumerate(_by_block(writer.originals.names)):
        kept |= writer.write(number, names)
    writer.finish()
    return kept


def _by_block(names: tuple[str, ...]) -> Iterator[list[str]]:
    """The tensors that are in no block, then those of each block."""
    blocks: dict[int, list[str]] = {}
    for name in names:
        found = _BLOCK.search(name)
        blocks.setdefault(int(found[1]) if found else -1, []).append(name)
    for block in sorted(blocks):
        yield blocks[block]


class _Writer:
    """Holds what the shards of one folder share."""

    def __init__(self, source: Source, target: Target, folder: Path, updates: Updates) -> None:
        self.source, self.target, self.folder, self.updates = source, target, folder, updates
        self.originals = OriginalWeights(source.model, source.family)
        self.sites = {f"{site.site}.weight": site for site in source.record.sites}
        self.settings: dict[str, BaseSettings] = {}
        self.index: dict[str, str] = {}
        self.bytes = 0

    def write(self, number: int, names: list[str]) -> dict[str, Kept]:
        """One shard, and one of packed parts where it has any."""
        tensors: Parts = {}
        packed: Parts = {}
        kept: dict[str, Kept] = {}
        for name in names:
            if name not in self.sites:
                tensors[self.originals.stored_name(name)] = self._other(name)
                continue
            merged = self._merged(name)
            site = self.sites[name].site
            parts = pack(merged.stored)
            tensors[self.originals.stored_name(name)] = parts.pop("weight")
            packed |= {f"{site}:{part}": tensor for part, tensor in parts.items()}
            self.settings[site] = merged.settings
            if merged.kept:
                kept[site] = merged.kept
        self._save(tensors, f"model-{number:05d}.safetensors")
        if packed:
            write_tensors(packed, self.folder / f"packed-{number:05d}.safetensors")
        return kept

    def _merged(self, name: str) -> MergedSite:
        site = self.sites[name]
        update = None if site.method == "none" else self.updates.site(site)
        return merge_site(site, self.originals.weight(site.site), update, self.target)

    def _other(self, name: str) -> torch.Tensor:
        """Embeddings, norms, biases: as they are beside packed weights, else in the dtype of the whole."""
        tensor = self.originals.read(name)
        return tensor if self.target.packed or not tensor.is_floating_point() else tensor.to(DTYPES[self.target.into])

    def _save(self, tensors: Parts, file: str) -> None:
        write_tensors(tensors, self.folder / file)
        self.index |= dict.fromkeys(tensors, file)
        self.bytes += sum(tensor.nbytes for tensor in tensors.values())

    def finish(self) -> None:
        """Index, configuration, tokenizer, and for packed weights the manifest."""
        atomic.write_json(self.folder / INDEX, {"metadata": {"total_size": self.bytes}, "weight_map": self.index})
        config = json.loads((self.source.model / CONFIG).read_text(encoding="utf-8"))
        if not self.target.packed:
            config = {key: value for key, value in config.items() if key != "torch_dtype"}
            config["dtype"] = str(DTYPES[self.target.into]).removeprefix("torch.")
        atomic.write_json(self.folder / CONFIG, config)
        for name in _BESIDE:
            if (self.source.model / name).is_file():
                shutil.copyfile(self.source.model / name, self.folder / name)
        if self.target.packed:
            sites = {site: asdict(settings) for site, settings in self.settings.items()}
            manifest = {"v": _VERSION, "run_id": self.source.record.run_id, "into": self.target.into, "sites": sites}
            atomic.write_json(self.folder / MANIFEST, manifest)


def load_merged(
    folder: Path | str, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
) -> PreTrainedModel:
    """A model that `workbench adapter merge` has written, in eval mode; packed weights stay packed in memory.

    `dtype` is that of the computation, and of embeddings and norms. Raises InvalidError where the folder is none, or of
    a newer version.
    """
    folder = Path(folder)
    config, options = AutoConfig.from_pretrained(folder, local_files_only=True), {}
    if (folder / MANIFEST).is_file():
        options["quantization_config"] = _packed_config(folder, dtype)
    elif not (folder / INDEX).is_file():
        raise InvalidError(f"{folder}: not a merged model", f"{MANIFEST} or {INDEX} belongs there")
    model: Any = AutoModelForCausalLM.from_pretrained(
        folder, config=config, dtype=dtype, device_map={"": torch.device(device)}, local_files_only=True, **options
    )
    evaluating: PreTrainedModel = model.eval()
    return evaluating


def _packed_config(folder: Path, dtype: torch.dtype) -> PlanQuantConfig:
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    if manifest["v"] > _VERSION:
        raise InvalidError(f"{folder / MANIFEST}: written by a newer version", "upgrade adapter-workbench")
    storage = {site: SiteStorage(BaseSettings(**settings)) for site, settings in manifest["sites"].items()}
    parts: dict[str, Parts] = {site: {} for site in storage}
    for file in sorted(folder.glob("packed-*.safetensors")):
        with safe_open(file, framework="pt") as stored:
            for name in stored.keys():  # noqa: SIM118 - not a dictionary
                site, _, part = name.rpartition(":")
                parts[site][part] = stored.get_tensor(name)
    return PlanQuantConfig(storage, dtype, packed=parts)
