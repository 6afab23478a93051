"""Models on the Hugging Face hub: the local cache first, else config and safetensors headers without the weights.

Nothing is written: the library's cache changes only by `hf download`.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import HfApi, constants, get_session, hf_hub_url, try_to_load_from_cache
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
    SafetensorsParsingError,
)
from huggingface_hub.errors import HTTPError as NetworkError  # type: ignore[attr-defined]  # of the library's client
from huggingface_hub.utils import build_hf_headers, hf_raise_for_status  # type: ignore[attr-defined]

from workbench.errors import InvalidError, NotFoundError, WorkbenchError
from workbench.plan.config import Config, parse_config
from workbench.plan.headers import (
    CONFIG,
    INDEX,
    SINGLE,
    Headers,
    Tensor,
    header_fingerprint,
    index_files,
    unreadable_weights,
)

_SECONDS = 10.0  # how long to wait for an answer
_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class HubModel:
    """One commit of a model on the hub: its config and the names of its files.

    `folder` is where the cache puts this commit when it is downloaded; `revision` is what the person wrote.
    """

    model_id: str
    revision: str | None
    commit: str
    config: Config
    files: tuple[str, ...]
    folder: Path


def download_command(model_id: str, revision: str | None) -> str:
    """The command that puts the model into the cache."""
    return f"hf download {model_id}{f' --revision {revision}' if revision else ''}"


def cached_folder(model_id: str, revision: str | None) -> Path | None:
    """The cache's snapshot of that revision (`main` where none is given); weights may be missing in it."""
    try:
        config = try_to_load_from_cache(model_id, CONFIG, revision=revision)
    except HFValidationError as error:
        raise NotFoundError(f"no model folder '{model_id}'", "and it cannot be a hub id: check the name") from error
    return Path(config).parent if isinstance(config, str) else None


def read_hub(model_id: str, revision: str | None) -> HubModel:
    """Asks the hub for the commit, the files and the config.

    Raises NotFoundError where the hub does not have the model or cannot be reached, InvalidError where it has no
    config, WorkbenchError where it answers with an error of its own.
    """
    with _errors_in_words(model_id, revision):
        info = HfApi().model_info(model_id, revision=revision, timeout=_SECONDS)
        commit, files = str(info.sha), tuple(sibling.rfilename for sibling in info.siblings or ())
        if CONFIG not in files:
            hint = "a model has config.json and safetensors weights; an adapter or a GGUF file is none"
            raise InvalidError(f"{model_id}: no {CONFIG} on the hub", hint)
        config = parse_config(f"{model_id} {CONFIG}", _fetch(model_id, CONFIG, commit))
    repo = f"models--{model_id.replace('/', '--')}"
    return HubModel(
        model_id, revision, commit, config, files, Path(constants.HF_HUB_CACHE) / repo / "snapshots" / commit
    )


def read_hub_headers(model: HubModel) -> Headers:
    """The headers of all weight files, by range requests. Raises InvalidError where there are no safetensors."""
    with _errors_in_words(model.model_id, model.revision), ThreadPoolExecutor(_AT_ONCE) as pool:
        parts = list(pool.map(lambda name: _header(model, name), _weight_files(model)))
    tensors = {name: tensor for part in parts for name, tensor in part.items()}
    return Headers(tensors, header_fingerprint(model.config.raw, tensors))


def _weight_files(model: HubModel) -> list[str]:
    if SINGLE in model.files:
        return [SINGLE]
    if INDEX in model.files:
        return index_files(f"{model.model_id} {INDEX}", _fetch(model.model_id, INDEX, model.commit))
    raise unreadable_weights(model.model_id, model.files)


def _header(model: HubModel, name: str) -> dict[str, Tensor]:
    found = HfApi().parse_safetensors_file_metadata(model.model_id, name, revision=model.commit, timeout=_SECONDS)
    return {key: Tensor(key, tensor.dtype, tuple(tensor.shape)) for key, tensor in found.tensors.items()}


def _fetch(model_id: str, name: str, commit: str) -> bytes:
    url = hf_hub_url(model_id, name, revision=commit)
    response = get_session().get(url, headers=build_hf_headers(), timeout=_SECONDS)
    hf_raise_for_status(response)
    return bytes(response.content)


@contextmanager
def _errors_in_words(model_id: str, revision: str | None) -> Iterator[None]:
    """Turns what the library raises into what a person can do."""
    get = download_command(model_id, revision)
    try:
        yield
    except GatedRepoError as error:
        hint = f"accept its terms at {constants.ENDPOINT}/{model_id}, then `hf auth login`"
        raise NotFoundError(f"{model_id} is gated on the hub", hint) from error
    except RepositoryNotFoundError as error:
        hint = "check the name; for a private model: hf auth login"
        raise NotFoundError(f"no model folder '{model_id}', and no such model on the hub", hint) from error
    except RevisionNotFoundError as error:
        hint = "give a branch, a tag or a full commit hash of it"
        raise NotFoundError(f"{model_id} has no revision '{revision}' on the hub", hint) from error
    except SafetensorsParsingError as error:
        raise InvalidError(f"{model_id}: its weights have no safetensors header", str(error)) from error
    except HfHubHTTPError as error:
        raise WorkbenchError(f"{model_id}: the hub answered with an error: {error}", f"try again, or: {get}") from error
    except (NetworkError, OfflineModeIsEnabled) as error:
        offline = isinstance(error, OfflineModeIsEnabled)
        reason = "HF_HUB_OFFLINE is set" if offline else f"the hub cannot be reached: {error}"
        raise NotFoundError(
            f"no model folder '{model_id}', and as a hub id it is not in the cache ({reason})",
            f"where there is a network: {get} (or with --local-dir DIR, and give DIR); else the path of a local folder",
        ) from error
