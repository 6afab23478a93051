"""Writes tensors to a safetensors file that whoever may read its folder can read."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file


def write_tensors(tensors: Mapping[str, torch.Tensor], path: Path) -> None:
    """Writes CPU copies under these names. The library itself makes files that their owner alone can read."""
    held = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    save_file(held, path, metadata={"format": "pt"})
    path.chmod(path.parent.stat().st_mode & 0o666)
