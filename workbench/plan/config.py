"""A model folder's config.json: the few values that a map needs, checked."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.errors import InvalidError
from workbench.nearest import nearest
from workbench.plan.families import FAMILIES, Family
from workbench.plan.headers import CONFIG, read_json_object


@dataclass(frozen=True, slots=True)
class Config:
    """The values of a config.json."""

    path: Path
    values: dict[str, Any]

    @property
    def family(self) -> Family:
        """The layout that `model_type` names. Raises InvalidError where it is not in the table."""
        model_type = self.values.get("model_type")
        if not isinstance(model_type, str) or model_type not in FAMILIES:
            near = nearest(str(model_type), FAMILIES)
            hint = near if near.startswith("known") else f"{near}; known: {', '.join(FAMILIES)}"
            raise InvalidError(f"{self.path}: model_type '{model_type}' is not supported", hint)
        return FAMILIES[model_type]

    def number(self, key: str) -> int:
        """A whole number from 1. Raises InvalidError, with the file's name."""
        value = self.values.get(key)
        if not isinstance(value, int) or value < 1:
            raise InvalidError(f"{self.path}: '{key}' is {value!r}, not a whole number from 1", "restore the file")
        return value

    def number_or(self, key: str, default: int) -> int:
        return default if self.values.get(key) is None else self.number(key)

    @property
    def architecture(self) -> str:
        named = self.values.get("architectures")
        return str(named[0]) if isinstance(named, list) and named else str(self.values.get("model_type"))

    @property
    def tied(self) -> bool:
        """Whether the head is the embeddings; configs leave out the class default, false in every known family."""
        return bool(self.values.get("tie_word_embeddings", False))


def read_config(folder: Path) -> Config:
    """Raises InvalidError where there is no config, or the model is quantized already."""
    path = folder / CONFIG
    if not path.is_file():
        hint = f"a model folder holds {CONFIG} and safetensors weights"
        if (folder / "adapter_config.json").is_file():
            hint = "this is an adapter: give the folder of the base model that it was trained on"
        raise InvalidError(f"{folder}: no {CONFIG}", hint)
    values = read_json_object(path)
    if quantized := values.get("quantization_config"):
        method = quantized.get("quant_method", "unknown method") if isinstance(quantized, dict) else quantized
        hint = "use the unquantized original: the plan sets the base format"
        raise InvalidError(f"{folder}: already quantized ({method})", hint)
    return Config(path, values)
