"""Where a map is read from: the demo base, a local folder, the hub's cache, or the hub itself."""

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import InvalidError, NotFoundError
from workbench.plan.config import Config, read_config
from workbench.plan.headers import CONFIG, INDEX, Headers, has_weights, read_headers, weight_files
from workbench.plan.kept_folder import KeptFolders
from workbench.plan.refusals import files_beside, refuse_config, refuse_files, refuse_tensors

DEMO = "demo"
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9_][\w.-]*")


@dataclass(frozen=True, slots=True, eq=False)  # told apart by identity: one that was kept is the very same
class Source:
    """Config and headers of a model that can be adapted.

    `where` names it in messages. `folder` holds its files, or will once they are downloaded; `download` is the command
    for that, and empty where the weights are on this machine.
    """

    where: str
    folder: Path
    config: Config
    headers: Headers
    download: str = ""


def read_source(model: str, revision: str | None = None) -> Source:
    """`demo`, else a local folder (`~` is expanded, other paths are relative to the current one), else a hub id.

    Of a hub id, the cache is read where it holds the weights; otherwise the headers are read from the hub, without the
    weights. Raises NotFoundError where there is no such model, InvalidError where it cannot be adapted.
    """
    folder = _local_folder(model)
    if folder is None and _HUB_ID.fullmatch(model):
        return _from_hub(model, revision)
    if revision is not None and model == DEMO:
        raise InvalidError("the demo base has no revisions", "leave `revision` out")
    if folder is None:
        raise NotFoundError(f"no model folder '{model}'", f"give `{DEMO}`, the path of a local folder, or a hub id")
    if revision is not None:
        hint = "leave `revision` out: it names a branch, tag or commit of a hub id"
        raise InvalidError(f"{folder}: a local folder has no revisions", hint)
    return _FOLDERS.read(folder)


def _read_folder(folder: Path) -> Source:
    """A folder as transformers saves it. Raises InvalidError, naming the file, where it cannot be adapted."""
    config, where = read_config(folder), str(folder)
    refuse_config(where, config)
    refuse_files(where, files_beside(folder))
    _ = config.family
    headers = read_headers(folder)
    refuse_tensors(where, headers.tensors, config)
    return Source(where, folder, config, headers)


def _files(folder: Path) -> tuple[Path, ...]:
    """What `_read_folder` opens; where weights are missing, it says so itself."""
    with suppress(InvalidError):
        return folder / CONFIG, folder / INDEX, *weight_files(folder)
    return folder / CONFIG, folder / INDEX


_FOLDERS = KeptFolders(_read_folder, _files)


def hub_id(model: str, folder: str) -> str | None:
    """The hub id that a model was named by; None where it is the demo or a local folder, read from `folder`."""
    local = model == DEMO or folder.rstrip("/").endswith(f"/{model}")
    return None if local or not _HUB_ID.fullmatch(model) else model


def _local_folder(model: str) -> Path | None:
    if model == DEMO:
        from importlib.resources import files  # costs more than reading a map

        return Path(str(files("workbench.demo") / "base"))
    folder = Path(model).expanduser().absolute()
    if folder.is_file():
        raise InvalidError(f"{model}: a file, where a model is a folder", f"give its folder: {Path(model).parent}")
    return folder if folder.is_dir() else None


def _from_hub(model_id: str, revision: str | None) -> Source:
    from workbench.plan import hub  # only hub ids need the library

    folder = hub.cached_folder(model_id, revision)
    if folder and has_weights(folder):
        return _FOLDERS.read(folder)
    found = hub.read_hub(model_id, revision)
    refuse_config(model_id, found.config)
    refuse_files(model_id, found.files)
    _ = found.config.family
    headers = hub.read_hub_headers(found)
    refuse_tensors(model_id, headers.tensors, found.config)
    return Source(model_id, found.folder, found.config, headers, hub.download_command(model_id, revision))
