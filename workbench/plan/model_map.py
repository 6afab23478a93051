"""The model map: every site of a model with its shape, type and depth, read from headers in milliseconds."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from workbench.errors import InvalidError, NotFoundError
from workbench.nearest import nearest
from workbench.plan.families import FAMILIES, Family, Module
from workbench.plan.headers import CONFIG, Tensor
from workbench.plan.parts import Parts, Skipped
from workbench.plan.site import Site, band_of, depth_of
from workbench.plan.sources import DEMO, Source, read_source

__all__ = ["DEMO", "ModelMap", "load_map", "map_json", "require_weights", "site_json"]
_FLOATS = ("F64", "F32", "F16", "BF16")


@dataclass(frozen=True, slots=True, eq=False)
class ModelMap:
    """The sites of a model, block by block. `model` is what the user wrote, `path` the folder it stands for.

    `download` is the command that fetches the weights of a hub id, and empty where they are in `path` already.
    `base_params` counts embeddings and head, tied ones once; `dtype` is how the weights are stored (`BF16`);
    `fingerprint` covers config and headers; `warnings` are sentences about a folder that loads, but not as meant.
    A folder that has not changed has one map, so maps are compared and remembered by identity.
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
    download: str = ""
    _places: dict[str, int] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self._places.update((site.name, place) for place, site in enumerate(self.sites))

    @property
    def family(self) -> Family:
        return FAMILIES[self.model_type]

    @property
    def modules(self) -> tuple[Module, ...]:
        """The kinds of linear that a block of this model has, in order."""
        return self.family.modules

    def place(self, name: str) -> int:
        """Where among all sites that of this full name is. Raises NotFoundError with the nearest one."""
        if name not in self._places:
            raise NotFoundError(f"{self.model} has no site '{name}'", nearest(name, self._places))
        return self._places[name]

    def site(self, name: str) -> Site:
        """The site of that full name. Raises NotFoundError with the nearest one."""
        return self.sites[self.place(name)]


def load_map(model: str | Path, revision: str | None = None) -> ModelMap:
    """The map of `demo`, of a local folder, or of a hub id at a revision (branch, tag or commit).

    `~` is expanded, other paths are relative to the current folder. Raises NotFoundError where there is no such model,
    InvalidError where it cannot be adapted.
    """
    return _build(str(model), read_source(str(model), revision))


def require_weights(model_map: ModelMap) -> None:
    """Raises NotFoundError, with the command that downloads them, where only headers of a hub id were read."""
    if model_map.download:
        title = f"the weights of {model_map.model} are not on this machine: only their headers were read"
        raise NotFoundError(title, f"download them once: {model_map.download}")


def map_json(model_map: ModelMap) -> dict[str, Any]:
    """What `model show --json` prints; `shape` is [out, in]."""
    return {
        "model": model_map.model,
        "architecture": model_map.architecture,
        "blocks": model_map.blocks,
        "base_params": model_map.base_params,
        "dtype": model_map.dtype,
        "download": model_map.download,
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


@lru_cache(maxsize=4)  # a folder that has not changed is the same source
def _build(model: str, source: Source) -> ModelMap:
    config, family, where = source.config, source.config.family, source.where
    parts = Parts(family, config.number("num_hidden_layers"), config.tied)
    tensors = {family.loaded_name(name): tensor for name, tensor in source.headers.tensors.items()}
    sites = tuple(_sites(where, parts, tensors))
    hidden_size, heads = config.number("hidden_size"), config.number("num_attention_heads")
    _check_width(where, sites[0], hidden_size)
    widths = _Widths.of(family, sites, heads)
    no_head = not parts.tied and f"{family.heads[0]}.weight" not in tensors
    embeddings = _embeddings(where, family, tensors)
    loaded = {name for name in tensors if parts.loads(name)}
    return ModelMap(
        model=model,
        path=source.folder,
        architecture=config.architecture,
        model_type=family.model_type,
        blocks=parts.blocks,
        hidden_size=hidden_size,
        intermediate_size=widths.mlp,
        num_attention_heads=heads,
        num_key_value_heads=widths.kv_heads,
        head_dim=widths.head,
        vocab_size=config.number("vocab_size"),
        tie_word_embeddings=parts.tied,
        sites=sites,
        skipped=parts.skipped(tensors, loaded),
        base_params=sum(tensors[name].params for name in loaded) + no_head * embeddings.params,
        dtype=Counter(tensors[f"{site.name}.weight"].dtype for site in sites).most_common(1)[0][0],
        fingerprint=source.headers.fingerprint,
        warnings=tuple(_warnings(source, no_head)),
        download=source.download,
    )


@dataclass(frozen=True, slots=True)
class _Widths:
    """Widths that configs name differently in each family, read from the first block's weights instead."""

    head: int
    kv_heads: int
    mlp: int

    @classmethod
    def of(cls, family: Family, sites: tuple[Site, ...], heads: int) -> "_Widths":
        first = dict(zip((module.short for module in family.modules), sites, strict=False))
        queries = first["o"].in_features
        projected = sum(first[short].out_features for short in ("q", "k", "v", "qkv") if short in first)
        head = queries // heads
        return cls(head, (projected - queries) // 2 // head, first["down"].in_features)


def _check_width(where: str, site: Site, hidden_size: int) -> None:
    if site.in_features != hidden_size:
        raise InvalidError(
            f"{where}: {CONFIG} says hidden_size {hidden_size}, but {site.name} reads {site.in_features}",
            "config and weights are of different models: restore one of them",
        )


def _embeddings(where: str, family: Family, tensors: Mapping[str, Tensor]) -> Tensor:
    name = f"{family.base}.{family.embeddings}"
    if weight := tensors.get(f"{name}.weight"):
        return weight
    raise InvalidError(f"{where}: no weight for {name}", f"finish the download, or restore {CONFIG}")


def _sites(where: str, parts: Parts, tensors: Mapping[str, Tensor]) -> Iterable[Site]:
    for block in range(parts.blocks):
        for module in parts.family.modules:
            name = f"{parts.family.blocks}.{block}.{module.path}"
            out_features, in_features = _shape(where, name, tensors.get(f"{name}.weight"))
            yield Site(
                name=name,
                block=block,
                module=module.name,
                layer_type=module.layer_type,
                depth=depth_of(block, parts.blocks),
                band=band_of(block, parts.blocks),
                in_features=in_features,
                out_features=out_features,
            )


def _shape(where: str, name: str, weight: Tensor | None) -> tuple[int, int]:
    if weight is None:
        raise InvalidError(f"{where}: no weight for {name}", f"finish the download, or restore {CONFIG}")
    if weight.dtype not in _FLOATS or len(weight.shape) != 2:
        raise InvalidError(
            f"{where}: {name} is stored as {weight.dtype} {list(weight.shape)}",
            "use the unquantized original: a weight is a matrix of F32, F16 or BF16",
        )
    return weight.shape[0], weight.shape[1]


def _warnings(source: Source, no_head: bool) -> Iterable[str]:
    if no_head:
        yield (
            f"{source.where} holds no {source.config.family.heads[0]}: it was saved from the base class, and its head "
            "starts at random; use the checkpoint saved from the language model"
        )
    if source.download:
        yield f"only the headers of {source.where} were read: a run needs the weights, {source.download}"
