"""Type × depth effects against sums made by hand."""

from dataclasses import replace

import numpy as np
import pytest

from tests.unit.study.support import grid, outcomes
from workbench.study.outcomes import Outcomes
from workbench.study.two_way import two_way

TYPES, BANDS = ("attention", "mlp"), ("lower", "middle", "upper")


def _study(noise: float = 0.0) -> tuple[Outcomes, np.ndarray]:
    """Seeds × types × bands of values, and the study of them over a baseline of 1, 2, 3, 4."""
    generator = np.random.default_rng(0)
    true = np.array([[0.1, 0.2, 0.6], [0.5, 0.5, 0.5]])
    base = np.arange(1.0, 5.0)
    cells = true + base[:, None, None] + noise * generator.normal(size=(4, 2, 3))
    named = {(k, b): list(cells[:, i, j]) for i, k in enumerate(TYPES) for j, b in enumerate(BANDS)}
    return grid(named, list(base)), cells - base[:, None, None]


def test_effects_are_those_of_the_table_of_means() -> None:
    study, deltas = _study(noise=0.05)
    found = two_way(study)
    assert found is not None
    means = deltas.mean(axis=0)
    rows, columns, grand = means.mean(axis=1), means.mean(axis=0), means.mean()
    expected = {
        "attention": rows[0] - grand,
        **{band: columns[j] - grand for j, band in enumerate(BANDS)},
        **{f"attention × {band}": means[0, j] - rows[0] - columns[j] + grand for j, band in enumerate(BANDS)},
    }
    got = {answer.contrast.name: answer.estimate.mean for answer in found.effects if answer.estimate}
    assert got == pytest.approx(expected)
    assert {key: a.estimate.mean for key, a in found.cells.items() if a.estimate} == pytest.approx(
        {(k, b): means[i, j] for i, k in enumerate(TYPES) for j, b in enumerate(BANDS)}
    )


def test_an_interaction_is_taken_seed_by_seed() -> None:
    study, deltas = _study(noise=0.05)
    found = two_way(study)
    assert found is not None
    [answer] = [a for a in found.effects if a.contrast.name == "attention × upper"]
    per_seed = deltas[:, 0, 2] - deltas[:, 0].mean(axis=1) - deltas[:, :, 2].mean(axis=1) + deltas.mean(axis=(1, 2))
    assert answer.estimate is not None
    assert answer.estimate.sd == pytest.approx(per_seed.std(ddof=1))
    assert answer.seeds == (1, 2, 3, 4)


def test_a_study_without_such_a_grid_is_not_asked() -> None:
    assert two_way(outcomes([1.0, 2.0, 3.0], {"a": [1.0, 2.0, 3.0]})) is None
    study, _ = _study()
    without = Outcomes("loss", False, "baseline", study.arms[:-1])
    assert two_way(without) is None


def test_several_changes_are_averaged() -> None:
    first, _ = _study()
    twice = [
        *first.arms,
        *(
            type(a)(
                f"{a.arm} 2",
                {s: v + 1 for s, v in a.values.items()},
                change="r=2",
                layer_type=a.layer_type,
                band=a.band,
            )
            for a in first.arms[1:]
        ),
    ]
    found = two_way(Outcomes("loss", False, "baseline", tuple(twice)))
    assert found is not None
    assert found.changes == ("r=4", "r=2")
    cell = found.cells["attention", "lower"].estimate
    assert cell is not None
    assert cell.mean == pytest.approx(0.1 + 0.5)


def test_a_change_that_two_arms_of_a_group_share_is_not_asked() -> None:
    study, _ = _study()
    twin = replace(study.arms[1], arm="another")
    assert two_way(study) is not None
    assert two_way(replace(study, arms=(*study.arms, twin))) is None
