"""Merging: what is kept of a change, lossless into int4, folders that load again, and a model that comes back."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from transformers import AutoModelForCausalLM

from tests.families import save_random
from tests.train.support import BASE, CPU, demo_site, demo_sites, load, make_record
from workbench.errors import InvalidError, UsageError
from workbench.plan.catalogue import CATALOGUE
from workbench.plan.merge_target import TARGETS, Target, check_target, read_target
from workbench.plan.model_map import load_map
from workbench.plan.settings import AdapterSettings
from workbench.plan.structure import Structure
from workbench.run.record import RunRecord, SiteRecord
from workbench.train.adapters import build_adapters, site_layers, trained_factors
from workbench.train.dense import dense_parameter, dense_weight
from workbench.train.group_int4 import GroupInt4Linear
from workbench.train.merge import Kept, merge_site, total
from workbench.train.merged_folder import Source, load_merged, write_merged
from workbench.train.merged_model import merged
from workbench.train.originals import OriginalWeights
from workbench.train.save import save_adapter
from workbench.train.saved_update import SiteUpdate

pytestmark = pytest.mark.slow

IDS = torch.randint(3, 90, (2, 24), generator=torch.Generator().manual_seed(5))
SITE = "model.layers.0.self_attn.q_proj"


def _adapted(sites: tuple[SiteRecord, ...], method: str, base: str, **settings: Any) -> tuple[SiteRecord, ...]:
    """The sites with a method of the catalogue, as a plan would resolve them."""
    found = []
    for site in sites:
        given = {"r": 4, "alpha": 8.0, "balance": 1, "pool": 1, **settings}
        entry, adapter = CATALOGUE[method], AdapterSettings(method, **given)
        trainable = entry.structure(adapter).trainable(site.in_features, site.out_features)
        stored = {"base": base, "blocksize": 32 if base == "int4" else site.blocksize}
        double = None if base == "int4" else site.double_quant
        found.append(
            replace(
                site,
                **stored,
                **given,
                double_quant=double,
                method=method,
                scaling=entry.scaling(adapter),
                trainable_params=trainable,
            )
        )
    return tuple(found)


def _trained(record: RunRecord, folder: Path) -> tuple[nn.Module, Path]:
    """A model whose adapters have changed everything a little, and where it is saved."""
    base = load(record)
    model, _ = build_adapters(base.model, record, base.starts)
    generator = torch.Generator().manual_seed(3)
    for layer in site_layers(model).values():
        for parameter in [p for p in layer.parameters() if p.requires_grad]:
            parameter.data += 0.02 * torch.randn(parameter.shape, generator=generator)
    save_adapter(model, record, folder)
    return model.eval(), folder


def _source(record: RunRecord, adapter: Path) -> Source:
    return Source(record, adapter, Path(record.model_path), load_map(record.model_path).family)


@torch.no_grad()
def _logits(model: Any) -> torch.Tensor:
    return model(input_ids=IDS).logits  # type: ignore[no-any-return]


def _difference(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a - b).abs().max() / b.abs().max())


@pytest.mark.parametrize(("share", "fraction"), [(0.01, 0.013), (0.05, 0.30), (0.10, 0.82)])
def test_how_much_of_a_small_change_nf4_keeps(share: float, fraction: float) -> None:
    """The figures of a Gaussian weight and a ΔW of rank 8 whose deviation is a share of the weight's."""
    generator = torch.Generator().manual_seed(0)
    weight = 0.02 * torch.randn(512, 512, generator=generator)
    a, b = torch.randn(8, 512, generator=generator), torch.randn(512, 8, generator=generator)
    b *= share * 0.02 / (b @ a).std()
    site = replace(demo_site(0, "self_attn.q_proj", 8), in_features=512, out_features=512)
    update = SiteUpdate(Structure(8), 1.0, a, b, None, None)
    kept = merge_site(site, weight, update, Target("nf4")).kept
    assert kept is not None
    assert kept.fraction == pytest.approx(fraction, abs=0.02)
    dense = merge_site(site, weight, update, Target("bf16")).kept
    assert dense is not None
    assert dense.fraction == pytest.approx(1, abs=0.002)


@settings(deadline=None, max_examples=25)
@given(
    rows=st.integers(1, 6),
    groups=st.integers(1, 4),
    blocksize=st.sampled_from([32, 64]),
    merges=st.sampled_from([1, 2, 3]),
    repeat=st.integers(1, 3),
    rank=st.integers(0, 3),
)
def test_a_change_that_is_constant_in_groups_goes_into_int4_without_loss(
    rows: int, groups: int, blocksize: int, merges: int, repeat: int, rank: int
) -> None:
    pool, columns, height = blocksize * merges, blocksize * merges * groups, rows * repeat
    generator = torch.Generator().manual_seed(rows + columns)
    weight = torch.randn(height, columns, generator=generator)
    core = torch.randn(rows, groups, generator=generator)
    if rank:
        core = torch.randn(rows, rank, generator=generator) @ torch.randn(rank, groups, generator=generator)
    delta = core.repeat_interleave(repeat, 0).repeat_interleave(pool, 1)
    site = replace(
        demo_site(0, "self_attn.q_proj", 4, "int4"),
        in_features=columns,
        out_features=height,
        blocksize=blocksize,
        method="qahira",
    )
    structure = Structure(None, pool, repeat)
    update = SiteUpdate(structure, 1.0, delta, torch.eye(height), None, None)
    found = merge_site(site, weight, update, Target("int4"))
    assert found.lossless
    before = dense_parameter(merge_site(site, weight, None, Target("int4")).stored)
    assert torch.allclose(dense_parameter(found.stored) - before, delta, atol=1e-5 * float(weight.abs().max()))
    assert found.kept is not None
    assert found.kept.fraction == pytest.approx(1, abs=1e-3)


def test_a_pool_that_is_no_multiple_of_the_group_is_quantized_again() -> None:
    [site] = _adapted((demo_site(0, "self_attn.q_proj", 4),), "qalora", "int4", pool=16)
    generator = torch.Generator().manual_seed(0)
    a = 0.01 * torch.randn(4, 8, generator=generator).repeat_interleave(16, 1)
    update = SiteUpdate(Structure(4, 16), 2.0, a, torch.randn(128, 4, generator=generator), None, None)
    found = merge_site(site, torch.randn(128, 128, generator=generator), update, Target("int4"))
    assert not found.lossless
    assert found.kept is not None
    assert found.kept.error is not None
    assert found.kept.error > 0.1


@pytest.mark.parametrize(
    ("method", "given"),
    [("qalora", {"pool": 32}), ("qablora", {"pool": 64, "balance": 2}), ("qahira", {"pool": 32, "balance": 4})],
)
def test_into_int4_the_logits_stay_and_the_folder_is_packed(tmp_path: Path, method: str, given: dict[str, int]) -> None:
    record = make_record(_adapted(demo_sites(4), method, "int4", **given))
    model, adapter = _trained(record, tmp_path / "adapter")
    (tmp_path / "merged").mkdir()
    kept = write_merged(_source(record, adapter), Target("int4"), tmp_path / "merged")
    assert set(kept) == {site.site for site in record.sites}
    loaded = load_merged(tmp_path / "merged")
    assert _difference(_logits(loaded), _logits(model)) <= 1e-5
    assert isinstance(loaded.get_submodule(SITE), GroupInt4Linear)
    packed = sum(path.stat().st_size for path in (tmp_path / "merged").glob("*.safetensors"))
    assert packed < 0.4 * Path(BASE, "model.safetensors").stat().st_size  # which has 16 bits a weight


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_every_target_loads_as_it_was_written(tmp_path: Path, target: Target) -> None:
    """A mixed plan, with sites that no adapter has, against the model merged in memory."""
    plain, pooled = demo_sites(4)[:20], _adapted(demo_sites(4)[20:30], "qalora", "int4", pool=32)
    rest = (*(demo_site(4, module, None, "bf16") for module in ("self_attn.q_proj",)), *demo_sites(None)[31:])
    record = make_record((*plain, *pooled, demo_sites(None)[30], *rest[1:]))
    assert len(record.sites) == 42
    model, adapter = _trained(record, tmp_path / "adapter")
    (tmp_path / "merged").mkdir()
    written = write_merged(_source(record, adapter), target, tmp_path / "merged")
    original = OriginalWeights(Path(BASE), load_map(BASE).family)
    before = _logits(model)
    with merged(model, record, original, target, torch.float32) as kept:  # type: ignore[arg-type]
        expected = _logits(model)
    assert torch.equal(_logits(model), before)
    assert kept.keys() == written.keys()
    for name, found in kept.items():
        assert found.common == pytest.approx(written[name].common, rel=1e-5)
        assert found.learned == pytest.approx(written[name].learned, rel=1e-5)
    loaded = load_merged(tmp_path / "merged", dtype=torch.float32)
    # the folder's bf16 weights are multiplied in fp32 here, those in memory in bf16
    assert _difference(_logits(loaded), expected) <= (1e-5 if target.into != "bf16" else 0.1)
    if not target.packed:
        plainly = AutoModelForCausalLM.from_pretrained(tmp_path / "merged", dtype=torch.float32).eval()
        assert torch.equal(_logits(plainly), _logits(loaded))


def test_into_fp32_every_method_keeps_its_logits(tmp_path: Path) -> None:
    for method, values in (
        ("lora", {}),
        ("rslora", {}),
        ("dora", {}),
        ("irqlora", {}),
        ("blora", {"balance": 4}),
        ("qahira", {"pool": 16, "balance": 2}),
    ):
        record = make_record(_adapted(demo_sites(4), method, "nf4", **values))
        model, adapter = _trained(record, tmp_path / method)
        (tmp_path / f"{method}-merged").mkdir()
        write_merged(_source(record, adapter), Target("fp32"), tmp_path / f"{method}-merged")
        plainly = AutoModelForCausalLM.from_pretrained(tmp_path / f"{method}-merged", dtype=torch.float32).eval()
        assert _difference(_logits(plainly), _logits(model)) <= 1e-5, method


@pytest.mark.parametrize("init", ["pissa", "loftq"])
def test_what_started_from_the_weight_is_no_part_of_what_was_learned(tmp_path: Path, init: str) -> None:
    record = make_record(demo_sites(4, init=init))
    base = load(record)
    model, _ = build_adapters(base.model, record, base.starts)
    save_adapter(model, record, tmp_path / "untrained")
    (tmp_path / "a").mkdir()
    assert total(write_merged(_source(record, tmp_path / "untrained"), Target("fp32"), tmp_path / "a").values()) == (
        Kept(0.0, 0.0, pytest.approx(0.0, abs=1e-6))  # type: ignore[arg-type]
    )
    model, adapter = _trained(record, tmp_path / "adapter")
    for target in (Target("fp32"), Target("fp32", "original")):
        folder = tmp_path / target.name
        folder.mkdir()
        whole = total(write_merged(_source(record, adapter), target, folder).values())
        assert whole.fraction == pytest.approx(1, abs=1e-4)
    plainly = AutoModelForCausalLM.from_pretrained(tmp_path / "fp32", dtype=torch.float32).eval()
    assert _difference(_logits(plainly), _logits(model)) <= 1e-5


def test_one_block_at_a_time(tmp_path: Path) -> None:
    record = make_record(demo_sites(4))
    _, adapter = _trained(record, tmp_path / "adapter")
    (tmp_path / "merged").mkdir()
    write_merged(_source(record, adapter), Target("nf4"), tmp_path / "merged")
    index = json.loads((tmp_path / "merged/model.safetensors.index.json").read_text())["weight_map"]
    blocks: dict[str, set[str]] = {}
    for name, file in index.items():
        blocks.setdefault(file, set()).add(name.split(".")[2] if ".layers." in name else "")
    assert len(blocks) == 7
    assert all(len(found) == 1 for found in blocks.values())


@pytest.mark.parametrize(("name", "auto_class"), [("gpt_neox", "AutoModelForCausalLM"), ("qwen2", "AutoModel")])
def test_other_families_and_checkpoints_without_head(tmp_path: Path, name: str, auto_class: str) -> None:
    folder = save_random(name, tmp_path / "model", auto_class)
    model_map = load_map(str(folder))
    sites = tuple(
        replace(
            demo_site(0, "self_attn.q_proj", 2, "nf4", blocksize=32),
            site=site.name,
            block=site.block,
            in_features=site.in_features,
            out_features=site.out_features,
            trainable_params=2 * (site.in_features + site.out_features),
        )
        for site in model_map.sites
    )
    record = replace(make_record(sites), model_path=str(folder))
    model, adapter = _trained(record, tmp_path / "adapter")
    ids = IDS % 50
    (tmp_path / "merged").mkdir()
    write_merged(_source(record, adapter), Target("nf4"), tmp_path / "merged")
    with (
        torch.no_grad(),
        merged(model, record, OriginalWeights(folder, model_map.family), Target("nf4"), torch.float32),  # type: ignore[arg-type]
    ):
        expected = model.get_base_model().base_model(input_ids=ids).last_hidden_state  # type: ignore[operator,union-attr]
    with torch.no_grad():
        found = load_merged(tmp_path / "merged").base_model(input_ids=ids).last_hidden_state  # type: ignore[operator,union-attr]
    assert _difference(found, expected) <= 1e-5


def test_a_target_that_a_layer_does_not_fit_names_the_sites() -> None:
    site = replace(demo_site(0, "mlp.down_proj", 4), in_features=176)
    with pytest.raises(InvalidError, match="cannot merge into int4") as error:
        check_target([site], Target("int4"))
    assert "model.layers.0.mlp.down_proj: int4 blocksize 64 does not divide in_features 176" in error.value.title
    assert "nf4, bf16 or fp32" in error.value.hint
    check_target([site], Target("nf4"))
    with pytest.raises(UsageError, match="cannot merge into 'int5'") as wrong:
        read_target("int5")
    assert "did you mean 'int4'?" in wrong.value.hint


def test_dense_weights_are_those_of_the_layers(tmp_path: Path) -> None:
    """What is merged onto is the base that was trained on, site by site."""
    record = make_record(demo_sites(4, init="pissa"))
    base = load(record)
    model, _ = build_adapters(base.model, record, base.starts)
    originals = OriginalWeights(Path(BASE), load_map(BASE).family)
    layer: Any = site_layers(model)[SITE]
    start = base.starts[SITE]
    residual = start.residual(originals.weight(SITE), 2.0)
    site = next(site for site in record.sites if site.site == SITE)
    stored = merge_site(replace(site, method="none"), residual, None, Target("nf4")).stored
    assert torch.equal(dense_parameter(stored), dense_weight(layer.get_base_layer()))
    a, _b = trained_factors(layer)
    assert torch.equal(a, start.a)
    assert CPU.type == "cpu"
