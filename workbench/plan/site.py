"""A site: one linear layer of a block that can carry an adapter."""

from dataclasses import dataclass
from typing import Literal

LayerType = Literal["attention", "mlp"]
Band = Literal["lower", "middle", "upper"]

BANDS: tuple[Band, ...] = ("lower", "middle", "upper")
LAYER_TYPES: tuple[LayerType, ...] = ("attention", "mlp")


def depth_of(block: int, blocks: int) -> float:
    """Relative depth of a block: 0 for the first (or only) one, 1 for the last."""
    return block / (blocks - 1) if blocks > 1 else 0.0


def band_of(block: int, blocks: int) -> Band:
    """The third of the model that holds the middle of the block (4 blocks: 1/2/1; 28: 9/10/9)."""
    return BANDS[(2 * block + 1) * 3 // (2 * blocks)]


@dataclass(frozen=True, slots=True)
class Site:
    """One linear layer; `name` is the loaded model's own, such as `model.layers.3.mlp.up_proj`.

    The weight has shape (out_features, in_features).
    """

    name: str
    block: int
    module: str
    layer_type: LayerType
    depth: float
    band: Band
    in_features: int
    out_features: int

    @property
    def params(self) -> int:
        """Weights of the linear layer; a bias does not count."""
        return self.in_features * self.out_features
