"""Names of arms where there is little room."""

from workbench.report.study.words import short_names


def test_levels_that_all_arms_share_are_left_out() -> None:
    arms = ["type=attn,depth=*,lr=*1", "type=mlp,depth=lower,lr=*1"]
    assert short_names(arms) == {arms[0]: "attn *", arms[1]: "mlp lower"}


def test_names_that_would_be_alike_stay_whole() -> None:
    assert short_names(["a=1,b=2", "c=1,d=2", "late"]) == {"a=1,b=2": "a=1,b=2", "c=1,d=2": "c=1,d=2", "late": "late"}


def test_one_arm_keeps_all_of_its_levels() -> None:
    assert short_names(["cut=4"]) == {"cut=4": "4"}
    assert short_names([]) == {}
