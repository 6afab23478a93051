"""A plan in little: a line per module, a character per site, the blocks from left to right."""

from collections.abc import Sequence
from dataclasses import dataclass

from tui.plan.cell_text import LETTERS, MIXED
from workbench.plan.plan import Plan
from workbench.run.record import RunRecord

OFF, ABSENT = "·", " "
_SHADES = "░▒▓█"
_MOST_COLUMNS = 64


@dataclass(frozen=True, slots=True)
class Spot:
    """A site by its place, and what stands there; `rank` is None where nothing is adapted."""

    block: int
    module: str
    method: str
    rank: int | None
    base: str


@dataclass(frozen=True, slots=True)
class MiniMap:
    """Lines of characters, and what the characters mean."""

    lines: tuple[str, ...]
    legend: str


def plan_spots(plan: Plan) -> list[Spot]:
    short = {module.name: module.short for module in plan.map.modules}
    return [
        Spot(p.site.block, short[p.site.module], p.method, p.adapter.r if p.adapter else None, p.base.format)
        for p in plan.sites
    ]


def record_spots(record: RunRecord) -> list[Spot]:
    return [
        Spot(s.block, s.module.rpartition(".")[2].removesuffix("_proj"), s.method, s.r, s.base) for s in record.sites
    ]


def maps(spots: Sequence[Spot]) -> list[MiniMap]:
    """By rank; by method and by base format as well, where sites differ in them."""
    methods = dict.fromkeys(spot.method for spot in spots if spot.rank is not None)
    bases = dict.fromkeys(spot.base for spot in spots)
    found = [_by_rank(spots)]
    if len(methods) > 1:
        told = ", ".join(f"{LETTERS.get(method, '?')} {method}" for method in methods)
        found.append(_map(spots, [LETTERS.get(spot.method, "?") for spot in spots], f"method: {told}"))
    if len(bases) > 1:
        signs = {base: chr(ord("a") + place) for place, base in enumerate(bases)}
        told = ", ".join(f"{sign} {base}" for base, sign in signs.items())
        found.append(_map(spots, [signs[spot.base] for spot in spots], f"base: {told}"))
    return found


def _by_rank(spots: Sequence[Spot]) -> MiniMap:
    ranks = sorted({spot.rank for spot in spots if spot.rank is not None})
    signs = _rank_signs(ranks)
    told = ", ".join(f"{signs[rank]} {rank}" if signs[rank] != str(rank) else f"{rank}" for rank in ranks)
    told = told or "nothing is adapted"
    off = f", {OFF} none" if ranks and any(spot.rank is None for spot in spots) else ""
    return _map(spots, [OFF if spot.rank is None else signs[spot.rank] for spot in spots], f"rank: {told}{off}")


def _rank_signs(ranks: Sequence[int]) -> dict[int, str]:
    """The digit itself where one is enough; else shades, the darkest for the highest; else letters."""
    if all(rank < 10 for rank in ranks):
        return {rank: str(rank) for rank in ranks}
    if len(ranks) <= len(_SHADES):
        return dict(zip(ranks, _SHADES[-len(ranks) :], strict=True))
    return {rank: chr(ord("a") + min(place, 25)) for place, rank in enumerate(ranks)}


def _map(spots: Sequence[Spot], signs: Sequence[str], legend: str) -> MiniMap:
    modules = list(dict.fromkeys(spot.module for spot in spots))
    blocks = max((spot.block for spot in spots), default=-1) + 1
    fold = -(-blocks // _MOST_COLUMNS) or 1
    cells: dict[tuple[str, int], set[str]] = {}
    for spot, sign in zip(spots, signs, strict=True):
        cells.setdefault((spot.module, spot.block // fold), set()).add(sign)
    columns, width = range(-(-blocks // fold)), max(map(len, modules), default=0)
    lines = [f"{name:<{width}} {''.join(_cell(cells.get((name, place))) for place in columns)}" for name in modules]
    legend += f"; blocks 0-{blocks - 1} from left to right" if blocks > 1 else ""
    if fold > 1:
        legend += f"; {fold} blocks a character, {MIXED} where they differ"
    return MiniMap(tuple(lines), legend)


def _cell(signs: set[str] | None) -> str:
    if not signs:
        return ABSENT
    return next(iter(signs)) if len(signs) == 1 else MIXED
