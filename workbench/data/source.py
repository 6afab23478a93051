"""From what a recipe calls `data` to rows: the kind of a file is told by its suffix."""

import hashlib
from pathlib import Path

from workbench.data.hub import FORM, HubName, hub_name, read_hub
from workbench.data.parquet import read_parquet
from workbench.data.rows import Rows
from workbench.data.text_files import READERS
from workbench.errors import InvalidError, NotFoundError
from workbench.nearest import nearest

PARQUET = ".parquet"
SUFFIXES = (*READERS, PARQUET)


def is_hub(text: str) -> HubName | None:
    """The hub name that `data` means, None when it is a file (there, or by its suffix)."""
    return None if Path(text).suffix.lower() in SUFFIXES else hub_name(text)


def read_rows(data: str, revision: str | None = None) -> Rows:
    """All rows of a file or a hub data set, with those that cannot be read.

    Raises NotFoundError where there is nothing of that name, InvalidError where it cannot be read at all or is empty.
    """
    hub = is_hub(data)
    rows = read_hub(hub, revision) if hub else _read_file(Path(data))
    if not rows.rows and not rows.faults:
        raise InvalidError(
            f"{rows.name}: no examples in it", "at least two are needed, one to train and one to evaluate"
        )
    return rows


def _read_file(path: Path) -> Rows:
    suffix = path.suffix.lower()
    data = _read_bytes(path)
    if suffix not in SUFFIXES:
        kind = f"unknown kind of data file '{path.suffix}'" if path.suffix else "a data file without a suffix"
        raise InvalidError(f"{path}: {kind}", f"known: {', '.join(SUFFIXES)}, and hub names ({FORM})")
    if not data.strip():
        raise InvalidError(f"{path}: no examples in it", "the file is empty")
    sha = hashlib.sha256(data).hexdigest()
    if suffix == PARQUET:
        return Rows(str(path), suffix[1:], tuple(read_parquet(path)), (), sha, "row")
    rows, faults = READERS[suffix](path, data)
    return Rows(str(path), suffix[1:], tuple(rows), tuple(faults), sha)


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        beside = [p.name for p in sorted(path.parent.glob("*")) if p.suffix.lower() in SUFFIXES]
        raise NotFoundError(f"{path}: no such data file", nearest(path.name, beside) if beside else "") from error
    except OSError as error:
        raise InvalidError(f"{path}: cannot be read ({error.strerror})", f"known: {', '.join(SUFFIXES)}") from error
