"""The tensors of a checkpoint by what they are: loaded or ignored, and why they are no sites."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from workbench.plan.families import Family
from workbench.plan.headers import Tensor

_NORM = "a norm has no weight matrix"


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something that a person could expect to adapt and that is not a site. `*` in a name stands for every block."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Parts:
    """What a model of this family, size and tying is made of; names are the loaded model's."""

    family: Family
    blocks: int
    tied: bool

    def loads(self, name: str) -> bool:
        """Whether the architecture has a parameter for a stored tensor; a tied head is the embeddings' weight."""
        family, (part, _, kind) = self.family, name.rpartition(".")
        if kind not in ("weight", "bias"):
            return False
        if part == family.heads[0]:
            return not self.tied
        if part.startswith(f"{family.blocks}."):
            index, _, below = part.removeprefix(f"{family.blocks}.").partition(".")
            known = (*(module.path for module in family.modules), *family.block_norms)
            return index.isdigit() and int(index) < self.blocks and _starred(below) in known
        return part.removeprefix(f"{family.base}.") in (family.embeddings, family.final_norm, *family.outside)

    def skipped(self, tensors: Mapping[str, Tensor], loaded: Collection[str]) -> tuple[Skipped, ...]:
        """What is not a site: each part that this checkpoint has, once for all blocks, and tensors that stay unused.

        `loaded` are the names that `loads` says yes to.
        """
        family, stored = self.family, dict.fromkeys(_starred(name.rpartition(".")[0]) for name in tensors)
        head = "tied to the embeddings" if self.tied else "only layers inside the blocks carry adapters"
        listed = {
            f"{family.base}.{family.embeddings}": "embeddings look rows up, they are not a linear layer",
            **{f"{family.base}.{path}": reason for path, reason in family.outside.items()},
            family.heads[0]: head,
            **{f"{family.blocks}.*.{path}": _NORM for path in family.block_norms},
            f"{family.base}.{family.final_norm}": _NORM,
        }
        return (
            *(Skipped(name, why) for name, why in listed.items() if name in stored or name == family.heads[0]),
            *self._unused(tensors, loaded),
        )

    def _unused(self, tensors: Mapping[str, Tensor], loaded: Collection[str]) -> Iterable[Skipped]:
        unused: dict[str, Tensor] = {}
        for name, tensor in tensors.items():
            if name not in loaded and name != f"{self.family.heads[0]}.weight":
                unused.setdefault(_starred(name), tensor)
        for name, tensor in unused.items():
            yield Skipped(name, self._why_unused(name, tensor))

    def _why_unused(self, name: str, tensor: Tensor) -> str:
        if name.startswith(f"{self.family.blocks}.") and name.endswith(".weight") and len(tensor.shape) == 2:
            if self.loads(f"{self.family.blocks}.0.{name.removeprefix(f'{self.family.blocks}.').partition('.')[2]}"):
                return f"beyond the {self.blocks} blocks that the config counts"
            return f"a matrix inside the blocks that {self.family.model_type} models do not load"
        return "not a weight that this architecture loads"


def _starred(name: str) -> str:
    """The name with `*` for every number in it."""
    return ".".join(["*" if part.isdigit() else part for part in name.split(".")])
