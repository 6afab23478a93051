"""A model's config.json: the few values that a map needs, checked."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.errors import InvalidError
from workbench.nearest import nearest
from workbench.plan.families import FAMILIES, Family
from workbench.plan.headers import CONFIG, parse_json_object, read_bytes


@dataclass(frozen=True, slots=True)
class Config:
    """The values of a config.json. `where` names the file in messages; `raw` are its bytes, for the fingerprint."""

    where: str
    raw: bytes
    values: dict[str, Any]

    @property
    def model_type(self) -> str:
        return str(self.values.get("model_type"))

    @property
    def family(self) -> Family:
        """The layout that `model_type` names. Raises InvalidError where it is not in the table."""
        if self.model_type not in FAMILIES:
            near = nearest(self.model_type, FAMILIES)
            hint = near if near.startswith("known") else f"{near}; known: {', '.join(FAMILIES)}"
            raise InvalidError(f"{self.where}: model_type '{self.model_type}' is not supported", hint)
        return FAMILIES[self.model_type]

    def number(self, key: str) -> int:
        """A whole number from 1. Raises InvalidError, with the file's name."""
        value = self.values.get(self.family.config_names.get(key, key), self.values.get(key))
        if not isinstance(value, int) or value < 1:
            raise InvalidError(f"{self.where}: '{key}' is {value!r}, not a whole number from 1", "restore the file")
        return value

    @property
    def architecture(self) -> str:
        named = self.values.get("architectures")
        return str(named[0]) if isinstance(named, list) and named else self.model_type

    @property
    def tied(self) -> bool:
        """Whether the head is the embeddings; configs may leave out the default of their class."""
        return bool(self.values.get("tie_word_embeddings", self.family.tied))


def read_config(folder: Path) -> Config:
    """The config of a model folder. Raises InvalidError where there is none."""
    path = folder / CONFIG
    if path.is_file():
        return parse_config(str(path), read_bytes(path))
    hint = f"a model folder holds {CONFIG} and safetensors weights"
    if (folder / "adapter_config.json").is_file():
        hint = "this is an adapter: give the folder of the base model that it was trained on"
    raise InvalidError(f"{folder}: no {CONFIG}", hint)


def parse_config(where: str, raw: bytes) -> Config:
    """The config that these bytes hold. Raises InvalidError where they are no JSON object."""
    return Config(where, raw, parse_json_object(where, raw))
