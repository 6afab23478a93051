"""A plan made from an adapter configuration gives every site what peft itself gives it, or says why not."""

import json
import warnings
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

from workbench.errors import InvalidError
from workbench.plan.arrive import Arrival, Wishes, arrive
from workbench.plan.arrive_peft import DEFAULT_TARGETS
from workbench.plan.families import FAMILIES
from workbench.plan.model_map import load_map
from workbench.run.layout import Home

BLOCKS = 4
LLAMA = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
NEOX = ("query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h")
PREFIX = {"llama": "model.layers", "gpt_neox": "gpt_neox.layers"}
PARTS = {
    "llama": tuple(f"{'self_attn' if i < 4 else 'mlp'}.{name}" for i, name in enumerate(LLAMA)),
    "gpt_neox": tuple(f"{'attention' if i < 2 else 'mlp'}.{name}" for i, name in enumerate(NEOX)),
}
# fits no module but linear ones, so that peft builds a model
PATTERNS = {
    "llama": (
        r".*_proj",
        r".*\.(q|v)_proj",
        r".*self_attn\.[qkvo]_proj",
        r"model\.layers\.[0-2]\.mlp\.(gate|up|down)_proj",
        r".*\.[13]\..*_proj",
        r"(?i).*Q_PROJ",
        r".*layers\.0\.self_attn\.q_proj|.*down_proj",
    ),
    "gpt_neox": (r".*\.dense.*", r".*\.[02]\.mlp\.dense_.*", r".*query_key_value", r"gpt_neox\..*\.dense_h_to_4h"),
}
VALUES = st.integers(1, 8)
# text that may stand in rank_pattern or alpha_pattern: names, endings, regular expressions, and what fits nothing
_LOOSE = (
    r".*",
    r"^model.*",
    r"layers\.\d+\..*",
    r"[0-1]\..*",
    r"proj",
    r"nothing",
    r".*\.2\..*",
    r"(q|k)_proj",
    r"mlp\..*",
)


def names_of(family: str) -> st.SearchStrategy[str]:
    """A module's name: its last part, more of it, or all of it; at times one that the model does not have."""
    leaf = st.sampled_from(PARTS[family]).map(lambda part: part.rpartition(".")[2])
    part = st.sampled_from(PARTS[family])
    whole = st.builds(f"{PREFIX[family]}.{{}}.{{}}".format, st.integers(0, BLOCKS - 1), part)
    tail = st.builds("{}.{}".format, st.integers(0, BLOCKS), part)
    return st.one_of(leaf, leaf, part, whole, tail, st.sampled_from(("nothing", "lm_head", "proj")))


def patterns(family: str) -> st.SearchStrategy[dict[str, int]]:
    keys = st.one_of(names_of(family), st.sampled_from((*PATTERNS[family][:5], *_LOOSE)))
    keys = keys.filter(lambda key: not key.startswith("(?i)"))
    return st.lists(st.tuples(keys, VALUES), max_size=5, unique_by=lambda pair: pair[0]).map(dict)


@st.composite
def configs(draw: st.DrawFn, family: str) -> dict[str, Any]:
    lists = st.lists(names_of(family), min_size=1, max_size=4, unique=True)
    long = st.lists(
        st.builds(f"{PREFIX[family]}.{{}}.{{}}".format, st.integers(0, BLOCKS - 1), st.sampled_from(PARTS[family])),
        min_size=12,
        max_size=26,
        unique=True,
    )
    targets = draw(
        st.one_of(lists, lists, long if family == "llama" else lists, st.sampled_from(PATTERNS[family]), st.none())
        | st.sampled_from(("all-linear", "All-Linear"))
    )
    config: dict[str, Any] = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "r": draw(VALUES),
        "lora_alpha": draw(st.sampled_from((1, 4, 8, 10, 16, 5.5))),
        "lora_dropout": draw(st.sampled_from((0.0, 0.05, 0.25))),
        "target_modules": targets,
        "use_rslora": draw(st.booleans()),
        "use_dora": draw(st.booleans()),
        "init_lora_weights": draw(st.sampled_from((True, "gaussian"))),
        "rank_pattern": draw(patterns(family)),
        "alpha_pattern": draw(patterns(family)),
    }
    if draw(st.booleans()):
        config["exclude_modules"] = draw(lists | st.sampled_from(PATTERNS[family]))
    if draw(st.booleans()):
        config["modules_to_save"] = draw(st.sampled_from((["lm_head"], ["mlp"], ["o_proj"], ["1.mlp"])))
    if not isinstance(targets, str) and draw(st.booleans()):
        config["layers_to_transform"] = draw(st.integers(0, 4) | st.lists(st.integers(0, 4), max_size=3, unique=True))
        config["layers_pattern"] = draw(st.sampled_from((None, "layers", ["layers"], ["h", "layers"], [])))
    return config


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A tiny Llama and a tiny GPT-NeoX of four blocks each."""
    import transformers

    sizes = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": BLOCKS, "num_attention_heads": 2}
    root = tmp_path_factory.mktemp("families")
    for family in PREFIX:
        config = transformers.AutoConfig.for_model(family, **sizes, vocab_size=20)
        transformers.AutoModelForCausalLM.from_config(config).save_pretrained(root / family)
    return {family: root / family for family in PREFIX}


@pytest.fixture(scope="module")
def build(folders: dict[str, Path]) -> Callable[[str, dict[str, Any]], Any]:
    """The model that peft makes of a configuration, on the meta device."""
    import peft
    import torch
    import transformers

    with torch.device("meta"):
        configs = {family: transformers.AutoConfig.from_pretrained(folder) for family, folder in folders.items()}
        bases = {f: transformers.AutoModelForCausalLM.from_config(config) for f, config in configs.items()}

    def built(family: str, config: dict[str, Any]) -> Any:
        # through JSON and from_peft_type, as PeftConfig.from_pretrained does
        lora = peft.PeftConfig.from_peft_type(**json.loads(json.dumps(config)))
        with torch.device("meta"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return peft.get_peft_model(deepcopy(bases[family]), lora, low_cpu_mem_usage=True)

    return built


def layers_of(model: Any) -> dict[str, Any]:
    from peft.tuners.lora import LoraLayer

    return {name: module for name, module in model.base_model.model.named_modules() if isinstance(module, LoraLayer)}


def arrived(folder: Path, config: dict[str, Any], tmp_path: Path) -> Arrival:
    file = tmp_path / "adapter_config.json"
    file.write_text(json.dumps(config), encoding="utf-8")
    return arrive(file, tmp_path / "plan.yaml", "p", Home(tmp_path / "home"), Wishes(model=str(folder)))


def check(
    family: str,
    config: dict[str, Any],
    folder: Path,
    build: Callable[[str, dict[str, Any]], Any],
    tmp_path: Path,
) -> None:
    from peft import NoMatchingPeftModuleError
    from peft.utils import ModulesToSaveWrapper

    sites = {site.name for site in load_map(folder).sites}
    try:
        layers = layers_of(build(family, config))
    except NoMatchingPeftModuleError:
        layers = {}
    event("adapted" if layers else "nothing adapted")
    if not sites & layers.keys():
        with pytest.raises(InvalidError, match="adapts no site"):
            arrived(folder, config, tmp_path)
        return
    arrival = arrived(folder, config, tmp_path)
    plan = arrival.plan
    assert {planned.site.name for planned in plan.adapted} == sites & layers.keys()
    for planned in plan.adapted:
        layer, adapter = layers[planned.site.name], planned.adapter
        assert adapter is not None
        assert adapter.r == layer.r["default"]
        assert planned.scaling == pytest.approx(layer.scaling["default"], rel=1e-12)
        if not (config["use_rslora"] and config["use_dora"]):
            assert adapter.alpha == layer.lora_alpha["default"]
            assert planned.scaling == layer.scaling["default"]
        assert adapter.dropout == getattr(layer.lora_dropout["default"], "p", 0.0)
        assert planned.method == ("dora" if layer.use_dora["default"] else "rslora" if config["use_rslora"] else "lora")
        assert adapter.init == ("gaussian" if config["init_lora_weights"] == "gaussian" else "default")
    assert not any("changes nothing" in problem.message for problem in arrival.plan_warnings)
    left_out = " ".join(item.reason for item in arrival.left_out)
    assert all(name in left_out or isinstance(layers[name], ModulesToSaveWrapper) for name in layers.keys() - sites)
    check_hits(arrival, config, layers, sites)


def check_hits(arrival: Arrival, config: dict[str, Any], layers: dict[str, Any], sites: set[str]) -> None:
    """What is said of the patterns agrees with what peft's own function says of each layer."""
    from peft.utils.other import get_pattern_key

    for key in ("rank_pattern", "alpha_pattern"):
        expected: dict[str, set[str]] = {pattern: set() for pattern in config[key]}
        for name in sites & layers.keys():
            if (pattern := get_pattern_key(config[key], name)) in expected:
                expected[pattern].add(name)
        assert {h.entry: {s.name for s in h.decides} for h in arrival.keys if h.key == key} == expected


SLOWER = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)


@pytest.mark.slow
@SLOWER
@given(config=configs("llama"))
@example(
    config={  # a long list is shortened to endings, which layers_to_transform then filters
        "peft_type": "LORA",
        "r": 2,
        "lora_alpha": 4,
        "use_rslora": False,
        "use_dora": False,
        "init_lora_weights": True,
        "rank_pattern": {},
        "alpha_pattern": {},
        "target_modules": [f"model.layers.{block}.{part}" for block in range(4) for part in PARTS["llama"][:5]],
        "layers_to_transform": [1],
    }
)
def test_llama(
    config: dict[str, Any],
    folders: dict[str, Path],
    build: Callable[[str, dict[str, Any]], Any],
    tmp_path: Path,
) -> None:
    check("llama", config, folders["llama"], build, tmp_path)


@pytest.mark.slow
@SLOWER
@given(config=configs("gpt_neox"))
def test_gpt_neox(
    config: dict[str, Any],
    folders: dict[str, Path],
    build: Callable[[str, dict[str, Any]], Any],
    tmp_path: Path,
) -> None:
    check("gpt_neox", config, folders["gpt_neox"], build, tmp_path)


def test_the_targets_of_a_file_without_any_are_those_of_peft() -> None:
    from peft.utils.constants import TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING as THEIRS

    assert {f: set(t) for f, t in DEFAULT_TARGETS.items()} == {f: set(THEIRS[f]) for f in DEFAULT_TARGETS}
    assert set(FAMILIES) & set(THEIRS) <= set(DEFAULT_TARGETS)


@pytest.mark.parametrize("part", ["mlp.up_proj", r".*\.1\..*"])
def test_what_peft_saves_from_its_own_model_comes_back(
    part: str, folders: dict[str, Path], build: Callable[[str, dict[str, Any]], Any], tmp_path: Path
) -> None:
    config = {"peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": "all-linear", "rank_pattern": {part: 2}}
    model = build("llama", config)
    model.peft_config["default"].save_pretrained(tmp_path / "saved")
    arrival = arrive(
        tmp_path / "saved", tmp_path / "plan.yaml", "p", Home(tmp_path / "home"), Wishes(model=str(folders["llama"]))
    )
    expected = {name: layer.r["default"] for name, layer in layers_of(model).items()}
    assert {p.site.name: p.adapter.r for p in arrival.plan.adapted if p.adapter} == expected
    assert len(arrival.rules) == 2
    assert arrival.warnings == ()
