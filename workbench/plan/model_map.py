"""The model map: every site of a model with its shape, type and depth, read from headers in milliseconds."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench.errors import InvalidError, NotFoundError
from workbench.nearest import nearest
from workbench.plan.config import Config, read_config
from workbench.plan.families import FAMILIES, Family, Module
from workbench.plan.headers import CONFIG, Headers, Tensor, read_headers
from workbench.plan.parts import Skipped, loaded_names, skipped
from workbench.plan.site import Site, band_of, depth_of

DEMO = "demo"
_FLOATS = ("F64", "F32", "F16", "BF16")


@dataclass(frozen=True, slots=True)
class ModelMap:
    """The sites of a model, block by block. `model` is what the user wrote, `path` the folder it stands for.

    `base_params` counts embeddings and head, tied ones once; `dtype` is how the weights are stored (`BF16`);
    `fingerprint` covers config and headers; `warnings` are sentences about a folder that loads, but not as meant.
    """

    model: str
    path: Path
    architecture: str
    model_type: str
    blocks: int
    hidden_size: int
    intermediate_size: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    vocab_size: int
    tie_word_embeddings: bool
    sites: tuple[Site, ...]
    skipped: tuple[Skipped, ...]
    base_params: int
    dtype: str
    fingerprint: str
    warnings: tuple[str, ...] = ()
    _by_name: dict[str, Site] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._by_name.update((site.name, site) for site in self.sites)

    @property
    def family(self) -> Family:
        return FAMILIES[self.model_type]

    @property
    def modules(self) -> tuple[Module, ...]:
        """The kinds of linear that a block of this model has, in order."""
        return self.family.modules

    def site(self, name: str) -> Site:
        """The site of that full name. Raises NotFoundError with the nearest one."""
        if name not in self._by_name:
            raise NotFoundError(f"{self.model} has no site '{name}'", nearest(name, self._by_name))
        return self._by_name[name]


def load_map(model: str | Path) -> ModelMap:
    """The map of `demo` or of a local folder (`~` is expanded, other paths are relative to the current folder).

    Raises NotFoundError where there is no such folder, InvalidError where the model cannot be adapted.
    """
    folder = _folder(str(model))
    config = read_config(folder)
    headers = read_headers(folder)
    _refuse_experts(folder, headers.tensors)
    return _build(str(model), folder, config, headers)


def map_json(model_map: ModelMap) -> dict[str, Any]:
    """What `model show --json` prints; `shape` is [out, in]."""
    return {
        "model": model_map.model,
        "architecture": model_map.architecture,
        "blocks": model_map.blocks,
        "base_params": model_map.base_params,
        "dtype": model_map.dtype,
        "sites": [site_json(site) for site in model_map.sites],
        "skipped": [{"name": skipped.name, "reason": skipped.reason} for skipped in model_map.skipped],
        "warnings": list(model_map.warnings),
    }


def site_json(site: Site) -> dict[str, Any]:
    """A site as all JSON answers write it; `shape` is [out, in]."""
    return {
        "name": site.name,
        "block": site.block,
        "module": site.module,
        "type": site.layer_type,
        "depth": site.depth,
        "band": site.band,
        "shape": [site.out_features, site.in_features],
        "params": site.params,
    }


def _folder(model: str) -> Path:
    if model == DEMO:
        from importlib.resources import files  # costs more than reading a map

        return Path(str(files("workbench.demo") / "base"))
    folder = Path(model).expanduser().absolute()
    if folder.is_dir():
        return folder
    if folder.is_file():
        raise InvalidError(f"{model}: a file, where a model is a folder", f"give its folder: {Path(model).parent}")
    hub_id = len(parts := model.split("/")) == 2 and all(parts) and not model.startswith((".", "~"))
    download = f"if '{model}' is a hub id: hf download {model} --local-dir DIR, then give DIR; else " if hub_id else ""
    raise NotFoundError(f"no model folder '{model}'", f"{download}give `{DEMO}` or the path of a local folder")


def _refuse_experts(folder: Path, names: Iterable[str]) -> None:
    if expert := next((name for name in names if "experts" in name.split(".")), None):
        raise InvalidError(f"{folder}: a mixture of experts ({expert})", "use a dense model: experts are not sites")


def _build(model: str, folder: Path, config: Config, headers: Headers) -> ModelMap:
    family, tied, blocks = config.family, config.tied, config.number("num_hidden_layers")
    tensors = {family.loaded_name(name): tensor for name, tensor in headers.tensors.items()}
    sites = tuple(_sites(folder, family, blocks, tensors))
    heads, hidden_size, vocab_size = (config.number(k) for k in ("num_attention_heads", "hidden_size", "vocab_size"))
    loads = loaded_names(family, blocks, tied)
    no_head = not tied and f"{family.heads[0]}.weight" not in tensors
    return ModelMap(
        model=model,
        path=folder,
        architecture=config.architecture,
        model_type=family.model_type,
        blocks=blocks,
        hidden_size=hidden_size,
        intermediate_size=config.number("intermediate_size"),
        num_attention_heads=heads,
        num_key_value_heads=config.number_or("num_key_value_heads", heads),
        head_dim=config.number_or("head_dim", hidden_size // heads),
        vocab_size=vocab_size,
        tie_word_embeddings=tied,
        sites=sites,
        skipped=skipped(family, tied, (name for name in tensors if name not in loads)),
        base_params=sum(t.params for name, t in tensors.items() if name in loads) + no_head * vocab_size * hidden_size,
        dtype=Counter(tensors[f"{site.name}.weight"].dtype for site in sites).most_common(1)[0][0],
        fingerprint=headers.fingerprint,
        warnings=(_random_head(folder, family),) if no_head else (),
    )


def _sites(folder: Path, family: Family, blocks: int, tensors: dict[str, Tensor]) -> Iterable[Site]:
    for block in range(blocks):
        for module in family.modules:
            name = f"{family.blocks}.{block}.{module.path}"
            out_features, in_features = _shape(folder, name, tensors.get(f"{name}.weight"))
            yield Site(
                name=name,
                block=block,
                module=module.name,
                layer_type=module.layer_type,
                depth=depth_of(block, blocks),
                band=band_of(block, blocks),
                in_features=in_features,
                out_features=out_features,
            )


def _shape(folder: Path, name: str, weight: Tensor | None) -> tuple[int, int]:
    if weight is None:
        raise InvalidError(f"{folder}: no weight for {name}", f"finish the download, or restore {CONFIG}")
    if weight.dtype not in _FLOATS or len(weight.shape) != 2:
        raise InvalidError(
            f"{folder}: {name} is stored as {weight.dtype} {list(weight.shape)}",
            "use the unquantized original: a weight is a matrix of F32, F16 or BF16",
        )
    return weight.shape[0], weight.shape[1]


def _random_head(folder: Path, family: Family) -> str:
    return (
        f"{folder} holds no {family.heads[0]}: it was saved from the base class, and its head starts at random; "
        "use the checkpoint saved from the language model"
    )
