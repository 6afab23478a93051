"""The card of an export: front matter that YAML reads, tables that hold, and nothing that text could smuggle in."""

import re
from dataclasses import replace
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.store.helpers import record
from workbench.plan.families import FAMILIES
from workbench.report.loading import Surroundings, loading
from workbench.report.model_card import CardFacts, escaped, model_card
from workbench.run.exported import Exported
from workbench.run.record import RunRecord, SiteRecord

NASTY = "a|b <script>*x*</script> `c` ]( _d_ \u202e $e$ \\ \n# f"
EXPORTED = Exported("id", "lora", 1, (4, 4), False, "trained", False, None, (), 1234, "f" * 64)
HERE = Surroundings("out", "model", FAMILIES["llama"], "float32")
EVENTS: list[dict[str, Any]] = [
    {"kind": "started", "device": f"cpu {NASTY}", "compute_dtype": "float32"},
    {"kind": "eval", "step": 1, "evaluator": "loss", "values": {"loss": 3.0}, "n": 9, "higher_is_better": False},
    {"kind": "eval", "step": 2, "evaluator": "loss", "values": {"loss": 2.5}, "n": 1234, "higher_is_better": False},
    {"kind": "eval", "step": 2, "evaluator": "exact", "values": {"a": None, "b": 0.5}, "higher_is_better": True},
]


def site(base: str = "nf4", method: str = "lora", **changes: Any) -> SiteRecord:
    given: dict[str, Any] = {"blocksize": 64, "double_quant": True} if base == "nf4" else {}
    made = SiteRecord(
        "model.layers.0.self_attn.q_proj", 0, "q_proj", "attention", 0.0, "lower", 64, 8, base, None, None, None, 4.0,
        method, 4, 8.0, 2.0, 1, 1, 0.0, "default", 64,
    )  # fmt: skip
    return replace(made, **{**given, **changes})


def run_of(*sites: SiteRecord, **changes: Any) -> RunRecord:
    return replace(record("abc"), sites=sites or (site(),), **changes)


def card(run: RunRecord, exported: Exported = EXPORTED) -> str:
    return model_card(CardFacts(run, EVENTS, exported, loading(run, exported, HERE)))


def front_matter(text: str) -> dict[str, Any]:
    assert text.startswith("---\n")
    return dict(YAML(typ="safe").load(text.split("---\n")[1]))


def test_the_front_matter_names_a_base_of_the_hub() -> None:
    of_hub = run_of(model="Qwen/Qwen2.5-0.5B", model_path="/cache/models--Qwen--Qwen2.5-0.5B/snapshots/abc")
    assert front_matter(card(of_hub)) == {
        "base_model": "Qwen/Qwen2.5-0.5B",
        "library_name": "peft",
        "pipeline_tag": "text-generation",
        "tags": ["adapter-workbench", "lora"],
    }
    for model, folder in (("demo", "/x/base"), ("/home/me/model", "/home/me/model"), ("some/model", "/x/some/model")):
        text = card(run_of(model=model, model_path=folder))
        assert "base_model" not in front_matter(text)
        assert "/x/" not in text
        assert "/home" not in text


def test_the_last_evaluation_and_the_hashes_are_there() -> None:
    run = run_of(plan_hash="p" * 12, recipe_hash="r" * 12, data_hash="d" * 64, model_fingerprint="m" * 64, seed=7)
    text = card(run)
    for line in ("| loss | 2.5000 | lower | 1,234 |", "| exact.b | 0.5000 | higher | – |", "| seed | 7 |"):
        assert line in text
    assert "3.0000" not in text
    for letter, count in (("p", 12), ("r", 12), ("d", 64), ("m", 64), ("f", 64)):
        assert f"| {letter * count} |" in text
    assert "The run was not evaluated." in model_card(CardFacts(run, [], EXPORTED, loading(run, EXPORTED, HERE)))


def test_text_of_a_person_stays_text() -> None:
    data = {"data": {"path": f"/home/me/{NASTY.replace('/', '')}", "examples": 3, "sha256": "0"}}
    plan = {"rules": [NASTY], "defaults": {"r": 4}}
    recipe = {"steps": 2, "prompt_template": NASTY, "data": "/home/me/secret.jsonl"}
    text = card(run_of(name=NASTY, plan=NASTY, recipe_name=NASTY, data=data, plan_file=plan, recipe=recipe))
    outside = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    assert "\u202e" not in text
    assert "/home" not in text
    assert re.search(r"(?<!\\)[<>`*$]", outside) is None
    assert text.count("```") == 4
    headings = [line for line in text.splitlines() if line.startswith("# ")]
    assert headings == ["# base_model: add the hub id of the base", f"# {escaped(NASTY)}"]
    for table in re.findall(r"(?:^\|.*\n)+", outside, flags=re.MULTILINE):
        widths = {len(re.split(r"(?<!\\)(?:\\\\)*\|", line)) for line in table.splitlines()}
        assert len(widths) == 1, table
    assert escaped("snake_case _x_") == "snake_case \\_x\\_"


def test_settings_are_told_once_for_all_alike() -> None:
    down = site(method="blora", balance=2)
    others = [replace(down, site=f"model.layers.{b}.mlp.down_proj", block=b, module="down_proj") for b in (0, 1, 3)]
    text = card(run_of(site(), *others, site("int8", "none", r=None, threshold=6.0, trainable_params=0)))
    assert "| lora | r 4, alpha 8, dropout 0, init default, s 2 | q_proj: blocks 0 | 1 | 64 |" in text
    assert "balance 2, s 2 | down_proj: blocks 0-1,3 | 3 | 192 |" in text
    assert "| int8 threshold 6.0 | none | – | q_proj: blocks 0 | 1 | 0 |" in text


@pytest.mark.parametrize(
    ("run", "changes", "said", "base"),
    [
        (run_of(), {}, "in nf4, as transformers does it", 'BitsAndBytesConfig(load_in_4bit=True, '),
        (run_of(site("fp32")), {}, "the checkpoint itself with weights in fp32", '"model", dtype="float32")'),
        (run_of(site("bf16")), {}, "the checkpoint itself with weights in bf16", '"model", dtype="bfloat16")'),
        (run_of(site(in_features=96)), {}, "cannot make by itself", '"out/base", dtype="float32")'),
        (run_of(site(blocksize=128)), {}, "cannot make by itself", '"out/base", dtype="float32")'),
        (run_of(site("int4", blocksize=64)), {}, "cannot make by itself", '"out/base", dtype="float32")'),
        (run_of(site(), site("fp32")), {}, "cannot make by itself", '"out/base", dtype="float32")'),
        (run_of(), {"fitted": True}, "cannot make by itself", '"out/base", dtype="float32")'),
        (run_of(), {"base": "fp32"}, "holds exactly the values", '"out/base", dtype="float32")'),
        (run_of(), {"base": "bf16"}, "rounded once more to bf16", '"out/base", dtype="bfloat16")'),
        (run_of(site("int4")), {"onto": "original"}, "weights in other formats: int4", '"model", dtype="float32")'),
    ],
)  # fmt: skip
def test_which_base_it_belongs_on(run: RunRecord, changes: dict[str, Any], said: str, base: str) -> None:
    found = loading(run, replace(EXPORTED, **changes), HERE)
    assert said in found.text
    assert f"from_pretrained({base}" in found.python or base in found.python
    assert found.python.endswith('model = PeftModel.from_pretrained(base, "out")')
    compile(found.python, "card", "exec")


def test_linear_layers_outside_of_the_blocks_stay_as_they_are() -> None:
    here = replace(HERE, family=FAMILIES["opt"])
    assert (
        'llm_int8_skip_modules=["lm_head", "model.decoder.embed_positions", '
        in loading(run_of(), EXPORTED, here).python
    )
    assert "llm_int8_skip_modules" not in loading(run_of(), EXPORTED, HERE).python
    unknown = loading(run_of(), EXPORTED, replace(HERE, family=None))
    assert "cannot make by itself" in unknown.text
