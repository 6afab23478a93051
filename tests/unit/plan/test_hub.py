"""Hub ids against a server on 127.0.0.1 that speaks the hub's routes, and against a cache that huggingface_hub made."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants, snapshot_download

from tests.families import save_random
from tests.hub_server import Hub, serve
from tests.unit.plan.support import LLAMA_CONFIG, llama_tensors, plan_text, write_config, write_llama, write_safetensors
from tests.unit.plan.test_headers import split_in_two
from workbench.errors import InvalidError, NotFoundError, WorkbenchError
from workbench.plan.files import check_text
from workbench.plan.fingerprint import model_fingerprint
from workbench.plan.model_map import load_map, require_weights
from workbench.run.layout import Home

ID = "someone/tiny"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """The server as the library's endpoint, and an empty cache."""
    with serve() as running:
        monkeypatch.setattr(constants, "ENDPOINT", running.url)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", running.url + "/{repo_id}/resolve/{revision}/{filename}"
        )
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        yield running


def not_found(model: str, revision: str | None = None) -> NotFoundError:
    with pytest.raises(NotFoundError) as error:
        load_map(model, revision)
    assert error.value.hint
    assert error.value.exit_code == 4
    return error.value


def test_a_map_by_headers_alone(hub: Hub, tmp_path: Path) -> None:
    folder = save_random("phi3", tmp_path / "phi", vocab_size=20_000)
    repo = hub.add(ID, folder)
    remote, local = load_map(ID), load_map(folder)
    assert (remote.sites, remote.base_params, remote.skipped) == (local.sites, local.base_params, local.skipped)
    assert remote.fingerprint == local.fingerprint
    assert hub.sent < 110_000 < (folder / "model.safetensors").stat().st_size
    assert not (tmp_path / "cache").exists()
    assert remote.path == tmp_path / "cache/models--someone--tiny/snapshots" / repo.commit
    assert "hf download someone/tiny" in remote.warnings[0]
    with pytest.raises(NotFoundError) as error:
        require_weights(remote)
    assert "hf download someone/tiny" in error.value.hint
    require_weights(local)


def test_shards_are_read_through_their_index(hub: Hub, tmp_path: Path) -> None:
    folder = split_in_two(write_llama(tmp_path / "m"))
    hub.add(ID, folder)
    assert load_map(ID).fingerprint == load_map(folder).fingerprint
    (folder / "model.safetensors.index.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InvalidError, match=r"someone/tiny model\.safetensors\.index\.json: names no weights"):
        load_map(ID)


def test_a_header_longer_than_one_request(hub: Hub, tmp_path: Path) -> None:
    folder = write_llama(tmp_path / "m", blocks=150)
    hub.add(ID, folder)
    assert len(load_map(ID).sites) == 150 * 7
    ranges = [line for line in hub.asked if line.endswith("model.safetensors")]
    assert len(ranges) == 2


def test_a_cached_model_needs_no_network(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = save_random("llama", tmp_path / "m")
    hub.add(ID, folder)
    snapshot = snapshot_download(ID, cache_dir=tmp_path / "cache")
    hub.asked.clear()
    for offline in (False, True):
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", offline)
        cached = load_map(ID)
        assert (cached.path, cached.download, cached.model) == (Path(snapshot), "", ID)
        assert load_map(ID, hub.repos[ID].commit).path == Path(snapshot)
    assert hub.asked == []
    # the cache links file names to contents; a run's identity must not depend on that
    assert model_fingerprint(cached.path, None) == model_fingerprint(folder, None)


def test_a_revision_is_read_from_its_own_snapshot(hub: Hub, tmp_path: Path) -> None:
    hub.add(ID, write_llama(tmp_path / "main"))
    snapshot_download(ID, cache_dir=tmp_path / "cache")
    hub.add(ID, write_llama(tmp_path / "v2", blocks=2), "v2")
    assert load_map(ID).blocks == 4
    other = load_map(ID, "v2")
    assert (other.blocks, other.download) == (2, "hf download someone/tiny --revision v2")


def test_a_plan_names_its_revision(hub: Hub, tmp_path: Path) -> None:
    hub.add(ID, write_llama(tmp_path / "m", blocks=2), "v2")
    home, text = Home(tmp_path / "home"), plan_text(Path(ID), "* all r=2", revision="v2")
    check = check_text(text, Path("plan.yaml"), home)
    assert check.plan is not None
    assert check.plan.map.blocks == 2
    assert any("hf download someone/tiny --revision v2" in warning.message for warning in check.warnings)
    other = check_text(text, Path("plan.yaml"), home, model=str(write_llama(tmp_path / "n")))
    assert other.plan is not None  # another model has no part in the file's revision


def test_config_alone_in_the_cache_is_no_model(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.add(ID, write_llama(tmp_path / "m"))
    snapshot_download(ID, cache_dir=tmp_path / "cache", allow_patterns="config.json")
    assert load_map(ID).download
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE is set" in not_found(ID).title


def test_offline_and_not_cached(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    error = not_found(ID, "v2")
    assert error.title == (
        "no model folder 'someone/tiny', and as a hub id it is not in the cache (HF_HUB_OFFLINE is set)"
    )
    assert "hf download someone/tiny --revision v2" in error.hint
    assert hub.asked == []


def test_a_hub_that_nothing_answers_for(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    error = not_found(ID)
    assert "the hub cannot be reached" in error.title
    assert "hf download someone/tiny" in error.hint


def test_models_and_revisions_that_the_hub_does_not_have(hub: Hub, tmp_path: Path) -> None:
    hub.add(ID, write_llama(tmp_path / "m"))
    assert "no model folder 'models/mine', and no such model on the hub" in not_found("models/mine").title
    assert "has no revision 'v9'" in not_found(ID, "v9").title
    assert "cannot be a hub id" in not_found("some--one/tiny").hint


def test_gated_models_and_a_failing_hub(hub: Hub, tmp_path: Path) -> None:
    hub.add(ID, write_llama(tmp_path / "m"), refuses=(403, "GatedRepo"))
    error = not_found(ID)
    assert "gated" in error.title
    assert "hf auth login" in error.hint
    hub.repos[ID].refuses = (500, "")
    with pytest.raises(WorkbenchError, match="the hub answered with an error") as failed:
        load_map(ID)
    assert failed.value.exit_code == 1
    assert "try again" in failed.value.hint


@pytest.mark.parametrize(
    ("config", "files", "message"),
    [
        (None, (), "no config.json on the hub"),
        ({"quantization_config": {"quant_method": "awq", "bits": 4}}, (), "already quantized (awq 4-bit)"),
        ({}, ("quantize_config.json",), "already quantized (gptq"),
        ({"model_type": "gpt2"}, (), "its layers are Conv1D"),
        ({"num_local_experts": 8}, (), "a mixture of experts"),
        ({"model_type": "rwkv"}, (), "model_type 'rwkv' is not supported"),
        ({}, ("pytorch_model.bin",), "its weights are pickle files (pytorch_model.bin)"),
        ({}, (), "no weights"),
    ],
)
def test_what_cannot_be_adapted_is_refused_before_weights_are_asked_for(
    hub: Hub, tmp_path: Path, config: dict[str, object] | None, files: tuple[str, ...], message: str
) -> None:
    folder = tmp_path / "m"
    folder.mkdir()
    if config is not None:
        write_config(folder, {**LLAMA_CONFIG, **config})
    for name in files:
        (folder / name).write_text("{}", encoding="utf-8")
    hub.add(ID, folder)
    with pytest.raises(InvalidError) as error:
        load_map(ID)
    assert error.value.title.startswith(ID)
    assert message in error.value.title
    assert error.value.hint
    assert not any("safetensors" in line for line in hub.asked)


def test_weights_without_a_header(hub: Hub, tmp_path: Path) -> None:
    folder = write_llama(tmp_path / "m")
    hub.add(ID, folder)
    (folder / "model.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0not a header....")
    with pytest.raises(InvalidError, match="its weights have no safetensors header"):
        load_map(ID)


def test_an_unfinished_download_is_named(hub: Hub, tmp_path: Path) -> None:
    folder = split_in_two(write_llama(tmp_path / "m"))
    hub.add(ID, folder)
    snapshot_download(ID, cache_dir=tmp_path / "cache", ignore_patterns="model-1.safetensors")
    with pytest.raises(InvalidError, match=r"model-1\.safetensors: missing") as error:
        load_map(ID)
    assert "finish the download" in error.value.hint


def test_how_the_weights_are_stored_is_read_too(hub: Hub, tmp_path: Path) -> None:
    folder = write_llama(tmp_path / "m")
    write_safetensors(folder / "model.safetensors", llama_tensors(4), "BF16", 2)
    hub.add(ID, folder)
    assert load_map(ID).dtype == "BF16"
