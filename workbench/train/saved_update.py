"""What a saved adapter changes at one site, read without building the model."""

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open

from workbench.errors import InvalidError
from workbench.plan.structure import Structure
from workbench.run.record import SiteRecord
from workbench.train.adapters import expanded_factors, structure_of
from workbench.train.connection import connected
from workbench.train.save import load_starts, weights_file
from workbench.train.start import StartFactors

_PREFIX = "base_model.model."


@dataclass(frozen=True, slots=True, eq=False)
class SiteUpdate:
    """The trained change of a site: A (k, in), B (out, k) with the scaling in B; `magnitude` (out) for DoRA.

    `start` are the factors that the base was made with, where the adapter started from the weight.
    """

    structure: Structure
    scaling: float
    a: torch.Tensor
    b: torch.Tensor
    magnitude: torch.Tensor | None
    start: StartFactors | None

    def delta(self, stored: torch.Tensor) -> torch.Tensor:
        """ΔW (out, in) on a stored weight of that shape, all fp32."""
        if self.magnitude is None:
            return self.b @ self.a
        changed = stored + self.b @ self.a
        return changed * (self.magnitude / torch.linalg.vector_norm(changed, dim=1))[:, None] - stored

    def begun(self) -> torch.Tensor | float:
        """The part of ΔW that was there before the first step."""
        return self.start.start(self.scaling) if self.start else 0.0

    def residual(self, original: torch.Tensor) -> torch.Tensor:
        """What the base stores of the original weight, before quantizing."""
        return self.start.residual(original, self.scaling) if self.start else original

    def group_change(self, blocksize: int) -> torch.Tensor:
        """ΔW (out, in/blocksize) of an update that is constant in every group of inputs."""
        return self.b @ self.a[:, ::blocksize]


class SavedUpdates:
    """The updates of a saved adapter by site."""

    def __init__(self, folder: Path) -> None:
        """Raises NotFoundError where the folder has no weights."""
        self._path = weights_file(folder)
        self._starts = load_starts(folder)

    def site(self, record: SiteRecord) -> SiteUpdate:
        """The update of an adapted site. Raises InvalidError where the file lacks it."""
        structure, (a, b) = structure_of(record), self.factors(record)
        magnitude = self._read(record, "lora_magnitude_vector") if structure.magnitude else None
        scaling = record.scaling or 0.0
        return SiteUpdate(structure, scaling, a, b * scaling, magnitude, self._starts.get(record.site))

    def factors(self, record: SiteRecord) -> tuple[torch.Tensor, torch.Tensor]:
        """A (k, in) and B (out, k) with ΔW = s·B·A, both fp32: of plain LoRA the very numbers that were saved."""
        structure = structure_of(record)
        a = self._read(record, "lora_A.weight")
        b = None if structure.rank is None else self._read(record, "lora_B.weight")
        if structure.connected and b is not None:
            a, b = connected(a, b, self._read(record, "lora_connection.beta"))
        return expanded_factors(a, b, structure)

    def start(self, record: SiteRecord) -> StartFactors | None:
        """The factors that the site's base was made with, where its adapter started from the weight."""
        return self._starts.get(record.site)

    def _read(self, record: SiteRecord, part: str) -> torch.Tensor:
        name = f"{_PREFIX}{record.site}.{part}"
        with safe_open(self._path, framework="pt") as file:
            # peft has written magnitudes with and without `.weight`
            for wanted in (name, f"{name}.weight"):
                if wanted in file.keys():  # noqa: SIM118 - not a dictionary
                    tensor: torch.Tensor = file.get_tensor(wanted)
                    return tensor.float()
        raise InvalidError(f"{self._path}: no {part} of {record.site}", "restore the run's folder")
