"""The original weights of a model folder, read one at a time by the names of the loaded model."""

from pathlib import Path

import torch
from safetensors import safe_open

from workbench.errors import InvalidError
from workbench.plan.families import Family
from workbench.plan.headers import weight_files


class OriginalWeights:
    """Finds every stored tensor once; reads it when asked, so that one at a time is in memory."""

    def __init__(self, folder: Path, family: Family) -> None:
        """Raises InvalidError where the folder has no weights."""
        self.folder = folder
        self._places: dict[str, tuple[Path, str]] = {}
        for file in weight_files(folder):
            with safe_open(file, framework="pt") as stored:
                self._places |= {family.loaded_name(name): (file, name) for name in sorted(stored.keys())}

    @property
    def names(self) -> tuple[str, ...]:
        """The loaded model's names of all stored tensors."""
        return tuple(self._places)

    def stored_name(self, name: str) -> str:
        """What the files call a tensor."""
        return self._places[name][1]

    def read(self, name: str) -> torch.Tensor:
        """A tensor in the dtype that it is stored in. Raises InvalidError where it is not in the files."""
        if name not in self._places:
            raise InvalidError(f"{self.folder}: no tensor {name}", "restore the model's folder")
        file, stored_name = self._places[name]
        with safe_open(file, framework="pt") as stored:
            tensor: torch.Tensor = stored.get_tensor(stored_name)
        return tensor

    def weight(self, site: str) -> torch.Tensor:
        """The weight (out, in) of a site in fp32."""
        return self.read(f"{site}.weight").float()
