"""Claims as contrasts, and the verdicts that runs give on them."""

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.study.support import outcomes
from workbench.study.claim_file import ClaimFile
from workbench.study.claims import Comparison, Dominance, Unasked, claims_of
from workbench.study.contrasts import by_seed
from workbench.study.outcomes import ArmOutcome, Outcomes
from workbench.study.verdicts import Outcome, Verdict, verdicts

BASE = [1.0, 1.2, 0.9, 1.1]
NOISE = [[0.0, 0.01, -0.01, 0.005], [0.01, 0.0, 0.0, -0.01], [-0.01, 0.005, 0.0, 0.0], [0.0, -0.01, 0.01, 0.0]]


def _plus(amount: float, noise: int = 0) -> list[float]:
    return [value + amount + own for value, own in zip(BASE, NOISE[noise], strict=True)]


def _verdict(study: Outcomes, **claim: Any) -> Verdict:
    [found] = verdicts(claims_of({"c": ClaimFile(says="so it is", **claim)}, study), study)
    return found


def _cuts(attention: float, mlp: float, **more: Any) -> Outcomes:
    arms = {
        "attn2": _plus(attention, 0),
        "mlp2": _plus(mlp, 1),
        "attn4": _plus(2 * attention, 2),
        "mlp4": _plus(2 * mlp, 3),
    }
    levels = {
        **{arm: {"type": arm[:-1], "cut": arm[-1]} for arm in arms},
        "baseline!attn": {"type": "attn", "cut": "1"},
        "baseline!mlp": {"type": "mlp", "cut": "1"},
    }
    return outcomes(BASE, arms, levels, **more)


SIDES = {"worse": {"type": "attn"}, "better": {"type": "mlp"}}


def test_a_comparison_is_the_mean_over_matched_cells_without_those_that_change_nothing() -> None:
    study = _cuts(0.5, 0.1)
    [claim] = claims_of({"c": ClaimFile(says="x", **SIDES)}, study)
    assert isinstance(claim, Comparison)
    assert claim.cells == 2
    assert claim.contrast.weights == pytest.approx({"attn2": 0.5, "attn4": 0.5, "mlp2": -0.5, "mlp4": -0.5})
    per_seed = by_seed(study, claim.contrast)
    values = {arm.arm: arm.values for arm in study.arms}
    assert per_seed[1] == pytest.approx(
        (values["attn2"][1] - values["mlp2"][1] + values["attn4"][1] - values["mlp4"][1]) / 2
    )


def test_what_the_runs_show_is_supported_and_its_opposite_contradicted() -> None:
    assert _verdict(_cuts(0.5, 0.1), **SIDES).outcome is Outcome.SUPPORTED
    assert _verdict(_cuts(0.1, 0.5), **SIDES).outcome is Outcome.CONTRADICTED
    assert _verdict(_cuts(0.5, 0.1, higher_is_better=True), **SIDES).outcome is Outcome.CONTRADICTED


def test_what_is_within_the_noise_is_not_separated_and_says_how_many_seeds_would_do() -> None:
    found = _verdict(_cuts(0.1, 0.1), **SIDES)
    assert found.outcome is Outcome.NOT_SEPARATED
    assert found.seeds_needed is None or found.seeds_needed > 4
    assert "would" in found.text


def test_two_seeds_answer_nothing() -> None:
    study = outcomes(
        BASE[:2], {"attn": [2.0, 2.2], "mlp": [1.0, 1.2]}, {"attn": {"type": "attn"}, "mlp": {"type": "mlp"}}
    )
    found = _verdict(study, **SIDES)
    assert found.outcome is Outcome.NOT_ANSWERED
    assert "2 common seeds; at least 3" in found.text


def test_per_parameter_divides_by_what_was_removed() -> None:
    params = {"attn2": 900_000, "mlp2": 500_000, "attn4": 850_000, "mlp4": 250_000}
    study = _cuts(0.1, 0.2, params=params)
    [claim] = claims_of({"c": ClaimFile(says="x", per_parameter=True, **SIDES)}, study)
    assert isinstance(claim, Comparison)
    assert "per million parameters removed" in claim.unit
    values = {arm.arm: arm.values[1] - BASE[0] for arm in study.arms}
    expected = (values["attn2"] / 0.1 - values["mlp2"] / 0.5 + values["attn4"] / 0.15 - values["mlp4"] / 0.75) / 2
    assert by_seed(study, claim.contrast)[1] == pytest.approx(expected)
    assert _verdict(study, per_parameter=True, **SIDES).outcome is Outcome.SUPPORTED


def test_a_change_between_levels_is_not_counted_from_the_baseline() -> None:
    study = _cuts(0.5, 0.1)
    [claim] = claims_of({"c": ClaimFile(says="x", change={"cut": ("2", "4")}, **SIDES)}, study)
    assert isinstance(claim, Comparison)
    assert claim.contrast.weights == pytest.approx({"attn4": 1, "attn2": -1, "mlp4": -1, "mlp2": 1})


def test_where_leaves_out_arms() -> None:
    [claim] = claims_of({"c": ClaimFile(says="x", where={"cut": ["4"]}, **SIDES)}, _cuts(0.5, 0.1))
    assert isinstance(claim, Comparison)
    assert set(claim.contrast.weights) == {"attn4", "mlp4"}


def test_a_claim_that_no_arms_can_answer_says_so() -> None:
    [claim] = claims_of({"c": ClaimFile(says="x", where={"cut": ["1"]}, **SIDES)}, _cuts(0.5, 0.1))
    assert isinstance(claim, Unasked)
    assert _verdict(_cuts(0.5, 0.1), where={"cut": ["1"]}, **SIDES).outcome is Outcome.NOT_ANSWERED


def test_against_the_reference_counts_gains_per_parameter() -> None:
    arms = {"attn": [2.0, 2.2, 1.9, 2.1], "mlp": [1.5, 1.72, 1.4, 1.61]}
    levels = {arm: {"type": arm} for arm in arms}
    study = outcomes(BASE, arms, levels, params={"attn": 100_000, "mlp": 900_000})
    study = replace(study, arms=(*study.arms, ArmOutcome("reference", {0: 4.0}, reference=True)))
    claim = {"worse": {"type": "mlp"}, "better": {"type": "attn"}, "against": "reference", "per_parameter": True}
    [comparison] = claims_of({"c": ClaimFile.model_validate({"says": "x", **claim})}, study)
    assert isinstance(comparison, Comparison)
    assert by_seed(study, comparison.contrast)[1] == pytest.approx((1.5 - 4.0) / 0.9 - (2.0 - 4.0) / 0.1)
    assert _verdict(study, **claim).outcome is Outcome.SUPPORTED


def _slopes(attention: float, mlp: float) -> Outcomes:
    arms = {
        f"{kind}{level}": _plus(slope * step, (step + shift) % 4)
        for shift, (kind, slope) in enumerate((("attn", attention), ("mlp", mlp)))
        for step, level in enumerate((1, 2, 4))
        if level > 1
    }
    levels = {arm: {"type": arm[:-1], "balance": arm[-1]} for arm in arms}
    levels |= {f"baseline!{kind}": {"type": kind, "balance": "1"} for kind in ("attn", "mlp")}
    return outcomes(BASE, arms, levels)


EFFECT = {"effect": "balance", "exceeds": ["type"]}


def test_a_slope_is_per_doubling_and_its_interaction_the_difference_between_levels() -> None:
    study = _slopes(0.3, 0.1)
    [claim] = claims_of({"c": ClaimFile(says="x", **EFFECT)}, study)
    assert isinstance(claim, Dominance)
    assert sum(by_seed(study, claim.main).values()) / 4 == pytest.approx(0.2, abs=0.01)
    [interaction] = claim.interactions
    assert sum(by_seed(study, interaction).values()) / 4 == pytest.approx(0.2, abs=0.01)


def test_dominance_is_judged_by_intervals_of_sizes() -> None:
    assert _verdict(_slopes(0.3, 0.29), **EFFECT).outcome is Outcome.SUPPORTED
    assert _verdict(_slopes(0.3, -0.3), **EFFECT).outcome is Outcome.CONTRADICTED
    assert _verdict(_slopes(0.3, 0.1), **EFFECT).outcome is Outcome.NOT_SEPARATED


def test_a_factor_with_one_level_left_cannot_be_asked_about() -> None:
    [claim] = claims_of({"c": ClaimFile(says="x", effect="cut", exceeds=["depth"])}, _cuts(0.5, 0.1))
    assert isinstance(claim, Unasked)
    assert "depth" in claim.reason


def test_a_factor_that_is_not_varied_is_said_to_be_left_out() -> None:
    verdict = _verdict(_slopes(0.5, 0.5), effect="balance", exceeds=["type", "depth"])
    assert verdict.outcome is Outcome.SUPPORTED
    assert verdict.text == "supported (not asked of depth, which has one level here)"


def test_rounding_is_no_difference_and_seeds_without_spread_are_said() -> None:
    values = [0.1, 0.7, 0.3, 0.9, 0.2]
    arms = {f"{kind}{cut}": values for kind in ("attn", "mlp") for cut in (2, 3, 4)}
    levels = {arm: {"type": arm[:-1], "cut": arm[-1]} for arm in arms}
    verdict = _verdict(outcomes(values, arms, levels), worse={"type": "attn"}, better={"type": "mlp"})
    assert verdict.answers[0].estimate is not None
    assert verdict.answers[0].estimate.mean == 0
    assert verdict.text == "not separated (the seeds do not differ at all: there is no spread to judge by)"


def test_more_claims_need_more_seeds() -> None:
    study = _cuts(0.002, 0.0)
    sides = {"worse": {"type": "attn"}, "better": {"type": "mlp"}}
    [alone] = verdicts(claims_of({"a": ClaimFile(says="a", **sides)}, study), study)
    first, *_ = verdicts(claims_of({str(n): ClaimFile(says="a", **sides) for n in range(5)}, study), study)
    assert alone.seeds_needed is not None
    assert first.seeds_needed is not None
    assert first.seeds_needed > alone.seeds_needed


def test_a_claim_against_a_reference_that_was_not_run_says_so() -> None:
    sides = {"worse": {"type": "attn"}, "better": {"type": "mlp"}}
    verdict = _verdict(_cuts(0.5, 0.1), **sides, against="reference")
    assert verdict.outcome is Outcome.NOT_ANSWERED
    assert "without adapters" in verdict.text
