"""Settings that do not fit a site: the message, the values that would do, and the place in the plan."""

from pathlib import Path
from typing import Any

import pytest

from tests.unit.plan.support import check_rules, make_plan
from workbench.plan.catalogue import CATALOGUE, divisors
from workbench.plan.cost import plan_check_json
from workbench.run.layout import Home

Q0 = "model.layers.0.self_attn.q_proj"  # (16, 16)
K0 = "model.layers.0.self_attn.k_proj"  # (8, 16)
UP0 = "model.layers.0.mlp.up_proj"  # (24, 16)
DOWN0 = "model.layers.0.mlp.down_proj"  # (16, 24)


@pytest.mark.parametrize(
    ("rules", "more", "where", "message", "hint"),
    [
        (("0 up method=blora r=2 balance=3",), {}, "rules[0]",
         f"{UP0}: balance 3 does not divide in_features 16", "these do: 1, 2, 4, 8"),
        (("0 down method=blora r=2 balance=5",), {}, "rules[0]",
         f"{DOWN0}: balance 5 does not divide in_features 24 and out_features 16", "these do: 1, 2, 4, 8"),
        (("0 q method=blora r=2",), {"defaults": {"balance": 3}}, "2:12 defaults.balance",
         f"{Q0}: balance 3 does not divide in_features 16 and out_features 16", "these do: 1, 2, 4, 8, 16"),
        (("0 q method=blora r=2 balance=4", "0 q balance*=3"), {}, "rules[1]",
         f"{Q0}: balance 12 does not divide in_features 16", "these do: 1, 2, 4, 8, 16"),
        (("0 q method=qalora r=2",), {}, "defaults.pool",
         f"{Q0}: pool 64 does not divide in_features 16", "these do: 1, 2, 4, 8, 16"),
        (("0 down method=qalora r=2 pool=16",), {}, "rules[0]",
         f"{DOWN0}: pool 16 does not divide in_features 24", "these do: 1, 2, 3, 4, 6, 8, 12, 24"),
        (("0 up method=qablora r=2 pool=5 balance=2",), {}, "rules[0]",
         f"{UP0}: pool 5 does not divide in_features 16", "these do: 1, 2, 4, 8, 16"),
        (("0 k method=qablora r=2 pool=4 balance=16",), {}, "rules[0]",
         f"{K0}: balance 16 does not divide out_features 8", "these do: 1, 2, 4, 8"),
        (("0 down method=qahira pool=16 balance=2",), {}, "rules[0]",
         f"{DOWN0}: pool 16 does not divide in_features 24", "these do: 1, 2, 3, 4"),
        (("0 up method=qahira pool=4 balance=9",), {}, "rules[0]",
         f"{UP0}: balance 9 does not divide out_features 24", "these do: 1, 2, 3, 4, 6, 8, 12, 24"),
        (("0 down method=irqlora r=5",), {}, "rules[0]",
         f"{DOWN0}: r 5 does not divide in_features 24 and out_features 16", "these do: 1, 2, 4, 8"),
        (("0 down method=irqlora r=3",), {}, "rules[0]",
         f"{DOWN0}: r 3 does not divide out_features 16", "these do: 1, 2, 4, 8"),
        (("0 q method=dora r=17",), {}, "rules[0]",
         f"{Q0}: r 17 is larger than the smaller side of the layer, 16", "change r"),
        (("0 q base=bf16 init=loftq r=2",), {}, "rules[0]",
         f"{Q0}: init loftq makes up for the error of quantizing, and bf16 has none", "quantized base"),
        (("0 q method=blora init=pissa r=2",), {}, "rules[0]",
         f"{Q0}: method blora has no init 'pissa'", "it has default, gaussian"),
        (("0 q method=dora init=loftq r=2",), {}, "rules[0]",
         f"{Q0}: method dora has no init 'loftq'", "it has default, gaussian"),
        (("0 q method=qahira init=gaussian pool=4",), {}, "rules[0]",
         f"{Q0}: method qahira has no init 'gaussian'", "it has default"),
        (("0 q method=blora r=2 pool=4",), {}, "rules[0]",
         f"{Q0}: method blora takes no pool", "method blora takes r, alpha, dropout, init, balance"),
        (("0 q method=qalora r=2 pool=4 balance=2",), {}, "rules[0]",
         f"{Q0}: method qalora takes no balance", "takes r, alpha, dropout, init, pool"),
        (("0 q base=int4",), {}, "rules[0]",
         f"{Q0}: int4 blocksize 64 does not divide in_features 16", "no block size divides it: use nf4 there"),
        (("0 q base=int4 blocksize=32",), {}, "rules[0]",
         f"{Q0}: int4 blocksize 32 does not divide in_features 16", "no block size divides it"),
        (("0 q base=int4 double_quant=true",), {}, "rules[0]",
         f"{Q0}: base format int4 takes no double_quant", "takes blocksize"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_an_error_with_what_would(
    home: Home, llama: Path, rules: tuple[str, ...], more: dict[str, Any], where: str, message: str, hint: str
) -> None:
    check = check_rules(home, llama, *rules, **more)
    assert check.plan is None
    found = [error for error in check.errors if error.message.startswith(message)]
    assert len(found) == 1, check.errors
    assert where in found[0].where
    assert hint in found[0].hint


def test_on_the_demo_int4_lists_the_block_sizes_that_divide(home: Home) -> None:
    check = check_rules(home, Path("demo"), "0 down base=int4 blocksize=256", "1 q base=int4 blocksize=256")
    assert [(error.where.split()[-1], error.message, error.hint) for error in check.errors] == [
        ("rules[0]", "model.layers.0.mlp.down_proj: int4 blocksize 256 does not divide in_features 384",
         "these do: 32, 64, 128"),
        ("rules[1]", "model.layers.1.self_attn.q_proj: int4 blocksize 256 does not divide in_features 128",
         "these do: 32, 64, 128"),
    ]  # fmt: skip


def test_a_base_of_the_whole_plan_is_where_its_block_size_comes_from(home: Home, llama: Path) -> None:
    check = check_rules(home, llama, base="int4")
    assert {error.where.split()[-1] for error in check.errors} == {"base"}
    assert any("does not divide in_features 24" in error.message for error in check.errors)


@pytest.mark.parametrize(
    ("rule", "warning"),
    [
        ("0 k method=blora r=2 balance=4",
         (f"{K0}: λr = 4·2 = 8 is more than the pooled shape (2, 4) can carry: parameters without effect",
          "r up to 1 is of use there")),
        ("0 up method=qalora r=5 pool=4",
         (f"{UP0}: r 5 is more than the pooled shape (24, 4) can carry: parameters without effect",
          "r up to 4 is of use there")),
        ("0 down method=qablora r=4 pool=6 balance=2",
         (f"{DOWN0}: λr = 2·4 = 8 is more than the pooled shape (8, 4) can carry: parameters without effect",
          "r up to 2 is of use there")),
        ("0 down method=qablora r=2 pool=6 balance=2", None),
        ("0 up method=qalora r=4 pool=4", None),
        ("0 k method=blora r=1 balance=2", None),
        ("0 q method=qahira r=99 pool=4 balance=2", None),
    ],
)  # fmt: skip
def test_more_than_a_shape_can_carry_is_a_warning(
    home: Home, llama: Path, rule: str, warning: tuple[str, str] | None
) -> None:
    check = check_rules(home, llama, rule)
    assert check.ok
    assert [(w.message, w.hint) for w in check.warnings] == ([warning] if warning else [])
    if warning:
        assert "rules[0]" in check.warnings[0].where


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ("0 q method=qalora base=int4 blocksize=32 pool=32", None),
        ("0 q method=qalora base=int4 blocksize=32 pool=64", None),
        ("0 q method=qablora base=int4 blocksize=32 pool=64 balance=4", None),
        ("0 q method=qahira base=int4 pool=128 balance=4", None),
        ("0 q method=blora base=int4 blocksize=32 balance=32 r=1", None),
        ("0 q method=qalora base=bf16 pool=8", None),
        ("0 q method=dora base=fp32", None),
        ("0 q method=qalora base=int4 pool=32",
         "pool 32 is no multiple of the blocksize 64 of int4: the change is not constant in its groups"),
        ("0 q method=lora base=int4",
         "pool 1 is no multiple of the blocksize 64 of int4: the change is not constant in its groups"),
        ("0 q method=qalora base=nf4 pool=64",
         "qalora cannot be merged into nf4 without loss: rounding drops most of a small change"),
        ("0 q method=qahira base=int8 pool=64 balance=4",
         "qahira cannot be merged into int8 without loss: rounding drops most of a small change"),
        ("0 q method=dora base=int4", "dora rescales whole rows: the result has to be quantized again"),
    ],
)  # fmt: skip
def test_mergeable_is_stated_with_its_reason_and_can_be_required(home: Home, rule: str, reason: str | None) -> None:
    name = "model.layers.0.self_attn.q_proj"
    answer = plan_check_json(check_rules(home, Path("demo"), rule))
    (site,) = (site for site in answer["sites"] if site["name"] == name)
    assert (answer["ok"], site["mergeable"]) == (True, reason is None)
    assert answer["losses_of_merge"] == ({reason: [name]} if reason else {})
    required = check_rules(home, Path("demo"), rule, require=["mergeable"])
    assert [error.message for error in required.errors] == ([f"{name}: {reason}"] if reason else [])
    for error in required.errors:
        assert "require" in error.where
        assert error.hint == "use a base or a method there that merges without loss, or drop mergeable from require"


@pytest.mark.parametrize(
    ("rule", "scaling"),
    [
        ("0 q method=lora r=4 alpha=6", 1.5),
        ("0 q method=rslora r=4 alpha=6", 3.0),
        ("0 q method=dora r=4 alpha=6", 1.5),
        ("0 q method=blora r=4 alpha=6 balance=2", 1.5),
        ("0 q method=qalora r=4 alpha=6 pool=4", 1.5),
        ("0 q method=qablora r=4 alpha=6 pool=4 balance=2", 1.5),
        ("0 q method=qahira r=4 alpha=6 pool=4 balance=2", 1.5),
        ("0 q method=irqlora r=4 alpha=6", 1.5),
    ],
)
def test_the_scaling_keeps_the_base_rank(home: Home, llama: Path, rule: str, scaling: float) -> None:
    assert make_plan(home, llama, rule).site(Q0).scaling == scaling


def test_balance_and_pool_are_kept_where_the_method_takes_them(home: Home, llama: Path) -> None:
    plan = make_plan(
        home, llama, "* all r=2", "0 q method=qablora pool=4", "0 k method=blora balance=4", "0 v method=dora"
    )
    settings = {name: plan.site(f"model.layers.0.self_attn.{name}_proj").adapter for name in "qkvo"}
    assert {name: (s.balance, s.pool) for name, s in settings.items() if s} == {
        "q": (2, 4), "k": (4, 1), "v": (1, 1), "o": (1, 1),
    }  # fmt: skip


def test_every_entry_says_what_it_is() -> None:
    for method in list(CATALOGUE.values())[1:]:
        assert method.meaning, method.name
        assert method.formula, method.name
        assert method.source, method.name
        assert method.inits[0] == "default"
        assert {"r", "alpha", "dropout", "init"} <= set(method.parameters)
    inferred = {name for name, method in CATALOGUE.items() if method.inferred}
    assert inferred == {"blora", "qalora", "qablora", "qahira", "irqlora"}


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ((12,), "1, 2, 3, 4, 6, 12"),
        ((12, 18), "1, 2, 3, 6"),
        ((7, 9), "1"),
        ((4096,), "1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, … 4096"),
    ],
)
def test_divisors_are_listed_up_to_a_dozen(numbers: tuple[int, ...], text: str) -> None:
    assert divisors(*numbers) == text
