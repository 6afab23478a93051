"""The tensors of a checkpoint by what they are: loaded or ignored, and why they are no sites."""

from collections.abc import Iterable
from dataclasses import dataclass

from workbench.plan.families import Family


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something that a person could expect to adapt and that is not a site. `*` in a name stands for every block."""

    name: str
    reason: str


def loaded_names(family: Family, blocks: int, tied: bool) -> set[str]:
    """The names of all parameters that the architecture can load; a tied head is the embeddings' weight."""
    parts = [f"{family.base}.{part}" for part in (family.embeddings, family.final_norm)]
    below = [*(module.path for module in family.modules), *family.block_norms]
    parts += [f"{family.blocks}.{block}.{part}" for block in range(blocks) for part in below]
    parts += [] if tied else [family.heads[0]]
    return {f"{part}.{kind}" for part in parts for kind in ("weight", "bias")}


def skipped(family: Family, tied: bool, ignored: Iterable[str]) -> tuple[Skipped, ...]:
    """What is not a site, norms and ignored tensors once for all blocks."""
    norm = "a norm has no weight matrix"
    patterns = dict.fromkeys(".".join("*" if part.isdigit() else part for part in name.split(".")) for name in ignored)
    patterns.pop(f"{family.heads[0]}.weight", None)  # a tied head that was stored all the same
    return (
        Skipped(f"{family.base}.{family.embeddings}", "embeddings look rows up, they are not a linear layer"),
        Skipped(family.heads[0], "tied to the embeddings" if tied else "only layers inside the blocks carry adapters"),
        *(Skipped(f"{family.blocks}.*.{path}", norm) for path in family.block_norms),
        Skipped(f"{family.base}.{family.final_norm}", norm),
        *(Skipped(name, "not a weight that this architecture loads") for name in patterns),
    )
