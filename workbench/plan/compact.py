"""The shortest selector for a set of sites, for readable differences and messages."""

from collections.abc import Collection, Iterable

from workbench.plan.model_map import ModelMap
from workbench.plan.site import BANDS, LAYER_TYPES, Site, band_of


def compact(sites: Collection[Site], model_map: ModelMap) -> tuple[str, ...]:
    """Selectors, without assignments, that together select exactly these sites: `("* mlp", "0-3 q,v")`."""
    blocks_of = {m.name: frozenset(s.block for s in sites if s.module == m.name) for m in model_map.modules}
    by_blocks: dict[frozenset[int], list[str]] = {}
    for name, blocks in blocks_of.items():
        if blocks:
            by_blocks.setdefault(blocks, []).append(name)
    return tuple(f"{_blocks(b, model_map.blocks)} {_modules(names, model_map)}" for b, names in by_blocks.items())


def name_sites(names: Iterable[str], shown: int = 3) -> str:
    """The first few names and how many more there are."""
    listed = list(names)
    more = f" and {len(listed) - shown} more" if len(listed) > shown else ""
    return ", ".join(listed[:shown]) + more


def _blocks(chosen: frozenset[int], blocks: int) -> str:
    if len(chosen) == blocks:
        return "*"
    for band in BANDS if len(chosen) > 1 else ():
        if chosen == {block for block in range(blocks) if band_of(block, blocks) == band}:
            return band
    return ",".join(block_ranges(sorted(chosen)))


def block_ranges(blocks: list[int]) -> Iterable[str]:
    start = previous = blocks[0]
    for block in [*blocks[1:], -1]:
        if block != previous + 1:
            yield str(start) if start == previous else f"{start}-{previous}"
            start = block
        previous = block


def _modules(names: list[str], model_map: ModelMap) -> str:
    if len(names) == len(model_map.modules):
        return "all"
    for layer_type in LAYER_TYPES:
        if names == [m.name for m in model_map.modules if m.layer_type == layer_type]:
            return {"attention": "attn"}.get(layer_type, layer_type)
    return ",".join(module.short for module in model_map.modules if module.name in names)
