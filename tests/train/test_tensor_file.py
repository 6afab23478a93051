"""Tensor files can be read by whoever may read their folder."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from workbench.train.tensor_file import write_tensors


@pytest.mark.parametrize(("folder", "file"), [(0o755, 0o644), (0o700, 0o600), (0o775, 0o664)])
def test_a_file_is_as_open_as_its_folder(tmp_path: Path, folder: int, file: int) -> None:
    tmp_path.chmod(folder)
    transposed = torch.arange(6.0).view(2, 3).t().requires_grad_()
    write_tensors({"a": transposed}, tmp_path / "x.safetensors")
    assert (tmp_path / "x.safetensors").stat().st_mode & 0o777 == file
    assert torch.equal(load_file(tmp_path / "x.safetensors")["a"], transposed.detach())
