"""Claims in study files: what does not fit is said at its place, and `study new` keeps claims about what is left."""

from pathlib import Path
from typing import Any

import pytest

from tests.unit.study_files.support import study_of, text
from workbench.errors import InvalidError
from workbench.run.layout import Home
from workbench.study.builtin_file import Wishes, built_in_names, built_in_text, study_text
from workbench.study.study import read_study

FACTORS = {"type": ["attn", "mlp"], "cut": [2, 4]}
TEMPLATE = "* {type} r/={cut}"
SIDES = {"worse": {"type": "attn"}, "better": {"type": "mlp"}}


def _study(home: Home, **claim: Any) -> Any:
    return study_of(home, factors=FACTORS, template=TEMPLATE, claims={"c": {"says": "so it is", **claim}}).file.claims[
        "c"
    ]


def test_levels_are_named_as_the_file_writes_them(home: Home) -> None:
    claim = _study(home, **SIDES, change={"cut": [2, 4]}, where={"cut": 4})
    assert claim.change == {"cut": ("2", "4")}
    assert claim.where == {"cut": ["4"]}


@pytest.mark.parametrize(
    ("claim", "where", "said"),
    [
        ({"worse": {"type": "attn"}}, "claims.c", "either worse and better"),
        ({**SIDES, "effect": "cut", "exceeds": ["type"]}, "claims.c", "either worse and better"),
        ({"exceeds": ["type"]}, "claims.c.exceeds", "needs an effect"),
        ({"effect": "cut", "exceeds": ["type"], "per_parameter": True}, "claims.c.per_parameter", "does not go"),
        ({**SIDES, "against": "reference", "change": {"cut": [2, 4]}}, "claims.c.against", "neither with change"),
        ({"worse": {"type": "attn"}, "better": {"type": "attn"}}, "claims.c.better", "the same arms"),
        ({"worse": {"typ": "attn"}, "better": {"type": "mlp"}}, "claims.c.worse.typ", "did you mean 'type'"),
        ({"worse": {"type": "atn"}, "better": {"type": "mlp"}}, "claims.c.worse.type", "did you mean 'attn'"),
        ({**SIDES, "where": {"cut": [8]}}, "claims.c.where.cut", "no level '8'"),
        ({"effect": "type", "exceeds": ["cut"]}, "claims.c.effect", "no positive numbers"),
        ({**SIDES, "wrose": 1}, "claims.c.wrose", "did you mean 'worse'"),
        ({**SIDES, "against": "nothing"}, "claims.c.against", "baseline or reference"),
    ],
)
def test_a_claim_that_the_study_cannot_mean_is_said(home: Home, claim: dict[str, Any], where: str, said: str) -> None:
    with pytest.raises(InvalidError) as error:
        _study(home, **claim)
    [problem] = error.value.problems
    assert problem.where.partition(" ")[2] == where
    assert said in f"{problem.message} {problem.hint}"


@pytest.mark.parametrize("name", built_in_names())
def test_a_built_in_study_with_a_finding_to_check_has_claims(home: Home, name: str) -> None:
    study = read_study(study_text(built_in_text(name), name, Wishes("demo"), 6), Path("study.yaml"), home)
    assert bool(study.file.claims) == (not study.file.confirmed_if.startswith("Not applicable"))


def test_levels_that_are_left_out_take_their_claims_with_them() -> None:
    kept = Wishes("demo", levels={"adapter": ["qalora", "qalora-quarter"]})
    short = study_text(built_in_text("qat-by-type-and-depth"), "q", kept, 6)
    assert "qalora-small-adapters-cost-more-in-attention" in short
    assert "qablora-small" not in short


def test_a_condition_keeps_the_levels_that_are_left_and_goes_with_the_last() -> None:
    text_of = built_in_text("balance-by-type-and-depth")
    some = study_text(text_of, "b", Wishes("demo", levels={"depth": ["lower", "upper"]}), 6)
    assert "where: {type: [attn, mlp], depth: [lower, upper]}" in some
    none = study_text(text_of, "b", Wishes("demo", levels={"depth": ["*"]}), 6)
    assert "where: {type: [attn, mlp]}" in none


def test_a_study_without_claims_is_fine(home: Home) -> None:
    assert study_of(home, factors=FACTORS, template=TEMPLATE).file.claims == {}
    assert "claims" not in text(factors=FACTORS, template=TEMPLATE)
