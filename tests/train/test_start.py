"""Adapters that start from the weight: what base and start add up to, and that the same base comes back."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM

from tests.train.support import BASE, CPU, demo_site, load, make_record
from workbench.errors import InvalidError
from workbench.plan.settings import BaseSettings
from workbench.run.record import SiteRecord
from workbench.train.base import Base, load_base
from workbench.train.dense import dense_parameter, dense_weight
from workbench.train.layers import make_layer, store
from workbench.train.start import EXACT_SIDE, StartFactors, StartPlan, leading_factors, loftq, pissa, start_factors

FORMATS = {
    "nf4": BaseSettings("nf4", 64, True),
    "fp4": BaseSettings("fp4", 32, False),
    "int4": BaseSettings("int4", 32),
    "int8": BaseSettings("int8", threshold=0.0),
}


def _weight(out_features: int, in_features: int, seed: int = 0) -> torch.Tensor:
    """Normal values with a few strong directions, as trained weights have."""
    draw = torch.Generator().manual_seed(seed)
    strong = torch.randn(out_features, 4, generator=draw) @ torch.randn(4, in_features, generator=draw)
    return torch.randn(out_features, in_features, generator=draw) + strong


def _quantizer(name: str, shape: tuple[int, int]) -> Callable[[torch.Tensor], torch.Tensor]:
    with torch.device("meta"):
        layer = make_layer(shape[1], shape[0], False, FORMATS[name], torch.float32)
    return lambda weight: dense_parameter(store(layer, weight, torch.float32))


def _plan(init: str, r: int, scaling: float) -> StartPlan:
    return StartPlan("model.layers.0.mlp.up_proj", init, r, scaling)


def _error(weight: torch.Tensor, stored: torch.Tensor) -> float:
    return ((weight - stored).norm() / weight.norm()).item()


@settings(deadline=None, max_examples=60)
@given(
    rows=st.integers(1, 60),
    columns=st.integers(1, 60),
    r=st.integers(1, 20),
    scaling=st.sampled_from([0.125, 1.0, 2.0, 16.0]),
    seed=st.integers(0, 1000),
)
def test_the_factors_are_the_best_of_their_rank_and_evenly_split(
    rows: int, columns: int, r: int, scaling: float, seed: int
) -> None:
    r = min(r, rows, columns)
    weight = _weight(rows, columns, seed)
    a, b = leading_factors(_plan("pissa", r, scaling), weight)
    assert (a.shape, b.shape) == ((r, columns), (rows, r))
    left, values, right = torch.linalg.svd(weight.double(), full_matrices=False)
    # Where two singular values are close the best factors are barely determined, but what they leave is.
    least = (weight.double() - left[:, :r] * values[:r] @ right[:r]).norm()
    rest = (weight.double() - scaling * (b.double() @ a.double())).norm()
    assert (rest - least) / weight.norm() < 2e-6
    assert torch.allclose(a.norm(dim=1), b.norm(dim=0), rtol=1e-4)


def test_of_a_large_weight_the_factors_hold_nearly_as_much_and_are_drawn_alike() -> None:
    weight = torch.randn(EXACT_SIDE + 52, EXACT_SIDE + 2, generator=torch.Generator().manual_seed(1))
    plan = _plan("pissa", 4, 2.0)
    drawn = torch.get_rng_state()
    a, b = leading_factors(plan, weight)
    torch.randn(3)  # what others draw meanwhile changes nothing
    again = leading_factors(plan, weight)
    assert torch.equal(a, again[0])
    assert torch.equal(b, again[1])
    torch.set_rng_state(drawn)
    # Singular values of normal weights lie at √rows + √columns and below.
    held = (2.0 * b @ a).norm() ** 2
    assert held > 0.98 * 4 * (weight.shape[0] ** 0.5 + weight.shape[1] ** 0.5) ** 2
    rest = weight - 2.0 * b @ a
    assert (rest.norm() ** 2 + held) / weight.norm() ** 2 == pytest.approx(1.0, rel=1e-4)


def test_the_projection_leaves_the_generator_alone() -> None:
    torch.manual_seed(3)
    expected = torch.randn(4)
    torch.manual_seed(3)
    weight = torch.ones(EXACT_SIDE + 1, EXACT_SIDE + 1)
    leading_factors(_plan("pissa", 1, 1.0), weight)
    assert torch.equal(torch.randn(4), expected)


@pytest.mark.parametrize("shape", [(64, 128), (33, 96), (7, 32), (200, 64)])
@pytest.mark.parametrize("name", FORMATS)
def test_pissa_leaves_the_residual_to_the_base(name: str, shape: tuple[int, int]) -> None:
    weight, quantize, scaling = _weight(*shape), _quantizer(name, shape), 2.0
    found = pissa(_plan("pissa", 4, scaling), weight)
    residual = found.residual(weight, scaling)
    stored = quantize(residual)
    left_over = weight - (stored + found.start(scaling))
    assert torch.allclose(left_over, residual - stored, atol=1e-5 * weight.abs().max().item())
    assert left_over.norm() < (weight - quantize(weight)).norm()


@pytest.mark.parametrize("shape", [(64, 128), (33, 96), (17, 32), (200, 64)])
@pytest.mark.parametrize("name", FORMATS)
def test_loftq_makes_up_for_the_error_of_quantizing(name: str, shape: tuple[int, int]) -> None:
    weight = torch.randn(shape, generator=torch.Generator().manual_seed(5))
    quantize, plan = _quantizer(name, shape), _plan("loftq", 4, 0.5)
    plain = _error(weight, quantize(weight))
    errors = []
    for rounds in range(6):
        found = loftq(plan, weight, quantize, rounds)
        errors.append(_error(weight, quantize(found.residual(weight, plan.scaling)) + found.start(plan.scaling)))
    assert errors[0] == pytest.approx(plain, rel=1e-6)
    assert all(error < plain for error in errors[1:])


def test_the_base_of_loftq_is_that_of_the_last_round() -> None:
    weight, quantize, plan = _weight(48, 64), _quantizer("nf4", (48, 64)), _plan("loftq", 4, 2.0)
    four, five = loftq(plan, weight, quantize, 4), start_factors(plan, weight, quantize)
    assert torch.equal(five.offset_a, four.a)
    assert torch.equal(five.offset_b, four.b)
    stored = quantize(weight - plan.scaling * four.b @ four.a)
    a, b = leading_factors(plan, weight - stored)
    assert torch.allclose(five.b @ five.a, b @ a, atol=1e-5)


def test_a_weight_that_is_not_finite_is_named() -> None:
    weight = _weight(8, 8)
    weight[3, 4] = torch.inf
    with pytest.raises(InvalidError, match=r"model\.layers\.0\.mlp\.up_proj: .* not finite"):
        start_factors(_plan("pissa", 2, 1.0), weight, lambda w: w)


SITES = tuple(
    demo_site(block, module, r=4, base=base, init=init, blocksize=FORMATS[base].blocksize if base in FORMATS else None)
    for block, (init, base, module) in enumerate(
        [
            ("pissa", "nf4", "self_attn.k_proj"),
            ("pissa", "int4", "mlp.down_proj"),
            ("pissa", "fp32", "mlp.up_proj"),
            ("loftq", "nf4", "mlp.gate_proj"),
            ("loftq", "int8", "self_attn.q_proj"),
            ("loftq", "int4", "mlp.down_proj"),
        ]
    )
)


@pytest.fixture(scope="module")
def base() -> Base:
    torch.set_num_threads(1)
    return load(make_record(SITES))


@pytest.fixture(scope="module")
def original() -> dict[str, torch.Tensor]:
    model = AutoModelForCausalLM.from_pretrained(BASE, dtype=torch.float32)
    return {site.site: model.get_submodule(site.site).weight.detach() for site in SITES}


def _started(base: Base, site: SiteRecord) -> torch.Tensor:
    assert site.scaling is not None
    return dense_weight(base.model.get_submodule(site.site)) + base.starts[site.site].start(site.scaling)


def _same(one: Base, other: Base) -> bool:
    sites = [site.site for site in SITES]
    layers = [(one.model.get_submodule(name), other.model.get_submodule(name)) for name in sites]
    factors = [(getattr(one.starts[n], f), getattr(other.starts[n], f)) for n in sites for f in ("a", "b")]
    return all(torch.equal(dense_weight(a), dense_weight(b)) for a, b in layers) and all(
        torch.equal(a, b) for a, b in factors
    )


def test_a_loaded_base_and_its_starts_give_the_original(base: Base, original: dict[str, torch.Tensor]) -> None:
    assert set(base.starts) == {site.site for site in SITES}
    for site in SITES:
        error = _error(original[site.site], _started(base, site))
        assert base.norms[site.site].quant_error == pytest.approx(error, rel=1e-4, abs=1e-9)
    exact = next(site for site in SITES if site.base == "fp32")
    assert _error(original[exact.site], _started(base, exact)) < 1e-5


def test_loading_again_gives_the_same_bits(base: Base) -> None:
    assert _same(base, load(make_record(SITES)))


def test_given_starts_give_the_very_same_base_without_working_anything_out(base: Base) -> None:
    copies = {
        name: StartFactors(*(t.clone().t().contiguous().t() for t in (f.a, f.b, f.offset_a, f.offset_b)))
        for name, f in base.starts.items()
    }
    assert _same(base, load_base(make_record(SITES), CPU, torch.float32, copies))
    zeroed = {n: StartFactors(f.a, f.b, 0 * f.offset_a, 0 * f.offset_b) for n, f in base.starts.items()}
    other = load_base(make_record(SITES), CPU, torch.float32, zeroed)
    assert not _same(base, other)  # what is given is what counts


def test_a_plan_without_such_inits_has_no_starts() -> None:
    assert load(make_record((demo_site(0, "mlp.up_proj", init="gaussian"), demo_site(1, "mlp.up_proj")))).starts == {}


def test_given_starts_have_to_fit_the_record(base: Base) -> None:
    record, name = make_record(SITES), SITES[0].site
    without = {site: factors for site, factors in base.starts.items() if site != name}
    with pytest.raises(InvalidError, match=rf"{name}: init pissa, but its saved start factors are missing"):
        load_base(record, CPU, torch.float32, without)
    kept = base.starts[name]
    longer = StartFactors(kept.a, torch.zeros(65, 4), kept.offset_a, kept.offset_b)
    with pytest.raises(InvalidError, match=r"shapes \(4, 128\) and \(65, 4\) where \(4, 128\) and \(64, 4\) belong"):
        load_base(record, CPU, torch.float32, {**without, name: longer})
