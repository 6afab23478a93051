"""Layer type × depth: main effects and interactions of the same change in each layer group."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from workbench.study.contrasts import Answer, Contrast, ask, mean_of, plus
from workbench.study.outcomes import Outcomes

_TYPES, _BANDS = ("attention", "mlp"), ("lower", "middle", "upper")
Cells = Mapping[tuple[str, str], Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class TwoWay:
    """The changes that were made in every cell, what each cell has on average, and what that comes to.

    All are changes of the metric against the baseline, averaged over `changes`.
    """

    changes: tuple[str, ...]
    types: tuple[str, ...]
    bands: tuple[str, ...]
    cells: dict[tuple[str, str], Answer]
    effects: tuple[Answer, ...]


def two_way(outcomes: Outcomes) -> TwoWay | None:
    """None unless some change was made in two layer types and two bands or more, each alone.

    Main effects are differences from the mean of all cells, an interaction is what is left of a cell after both. Where
    there are two types, the other's are the same with the opposite sign and not asked again. Holm's correction is over
    all effects.
    """
    arms, doubled = _placed(outcomes)
    whole = [change for change, placed in arms.items() if change not in doubled and _is_grid(placed)]
    if not whole:
        return None
    keys = set.intersection(*(set(arms[change]) for change in whole))
    types, bands = (tuple(n for n in names if any(n in key for key in keys)) for names in (_TYPES, _BANDS))
    if len(types) < 2 or len(bands) < 2:
        return None
    cells = {
        (kind, band): plus(
            (1.0, mean_of([arms[change][kind, band] for change in whole])), (-1.0, {outcomes.baseline: 1.0})
        )
        for kind in types
        for band in bands
    }
    named = [Contrast(f"{band} {kind}", weights) for (kind, band), weights in cells.items()]
    answers = dict(zip(cells, ask(outcomes, named), strict=True))
    return TwoWay(tuple(whole), types, bands, answers, tuple(ask(outcomes, _effects(cells, types, bands))))


def _placed(outcomes: Outcomes) -> tuple[dict[str, dict[tuple[str, str], str]], set[str]]:
    """Arms by change and layer group, and the changes that two arms of one group share: which is meant is not known."""
    arms: dict[str, dict[tuple[str, str], str]] = {}
    doubled: set[str] = set()
    for arm in outcomes.trained:
        if arm.change and arm.layer_type in _TYPES and arm.band in _BANDS:
            placed = arms.setdefault(arm.change, {})
            if placed.setdefault((arm.layer_type, arm.band), arm.arm) != arm.arm:
                doubled.add(arm.change)
    return arms, doubled


def _is_grid(placed: Mapping[tuple[str, str], str]) -> bool:
    types, bands = ({key[part] for key in placed} for part in (0, 1))
    return len(types) > 1 and len(bands) > 1 and len(placed) == len(types) * len(bands)


def _effects(cells: Cells, types: Sequence[str], bands: Sequence[str]) -> list[Contrast]:
    grand = _mean([cells[kind, band] for kind in types for band in bands])
    rows = {kind: _mean([cells[kind, band] for band in bands]) for kind in types}
    columns = {band: _mean([cells[kind, band] for kind in types]) for band in bands}
    asked_types = types if len(types) > 2 else types[:1]
    asked_bands = bands if len(bands) > 2 else bands[:1]
    return [
        *(Contrast(kind, plus((1.0, rows[kind]), (-1.0, grand))) for kind in asked_types),
        *(Contrast(band, plus((1.0, columns[band]), (-1.0, grand))) for band in asked_bands),
        *(
            Contrast(
                f"{kind} × {band}",
                plus((1.0, cells[kind, band]), (-1.0, rows[kind]), (-1.0, columns[band]), (1.0, grand)),
            )
            for kind in asked_types
            for band in asked_bands
        ),
    ]


def _mean(parts: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return plus(*((1 / len(parts), part) for part in parts))
