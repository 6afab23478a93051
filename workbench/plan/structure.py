"""What a method trains at a site: the shapes of its matrices, and how they reach the output."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Structure:
    """y += s · repeat(C · average(x)): `pool` neighbouring inputs are averaged, and each result is added to `repeat`
    neighbouring outputs.

    C (out/repeat, in/pool) is B·A with inner size `rank`, or one dense matrix where `rank` is None. As a change of the
    weight (out, in): ΔW[a, b] = (s/pool) · C[a // repeat, b // pool]. With `connected`, A and B have the averaging and
    the repeating matrix of the rank added, each with one trained factor. With `magnitude` every row of the changed
    weight is brought to a trained norm.
    """

    rank: int | None
    pool: int = 1
    repeat: int = 1
    connected: bool = False
    magnitude: bool = False

    @property
    def plain(self) -> bool:
        """Whether it is B·A and nothing else: what every tool for LoRA adapters knows."""
        return self == Structure(self.rank) and self.rank is not None

    @property
    def additive(self) -> bool:
        """Whether it adds a ΔW that its own matrices determine, whatever the weight is."""
        return not self.magnitude

    def core(self, in_features: int, out_features: int) -> tuple[int, int]:
        """The shape of C."""
        return out_features // self.repeat, in_features // self.pool

    def largest_rank(self, in_features: int, out_features: int) -> int:
        """The largest rank that C can have."""
        return min(self.core(in_features, out_features))

    def trainable(self, in_features: int, out_features: int) -> int:
        rows, columns = self.core(in_features, out_features)
        matrices = rows * columns if self.rank is None else self.rank * (rows + columns)
        return matrices + (2 if self.connected else 0) + (out_features if self.magnitude else 0)

    def flops(self, in_features: int, out_features: int) -> int:
        """Forward and backward for one token; what is done once a step and not per token is left out.

        Averaging and repeating cost one addition per value in each direction. A magnitude costs two products per
        output, forward and backward: base times (m/n - 1), adapter times m/n.
        """
        rows, columns = self.core(in_features, out_features)
        matrices = rows * columns if self.rank is None else self.rank * (rows + columns)
        passes = (in_features if self.pool > 1 else 0) + (out_features if self.repeat > 1 else 0)
        return 6 * matrices + 2 * passes + (6 * out_features if self.magnitude else 0)

    def activation_bytes(self, in_features: int, out_features: int, width: int = 4) -> int:
        """What backward keeps of one token beyond an input that is shared as it came.

        Adapters compute in fp32; the outputs of the base have `width` bytes.
        """
        hidden = 0 if self.rank is None else 4 * self.rank
        pooled = 4 * in_features // self.pool if self.pool > 1 else 0
        return hidden + pooled + ((4 + width) * out_features if self.magnitude else 0)

    def step_bytes(self, in_features: int, out_features: int) -> int:
        """What backward keeps however many tokens there are: A and B with what connects them, and that itself."""
        return 8 * (self.rank or 0) * (in_features + out_features) if self.connected else 0
