"""`run.json`: everything a run is, written once, before it starts. The trainer and the store read only this."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from workbench import atomic
from workbench.errors import InvalidError

RECORD_VERSION = 1


@dataclass(frozen=True, slots=True)
class SiteRecord:
    """One site as it was resolved. The adapter's fields are None where the method is `none`."""

    site: str
    block: int
    module: str
    layer_type: str
    depth: float
    band: str
    in_features: int
    out_features: int
    base: str
    blocksize: int | None
    double_quant: bool | None
    threshold: float | None
    bits: float
    method: str
    r: int | None
    alpha: float | None
    scaling: float | None
    balance: int | None
    pool: int | None
    dropout: float | None
    init: str | None
    trainable_params: int


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run: plan × recipe × seed, resolved.

    `recipe` is the resolved recipe as plain values; `data` names the files and their content hashes;
    `predicted_bytes` is the memory estimate by part, in bytes, with its `total`; `created` is Unix seconds.
    """

    run_id: str
    name: str
    plan: str
    plan_hash: str
    plan_file: dict[str, Any]
    model: str
    model_path: str
    model_fingerprint: str
    recipe_name: str
    recipe_hash: str
    recipe: dict[str, Any]
    data: dict[str, Any]
    data_hash: str
    seed: int
    reference: bool
    trainable_params: int
    base_params: int
    predicted_bytes: dict[str, int]
    created: float
    sites: tuple[SiteRecord, ...]
    groups: dict[str, list[str]] = field(default_factory=dict)
    v: int = RECORD_VERSION

    def write(self, path: Path) -> None:
        atomic.write_json(path, asdict(self))


def read_record(path: Path) -> RunRecord:
    """Reads a run.json. Raises InvalidError, with the file's name, when it cannot be understood."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        if raw["v"] > RECORD_VERSION:
            raise InvalidError(f"{path}: written by a newer version of the workbench", "upgrade adapter-workbench")
        sites = tuple(SiteRecord(**site) for site in raw.pop("sites"))
        return RunRecord(sites=sites, **raw)
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidError(f"{path}: not a run record ({error})", "move the folder away, or restore it") from error
