"""Every method on every base format and shape: forward, backward, saved and loaded, against float64.

Tolerance: 1e-5 of the largest value, in fp32 on the CPU, in train mode (in eval mode bitsandbytes quantizes the inputs
of int8 sites too). A bf16 site casts its input to bf16 and rounds its product, each by up to 2^-9 of a value: its whole
output and the gradient of x are held to 2^-7, and its adapter, given the frozen product as it is, to 1e-5.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.plan.catalogue import CATALOGUE, NONE
from workbench.plan.formats import FORMATS
from workbench.plan.settings import AdapterSettings, BaseSettings
from workbench.train.adapters import ADAPTER
from workbench.train.proof import Proof, disturb, inputs, losses, output, prove
from workbench.train.proof_formulas import FORMULAS, change
from workbench.train.proof_site import Case, build_site

METHODS = tuple(name for name in CATALOGUE if name != NONE)
STARTS = [
    (name, init, base)
    for name in METHODS
    for init in ("pissa", "loftq")
    for base in ("nf4", "int4", "int8", "bf16", "fp32")
    if init in CATALOGUE[name].inits and (init == "pissa" or FORMATS[base].quantized)
]
EXACT, ROUNDED = 1e-5, 2**-7


@dataclass(frozen=True, slots=True)
class Shape:
    """A shape with a rank, a balance and a pool that divide it; `int4` is its width where groups have to fit."""

    out_features: int
    in_features: int
    r: int
    balance: int
    pool: int
    bias: bool
    int4: int | None = None


SHAPES = {
    "square": Shape(64, 64, 4, 4, 8, False),
    "wide": Shape(32, 192, 4, 2, 32, True),
    "tall": Shape(160, 64, 4, 2, 4, False),
    "odd": Shape(45, 105, 3, 3, 7, True, int4=96),
}
# trainable parameters for (o, i, r, p, λ), from the papers' shapes
COUNTS: dict[str, Callable[[int, int, int, int, int], float]] = {
    "lora": lambda o, i, r, p, q: r * (i + o),
    "rslora": lambda o, i, r, p, q: r * (i + o),
    "dora": lambda o, i, r, p, q: r * (i + o) + o,
    "blora": lambda o, i, r, p, q: r * (i + o),
    "qalora": lambda o, i, r, p, q: r * (i / p + o),
    "qablora": lambda o, i, r, p, q: q * r * (i / p + o / q),
    "qahira": lambda o, i, r, p, q: (i / p) * (o / q),
    "irqlora": lambda o, i, r, p, q: r * (i + o) + 2,
}


def _adapter(
    method: str, r: int, balance: int, pool: int, dropout: float = 0.0, init: str = "default"
) -> AdapterSettings:
    """Settings as a plan resolves them: what the method does not take is one."""
    takes = CATALOGUE[method].parameters
    own = {key: value if key in takes else 1 for key, value in (("balance", balance), ("pool", pool))}
    return AdapterSettings(method, r, 1.5 * r, dropout, init, **own)


def _base(name: str, blocksize: int = 64, double_quant: bool = True) -> BaseSettings:
    given = {"blocksize": blocksize, "double_quant": double_quant}
    return FORMATS[name].settings(**{key: value for key, value in given.items() if key in FORMATS[name].parameters})


def _case(method: str, base: str, shape: Shape, dropout: float = 0.0, init: str = "default") -> Case:
    width = shape.int4 if base == "int4" and shape.int4 else shape.in_features
    pool = shape.pool if width % shape.pool == 0 else 8
    adapter = _adapter(method, shape.r, shape.balance, pool, dropout, init)
    return Case(adapter, _base(base, 32 if base == "int4" else 64), width, shape.out_features, shape.bias)


def _assert_exact(proof: Proof, case: Case) -> None:
    whole = {"forward": proof.whole.forward, "reloaded": proof.reloaded, "x": proof.whole.gradients["x"]}
    tolerance = ROUNDED if case.base.format == "bf16" else EXACT
    assert max(whole.values()) <= tolerance, whole
    if case.base.format != "bf16":
        assert proof.whole.largest <= EXACT, proof.whole
    assert proof.adapter.largest <= EXACT, proof.adapter
    assert proof.identical
    assert proof.differences == ()


def _assert_counted(proof: Proof, case: Case) -> None:
    adapter = case.adapter
    sizes = (case.out_features, case.in_features, adapter.r, adapter.pool, adapter.balance)
    assert proof.trainable_params == case.record.trainable_params == COUNTS[adapter.method](*sizes)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("base", FORMATS)
@pytest.mark.parametrize("method", METHODS)
def test_a_method_on_a_base_format(method: str, base: str, shape: Shape) -> None:
    case = _case(method, base, shape)
    proof = prove(case)
    _assert_exact(proof, case)
    _assert_counted(proof, case)
    assert proof.start <= (1e-6 if CATALOGUE[method].structure(case.adapter).magnitude else 0.0)


@pytest.mark.parametrize(("method", "init", "base"), STARTS)
def test_starts_from_the_original_weight(method: str, init: str, base: str) -> None:
    """Base and adapter together are the original weight, as far as the run's own figure says."""
    case = _case(method, base, SHAPES["tall"], init=init)
    proof, plain = prove(case), prove(replace(case, adapter=replace(case.adapter, init="default")))
    _assert_exact(proof, case)
    assert proof.start == pytest.approx(proof.stated, rel=1e-4, abs=1e-6)
    assert proof.start <= 1e-6 if base == "fp32" else proof.start < plain.stated


@pytest.mark.parametrize("base", ["nf4", "int8", "bf16"])
@pytest.mark.parametrize("method", METHODS)
def test_dropout_acts_on_what_the_adapter_reads(method: str, base: str) -> None:
    case = _case(method, base, SHAPES["wide"], dropout=0.5)
    _assert_exact(prove(case), case)


@pytest.mark.parametrize("method", METHODS)
def test_dropout_changes_nothing_on_average(method: str) -> None:
    """The mean over many masks is what there is without dropout, as near as so many draws can tell."""
    case = _case(method, "fp32", SHAPES["square"], dropout=0.25)
    site, plain = build_site(case), build_site(replace(case, adapter=replace(case.adapter, dropout=0.0)))
    disturb(site)
    disturb(plain)
    x, draws = inputs(case), 400
    with torch.no_grad():
        expected, found = output(plain, x), []
        for site.clock.step in range(draws):
            found.append(output(site, x))
    values = torch.stack(found)
    error = values.std(0) / math.sqrt(draws)
    assert (error > 0).all()  # it does draw
    off = (values.mean(0) - expected) / error
    assert off.abs().max() < 5  # of 704 values; without the gain it is above 20
    assert abs(off.mean()) < 0.5


@st.composite
def _cases(draw: st.DrawFn) -> Case:
    """Shapes from units that everything divides which has to: balance, pool, rank or groups."""
    method, base = draw(st.sampled_from(METHODS)), draw(st.sampled_from(list(FORMATS)))
    r, balance, pool = (draw(st.integers(1, most)) for most in (6, 5, 6))
    blocksize = draw(st.sampled_from([32, 64] if base == "int4" else [32, 64, 128, 256]))
    init = draw(st.sampled_from(CATALOGUE[method].inits))
    dropout = draw(st.sampled_from([0.0, 0.0, 0.5]))
    init = "default" if init == "loftq" and not FORMATS[base].quantized else init
    adapter = _adapter(method, r, balance, pool, dropout, init)
    shared = r if method == "irqlora" else adapter.balance
    width = math.lcm(shared, adapter.pool, blocksize if base == "int4" else 1)
    sizes = [unit * draw(st.integers(-(-8 // unit), max(1, 120 // unit))) for unit in (width, shared)]
    return Case(
        adapter,
        _base(base, blocksize, draw(st.booleans())),
        sizes[0],
        sizes[1],
        draw(st.booleans()),
        draw(st.integers(0, 99)),
    )


# Always the same draws: the gradients of irqlora's two factors are sums that can cancel, and one case in ten thousand
# would be off by more than the tolerance.
@settings(deadline=None, max_examples=70, derandomize=True)
@given(case=_cases())
def test_any_shape_rank_balance_pool_and_block_size(case: Case) -> None:
    proof = prove(case)
    _assert_exact(proof, case)
    _assert_counted(proof, case)


@pytest.mark.parametrize("base", FORMATS)
@pytest.mark.parametrize("method", METHODS)
def test_twenty_steps_lower_the_loss(method: str, base: str) -> None:
    found = losses(_case(method, base, SHAPES["square"]), 20)
    assert len(found) == 21
    assert found[-1] < 0.97 * found[0]


def test_every_method_has_a_formula_of_its_own() -> None:
    assert set(FORMULAS) == set(METHODS) == set(COUNTS)


@pytest.mark.parametrize("method", METHODS)
def test_a_wrong_layer_would_be_seen(method: str) -> None:
    """The proof can fail: a scaling that is off by a thousandth is."""
    case = _case(method, "nf4", SHAPES["square"])
    site = build_site(case)
    disturb(site)
    trained = {name: value.detach().double() for name, value in site.trained.items()}
    right = change(trained, case.adapter, (64, 64))
    site.layer.scaling[ADAPTER] *= 1.001
    delta = site.layer.get_delta_weight(ADAPTER).double()
    assert 5e-4 < (delta - right).norm() / right.norm() < 2e-3
