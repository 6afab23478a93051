"""The studies that ship: each says what it asks, and works on the demo base and on other models."""

import re
from pathlib import Path

import pytest

from tests.unit.plan.support import LLAMA_CONFIG, write_config, write_safetensors
from tests.unit.study_files.support import expanded
from workbench.errors import NotFoundError, UsageError
from workbench.plan.catalogue import CATALOGUE
from workbench.run.layout import Home
from workbench.study.builtin_file import Wishes, built_in_names, built_in_text, study_text, windows
from workbench.study.expand import Expansion
from workbench.study.study import read_study

NAMES = (
    *("rank-by-type-and-depth", "balance-by-type-and-depth", "qat-by-type-and-depth", "same-discount"),
    *("leave-one-group-out", "only-one-group", "sliding-window", "base-precision", "methods-at-equal-parameters"),
)
# On the demo base, without doubles: the baseline, two references, and what the study is about.
ARMS = dict(zip(NAMES, (51, 113, 185, 9, 14, 14, 8, 27, 26), strict=True))
VARY_THE_RATE = ("balance-by-type-and-depth", "qat-by-type-and-depth", "methods-at-equal-parameters")


def expansion(home: Home, name: str, wishes: Wishes, blocks: int = 6) -> Expansion:
    return expanded(read_study(study_text(built_in_text(name), "mine", wishes, blocks), Path("study.yaml"), home))


@pytest.fixture(scope="module")
def other_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight blocks with grouped queries, four times as wide as the demo base."""
    folder = tmp_path_factory.mktemp("model")
    shapes = {"model.embed_tokens.weight": (10, 512), "model.norm.weight": (512,)}
    sides = {"self_attn.q_proj": (512, 512), "self_attn.k_proj": (128, 512), "self_attn.v_proj": (128, 512)}
    sides |= {"self_attn.o_proj": (512, 512), "mlp.gate_proj": (1024, 512), "mlp.up_proj": (1024, 512)}
    for block in range(8):
        for path, shape in {**sides, "mlp.down_proj": (512, 1024)}.items():
            shapes[f"model.layers.{block}.{path}.weight"] = shape
        for norm in ("input_layernorm", "post_attention_layernorm"):
            shapes[f"model.layers.{block}.{norm}.weight"] = (512,)
    config = {"hidden_size": 512, "intermediate_size": 1024, "num_hidden_layers": 8}
    write_config(folder, {**LLAMA_CONFIG, **config})
    write_safetensors(folder / "model.safetensors", shapes, "BF16", 2)
    return folder


def test_all_of_them_are_there() -> None:
    assert built_in_names() == sorted(NAMES)
    with pytest.raises(NotFoundError, match="same-discont") as missing:
        built_in_text("same-discont")
    assert missing.value.hint == "did you mean 'same-discount'?"


@pytest.mark.parametrize("name", NAMES)
def test_each_says_its_question_and_what_would_answer_it_before_any_run(home: Home, name: str) -> None:
    study = read_study(study_text(built_in_text(name), "mine", Wishes("demo"), 6), Path("study.yaml"), home)
    file = study.file
    assert all((file.question, file.finding, file.confirmed_if, file.contradicted_if, file.notes))
    assert file.question.endswith("?")
    assert file.defaults.alpha == "2r"
    assert file.seeds == [1, 2, 3]
    if name in VARY_THE_RATE:
        assert file.factors["lr"] == ["*0.5", "*1", "*2"]
    else:
        assert "not tuned" in file.notes


@pytest.mark.parametrize("name", NAMES)
def test_each_expands_on_the_demo_base(home: Home, name: str) -> None:
    found = expansion(home, name, Wishes("demo"))
    assert len(found.arms) == ARMS[name]
    trained = [arm for arm in found.arms if not arm.reference]
    assert {round(p.scaling or 0, 9) for arm in trained for p in arm.plan.adapted if p.method != "rslora"} == {2.0}


@pytest.mark.parametrize("name", NAMES)
def test_each_expands_on_another_model(home: Home, other_model: Path, name: str) -> None:
    found = expansion(home, name, Wishes(str(other_model), recipe="demo"), 8)
    assert len(found.arms) >= 8
    for arm in found.arms:
        if arm.solution:
            assert abs(arm.solution.deviation) < 0.05, arm.name


def test_everything_of_the_quantization_aware_study_merges_without_loss(home: Home) -> None:
    found = expansion(home, "qat-by-type-and-depth", Wishes("demo"))
    trained = [arm for arm in found.arms if not arm.reference]
    assert all(not arm.plan.losses_of_merge for arm in trained)
    assert {arm.recipe.merge_eval for arm in trained} == {("int4",)}
    assert {p.method for arm in trained for p in arm.plan.adapted} == {"qalora", "qablora", "qahira"}
    assert {arm.recipe.lr for arm in trained} == {0.024, 0.048, 0.096}


def test_alpha_stays_where_it_is_wanted_fixed(home: Home) -> None:
    found = expansion(home, "rank-by-type-and-depth", Wishes("demo", rank=32, alpha="fixed"))
    arm = found.arm("type=mlp,depth=*,cut=4")
    adapters = {p.site.layer_type: p.adapter for p in arm.plan.sites}
    mlp, attention = adapters["mlp"], adapters["attention"]
    assert mlp is not None
    assert attention is not None
    assert (mlp.r, mlp.alpha, attention.r, attention.alpha) == (8, 64.0, 32, 64.0)


def test_levels_and_seeds_can_be_chosen_and_comments_stay() -> None:
    wishes = Wishes("demo", seeds=[4, 5], levels={"cut": ["1", "4", "16"], "depth": ["*"]}, metric="exact_match")
    written = study_text(built_in_text("rank-by-type-and-depth"), "mine", wishes, 6)
    assert "cut: [1, 4, 16]" in written
    assert 'depth: ["*"]' in written
    assert "seeds: [4, 5]" in written
    assert "metric: exact_match" in written
    assert "# How sensitive is each layer type" in written


@pytest.mark.parametrize(
    ("wishes", "said"),
    [
        (Wishes("demo", levels={"cutt": ["1"]}), "no factor 'cutt'"),
        (Wishes("demo", levels={"cut": ["3"]}), "no level '3'"),
        (Wishes("demo", alpha="-1"), "--alpha -1"),
    ],
)
def test_what_the_study_does_not_have_is_refused(wishes: Wishes, said: str) -> None:
    with pytest.raises(UsageError, match=re.escape(said)) as caught:
        study_text(built_in_text("rank-by-type-and-depth"), "mine", wishes, 6)
    assert caught.value.hint


@pytest.mark.parametrize("blocks", [1, 2, 3, 4, 6, 7, 28, 32, 80])
def test_windows_are_alike_and_reach_both_ends(blocks: int) -> None:
    found = [tuple(map(int, f"{window}-{window}".split("-")))[:2] for window in windows(blocks)]
    ranges = [
        (first, last if "-" in text else first) for (first, last), text in zip(found, windows(blocks), strict=True)
    ]
    assert ranges[0][0] == 0
    assert ranges[-1][1] == blocks - 1
    assert len({last - first for first, last in ranges}) == 1
    assert len(set(ranges)) == len(ranges)


def test_methods_are_compared_at_the_parameters_of_plain_lora(home: Home) -> None:
    found = expansion(home, "methods-at-equal-parameters", Wishes("demo"))
    methods = {p.method for arm in found.arms for p in arm.plan.adapted}
    assert methods == set(CATALOGUE) - {"none"}
    far = {arm.name.partition(",")[0] for arm in found.arms if arm.solution and abs(arm.solution.deviation) > 0.01}
    assert far == {"qahira"}  # its pools are powers of two on this base; `check` says how far off it is
