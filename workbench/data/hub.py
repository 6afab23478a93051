"""Data sets of the Hugging Face hub, online or from its cache; `datasets` is imported when one is read."""

import hashlib
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.data.rows import Row, Rows
from workbench.errors import InvalidError, NotFoundError, WorkbenchError

FORM = "OWNER/NAME, OWNER/NAME:CONFIG, or OWNER/NAME:CONFIG#PART"
DEFAULT_PART = "train"
_NAME = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)(?::(?P<config>[\w.-]+))?(?:#(?P<part>[\w.-]+))?")
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class HubName:
    """`owner/name:config#part`; the part (the hub calls it a split) is `train` unless named."""

    name: str
    config: str | None
    part: str

    def __str__(self) -> str:
        config = f":{self.config}" if self.config else ""
        return f"{self.name}{config}#{self.part}"


def hub_name(text: str) -> HubName | None:
    """The hub name that a recipe's `data` is, None when it is a path."""
    found = _NAME.fullmatch(text)
    if not found or Path(text).exists():
        return None
    return HubName(found["name"], found["config"], found["part"] or DEFAULT_PART)


def read_hub(hub: HubName, revision: str | None) -> Rows:
    """All rows of one part of a hub data set.

    `sha256` covers the rows, not where they came from. Raises NotFoundError when the data set is neither on the hub
    nor in the cache, InvalidError when its config or part does not exist.
    """
    import datasets

    datasets.logging.set_verbosity_error()
    if not sys.stderr.isatty():
        datasets.disable_progress_bars()
    try:
        builder = _cached(hub, revision) or datasets.load_dataset_builder(hub.name, hub.config, revision=revision)
        _check_revision(hub, revision, str(builder.hash))
        builder.download_and_prepare()
        values = builder.as_dataset(split=hub.part).to_list()
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        raise _explained(hub, revision, error) from error
    rows = tuple(Row(number, row) for number, row in enumerate(values, start=1))
    return Rows(str(hub), "hub", rows, (), _hash(values), "row", str(builder.hash))


def _cached(hub: HubName, revision: str | None) -> Any:
    """The builder over the cached rows of one commit; None when it is not cached, or under several configs.

    Asked for by name and commit, `datasets` would want a connection, and without one take the newest it has.
    """
    from datasets.config import HF_DATASETS_CACHE
    from datasets.naming import camelcase_to_snakecase
    from datasets.packaged_modules.cache.cache import Cache

    if revision is None or not _COMMIT.fullmatch(revision):
        return None
    owner, name = hub.name.split("/")
    root = Path(HF_DATASETS_CACHE) / f"{owner}___{camelcase_to_snakecase(name)}"
    found = [folder for folder in root.glob(f"{hub.config or '*'}/*/{revision}") if folder.is_dir()]
    if len(found) != 1:
        return None
    config, version = found[0].parts[-3:-1]
    return Cache(dataset_name=name, repo_id=hub.name, config_name=config, version=version, hash=revision)


def _hash(values: list[dict[str, Any]]) -> str:
    sha = hashlib.sha256()
    for row in values:
        sha.update(json.dumps(row, sort_keys=True, default=str).encode())
    return sha.hexdigest()


def _check_revision(hub: HubName, wanted: str | None, found: str) -> None:
    """Without a connection `datasets` takes the newest revision in the cache, whichever was asked for."""
    if wanted is None or found == wanted:
        return
    commit = wanted if _COMMIT.fullmatch(wanted) else _cached_commit(hub, wanted)
    if commit != found:
        raise NotFoundError(
            f"revision '{wanted}' of {hub.name} is not what the cache holds ({found})",
            "connect to the hub to fetch it, or name the revision in the cache",
        )


def _cached_commit(hub: HubName, revision: str) -> str | None:
    """The commit that a branch or tag meant when it was fetched last."""
    from huggingface_hub import try_to_load_from_cache

    path = try_to_load_from_cache(hub.name, "README.md", revision=revision, repo_type="dataset")
    return Path(path).parent.name if isinstance(path, str) else None


def _explained(hub: HubName, revision: str | None, error: Exception) -> WorkbenchError:
    first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    at = f" at revision '{revision}'" if revision else ""
    if isinstance(error, ConnectionError):
        return NotFoundError(
            f"the hub data set {hub.name}{at} is not in the cache, and the hub cannot be reached",
            f"connect once to fetch it, or copy its files here and give their path; a hub name reads {FORM}",
        )
    if isinstance(error, FileNotFoundError):
        return NotFoundError(
            f"'{hub.name}'{at}: neither a data file nor a data set of the hub ({first})",
            f"check the path or the name; a hub name reads {FORM}",
        )
    detail = " ".join(str(error).split())
    return InvalidError(f"{hub}{at}: {detail}", f"a hub name reads {FORM}")
