"""What `adapter export` wrote: the facts for the model card, and the marker by which its folders are recognised."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from workbench import atomic
from workbench.errors import UsageError

MARKER = "workbench_export.json"
CARD = "README.md"
BASE = "base"
BASE_DTYPES = ("fp32", "bf16")  # of the dense base beside it
ONTO = ("trained", "original")
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Exported:
    """A checkpoint for plain peft.

    `kind` is lora or dora; `ranks` the smallest and the largest; `onto` the base that it belongs on, as it was
    `trained` or the `original` checkpoint; `fitted` tells whether that base was made to fit the adapter's start, as no
    other program makes it; `base` is the dtype of the dense base beside it, None where there is none;
    `approximate` the sites whose change is not the trained one exactly; `bytes` and `sha256` are of the weights.
    """

    run_id: str
    kind: str
    sites: int
    ranks: tuple[int, int]
    uniform: bool
    onto: str
    fitted: bool
    base: str | None
    approximate: tuple[str, ...]
    bytes: int
    sha256: str

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "ranks": list(self.ranks), "approximate": list(self.approximate)}

    def write_marker(self, folder: Path) -> None:
        atomic.write_json(folder / MARKER, {"v": _VERSION, **self.to_json()})


def check_place(folder: Path, force: bool) -> None:
    """Raises UsageError where something stands that an export must not replace."""
    ours = (folder / MARKER).is_file() and not folder.is_symlink()
    if not (folder.exists() or folder.is_symlink()) or (ours and force):
        return
    if ours:
        raise UsageError(f"{folder} exists already", "name a new folder, or replace this export with --force")
    hint = "name a new folder, or remove it first: --force replaces only what `adapter export` wrote"
    raise UsageError(f"{folder} exists already" + (" and is no export" if force else ""), hint)
