"""Models to begin a plan with: the demo base, and what the hub's cache holds. Folders are read, no library is."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from tui.plan.picker import Choice
from workbench.plan.sources import DEMO

FREE = "the path of a model folder, or a hub id such as owner/name"


def hub_cache(environment: Mapping[str, str] = os.environ) -> Path:
    """Where huggingface_hub keeps models."""
    if named := environment.get("HF_HUB_CACHE") or environment.get("HUGGINGFACE_HUB_CACHE"):
        return Path(named).expanduser()
    home = environment.get("HF_HOME") or Path(environment.get("XDG_CACHE_HOME", "~/.cache")) / "huggingface"
    return Path(home).expanduser() / "hub"


def cached_models(cache: Path) -> Iterator[str]:
    """The hub ids whose config and weights are there."""
    for folder in sorted(cache.glob("models--*--*")):
        for snapshot in folder.glob("snapshots/*"):
            if (snapshot / "config.json").exists() and any(snapshot.glob("*.safetensors")):
                yield "/".join(folder.name.split("--")[1:3])
                break


def folder_models(folder: Path) -> Iterator[Path]:
    """Model folders in a folder such as `models/`."""
    for config in sorted(folder.glob("*/config.json")):
        if any(config.parent.glob("*.safetensors")):
            yield config.parent


def choices(cache: Path, folder: Path) -> list[Choice]:
    found = [Choice(DEMO, DEMO, "ships with the program; no GPU needed")]
    found += [Choice(str(path), str(path), "folder") for path in folder_models(folder)]
    return found + [Choice(name, name, "in the hub's cache") for name in cached_models(cache)]


def title(choices: list[Choice]) -> str:
    cached = sum(choice.note == "in the hub's cache" for choice in choices)
    return f"Model: {cached} in the hub's cache, or type a path"
