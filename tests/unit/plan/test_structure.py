"""What a structure costs, by the formulas of the papers."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.plan.catalogue import CATALOGUE, NONE
from workbench.plan.settings import AdapterSettings
from workbench.plan.structure import Structure

SIZES = {"n": st.integers(1, 20), "m": st.integers(1, 20), "r": st.integers(1, 32)}


def _structure(method: str, r: int = 4, balance: int = 2, pool: int = 8) -> Structure:
    return CATALOGUE[method].structure(AdapterSettings(method, r, 2.0 * r, balance=balance, pool=pool))


@given(**SIZES, balance=st.integers(1, 8), pool=st.integers(1, 8))
def test_trainable_parameters_of_every_method(n: int, m: int, r: int, balance: int, pool: int) -> None:
    unit = math.lcm(balance, pool, r)
    i, o = n * unit, m * unit
    k = balance * r
    expected = {
        "lora": r * (i + o),
        "rslora": r * (i + o),
        "dora": r * (i + o) + o,
        "blora": r * (i + o),
        "qalora": r * (i // pool + o),
        "qablora": k * (i // pool + o // balance),
        "qahira": (i // pool) * (o // balance),
        "irqlora": r * (i + o) + 2,
    }
    found = {name: _structure(name, r, balance, pool).trainable(i, o) for name in CATALOGUE if name != NONE}
    assert found == expected


@pytest.mark.parametrize("method", ["blora", "qablora"])
@given(**SIZES)
def test_balancing_by_one_changes_nothing(method: str, n: int, m: int, r: int) -> None:
    plain = "lora" if method == "blora" else "qalora"
    assert _structure(method, r, balance=1, pool=1) == _structure(plain, r, balance=1, pool=1) == Structure(r)
    assert _structure(method, r, 1, 1).trainable(n, m) == r * (n + m)


@given(n=st.integers(1, 20), m=st.integers(1, 20), r=st.integers(1, 16), balance=st.integers(1, 8))
def test_blora_has_the_parameters_of_lora_and_a_higher_rank(n: int, m: int, r: int, balance: int) -> None:
    i, o = n * balance, m * balance
    assert _structure("blora", r, balance).trainable(i, o) == Structure(r).trainable(i, o)
    assert _structure("blora", r, balance).rank == balance * r


def test_what_plain_tools_know_and_what_adds_by_itself() -> None:
    found = {name: (_structure(name).plain, _structure(name).additive) for name in CATALOGUE if name != NONE}
    assert {name for name, (plain, _) in found.items() if plain} == {"lora", "rslora"}
    assert {name for name, (_, additive) in found.items() if not additive} == {"dora"}


def test_cores_and_the_largest_rank() -> None:
    structure = Structure(4, pool=4, repeat=2)
    assert structure.core(in_features=24, out_features=10) == (5, 6)
    assert structure.largest_rank(24, 10) == 5


def test_flops_and_what_backward_keeps() -> None:
    """Three products per matrix (forward, and a gradient to each side), one addition per averaged or repeated value."""
    i, o = 96, 40
    assert Structure(4).flops(i, o) == 6 * 4 * (i + o)
    assert Structure(4).activation_bytes(i, o) == 4 * 4
    pooled = Structure(8, pool=4, repeat=2)
    assert pooled.flops(i, o) == 6 * 8 * (i // 4 + o // 2) + 2 * (i + o)
    assert pooled.activation_bytes(i, o) == 4 * (8 + i // 4)
    dense = Structure(None, pool=4, repeat=2)
    assert dense.flops(i, o) == 6 * (i // 4) * (o // 2) + 2 * (i + o)
    assert dense.activation_bytes(i, o) == 4 * (i // 4)
    with_magnitude = Structure(4, magnitude=True)
    assert (with_magnitude.activation_bytes(i, o), with_magnitude.activation_bytes(i, o, 2)) == (16 + 8 * o, 16 + 6 * o)
    assert (Structure(4, connected=True).step_bytes(i, o), Structure(4).step_bytes(i, o)) == (8 * 4 * (i + o), 0)
    assert with_magnitude.flops(i, o) - Structure(4).flops(i, o) == 6 * o
    assert Structure(4, connected=True).flops(i, o) == Structure(4).flops(i, o)  # added to A and B once a step
