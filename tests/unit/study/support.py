"""Small studies by hand."""

from collections.abc import Mapping, Sequence

from workbench.study.outcomes import ArmOutcome, Cell, Outcomes

Levels = Mapping[str, str]


def by_seed(values: Sequence[float]) -> dict[int, float]:
    return dict(enumerate(values, 1))


def outcomes(
    baseline: Sequence[float],
    arms: Mapping[str, Sequence[float]],
    levels: Mapping[str, Levels] | None = None,
    params: Mapping[str, int] | None = None,
    higher_is_better: bool = False,
) -> Outcomes:
    """Arms by name with a value per seed from 1; `levels` names their factors, else each is its own level of `arm`."""
    counts = {"baseline": 1_000_000, **(params or {})}
    found = [
        ArmOutcome(arm, by_seed(values), trainable_params=counts.get(arm, 1_000_000))
        for arm, values in (("baseline", baseline), *arms.items())
    ]
    placed = levels if levels is not None else {arm: {"arm": arm} for arm in arms}
    cells = tuple(Cell(of_arm, arm.partition("!")[0]) for arm, of_arm in placed.items())
    return Outcomes("loss", higher_is_better, "baseline", tuple(found), cells)


def grid(cells: Mapping[tuple[str, str], Sequence[float]], baseline: Sequence[float], change: str = "r=4") -> Outcomes:
    """The same change in layer groups of a type and a band."""
    arms = [
        ArmOutcome(f"{band} {kind}", by_seed(values), change=change, layer_type=kind, band=band)
        for (kind, band), values in cells.items()
    ]
    return Outcomes("loss", False, "baseline", (ArmOutcome("baseline", by_seed(baseline)), *arms))
