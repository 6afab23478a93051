"""One metric of a study's runs by arm and seed: what its statistics are computed from."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ArmOutcome:
    """What the runs of an arm gave. `values` holds finished runs by seed; `missing` are the seeds without a value.

    `change`, `layer_type` and `band` are what it sets otherwise than the baseline and the layer group that it fills,
    None where it fills none.
    """

    arm: str
    values: Mapping[int, float]
    missing: tuple[int, ...] = ()
    trainable_params: int | None = None
    reference: bool = False
    change: str | None = None
    layer_type: str | None = None
    band: str | None = None


@dataclass(frozen=True, slots=True)
class Cell:
    """A combination of factors and levels, and the arm whose runs stand for it: for no change, the baseline."""

    levels: Mapping[str, str]
    arm: str


@dataclass(frozen=True, slots=True)
class Outcomes:
    """All arms of a study, the baseline among them, by one metric."""

    metric: str
    higher_is_better: bool
    baseline: str
    arms: tuple[ArmOutcome, ...]
    cells: tuple[Cell, ...] = ()

    @property
    def worse(self) -> int:
        """The sign of a difference that is for the worse."""
        return -1 if self.higher_is_better else 1

    @property
    def trained(self) -> tuple[ArmOutcome, ...]:
        return tuple(arm for arm in self.arms if not arm.reference)

    def has(self, name: str) -> bool:
        return any(arm.arm == name for arm in self.arms)

    def arm(self, name: str) -> ArmOutcome:
        """Raises KeyError."""
        for arm in self.arms:
            if arm.arm == name:
                return arm
        raise KeyError(name)
