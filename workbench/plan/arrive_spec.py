"""What a file of another tool says about adapters, in the terms of peft's LoraConfig."""

from collections.abc import Mapping
from dataclasses import dataclass, field

STORED = "as stored"  # the base stays in the dtype that its checkpoint has


@dataclass(frozen=True, slots=True)
class AdapterSpec:
    """One LoRA configuration. Defaults are those of peft 0.21 (`LoraConfig`).

    A text in `targets` or `exclude` is a regular expression, a tuple holds names or their endings; `targets` None
    stands for peft's own choice for the architecture; `linear` adds the last part of the name of every linear layer
    but the head. `layers` None is every block. `ranks` and `alphas` are patterns in the order of the file, of which
    the first that matches a name wins.
    """

    targets: str | tuple[str, ...] | None
    linear: bool = False
    r: int = 8
    alpha: float = 8.0
    dropout: float = 0.0
    rslora: bool = False
    dora: bool = False
    init: str | bool = True
    exclude: str | tuple[str, ...] = ()
    layers: tuple[int, ...] | None = None
    layers_pattern: tuple[str, ...] = ()
    ranks: tuple[tuple[str, int], ...] = ()
    alphas: tuple[tuple[str, float], ...] = ()
    saved: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something that the file says and a plan (or recipe) cannot, with the reason."""

    key: str
    value: str
    reason: str


@dataclass(frozen=True, slots=True)
class Arriving:
    """What a reader made of a file. `keys` names the file's own key for each field of the specification.

    `model` is the base model that the file names. `base` is its base format, STORED, or None where the file does not
    say; `base_keys` are further base keys.
    """

    spec: AdapterSpec
    keys: Mapping[str, str]
    model: str | None = None
    base: str | None = None
    base_keys: Mapping[str, int | float | bool] = field(default_factory=dict)
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()


PEFT_KEYS: Mapping[str, str] = {
    "targets": "target_modules",
    "r": "r",
    "alpha": "lora_alpha",
    "dropout": "lora_dropout",
    "rslora": "use_rslora",
    "dora": "use_dora",
    "init": "init_lora_weights",
    "exclude": "exclude_modules",
    "layers": "layers_to_transform",
    "layers_pattern": "layers_pattern",
    "ranks": "rank_pattern",
    "alphas": "alpha_pattern",
    "saved": "modules_to_save",
}
