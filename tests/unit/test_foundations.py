"""The small parts that everything else stands on."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench import atomic
from workbench.canonical import canonical_json, digest
from workbench.demo.skills import BASE_SKILLS, HELD_OUT_SKILLS, draw_distinct
from workbench.nearest import nearest
from workbench.randomness import derive_seed
from workbench.report import numbers
from workbench.report.table import Column, Table
from workbench.run.events import EventLog, read_events
from workbench.run.recipe import EVALUATORS, Recipe, Split, recipe_from_dict

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=4), VALUES, max_size=5))
def test_canonical_json_ignores_the_order_of_keys(value: dict[str, object]) -> None:
    backwards = dict(reversed(list(value.items())))
    assert canonical_json(value) == canonical_json(backwards)
    assert json.loads(canonical_json(value)) == value


def test_a_digest_refuses_what_json_cannot_hold() -> None:
    with pytest.raises(ValueError, match="JSON"):
        digest({"a": math.nan})


def test_seeds_are_stable_and_distinct() -> None:
    assert derive_seed(1, "init", "model.layers.0.mlp.up_proj") == derive_seed(1, "init", "model.layers.0.mlp.up_proj")
    seeds = {derive_seed(s, p, n) for s in (1, 2) for p in ("init", "dropout") for n in ("a", "b", 1, 11)}
    assert len(seeds) == 16
    assert derive_seed(1, "order", 1, 23) != derive_seed(1, "order", 12, 3)
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_an_atomic_write_leaves_the_old_file_when_it_fails(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    atomic.write_json(path, {"kept": True})
    with pytest.raises(TypeError):
        atomic.write_json(path, {"bad": object()})
    assert json.loads(path.read_text()) == {"kept": True}
    assert list(tmp_path.iterdir()) == [path]


def test_nearest_names_one_or_lists_all() -> None:
    assert nearest("blroa", ["lora", "blora"]) == "did you mean 'blora'?"
    assert nearest("zzz", ["lora", "none"]) == "known: lora, none"


def test_events_survive_a_torn_line(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    first = EventLog(path, "abc", 1)
    first.write("started", steps=3)
    first.close()
    with path.open("ab") as file:
        file.write(b'{"kind": "metric", "st')
    second = EventLog(path, "abc", 2)
    second.write("metric", step=1, values={"loss": math.nan, "lr": 0.1})
    second.close()
    events = read_events(path)
    assert [(e["kind"], e["attempt"]) for e in events] == [("started", 1), ("metric", 2)]
    assert events[1]["values"] == {"loss": None, "lr": 0.1}


def test_a_recipe_survives_json() -> None:
    recipe = Recipe("a.jsonl", split=Split(0.2, 3), steps=7, evaluators=EVALUATORS)
    assert recipe_from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


def test_identity_ignores_paths_and_the_micro_batch_split() -> None:
    one = Recipe("a.jsonl", steps=10, batch=16, accumulation=1)
    two = Recipe("elsewhere/a.jsonl", steps=10, batch=4, accumulation=4)
    assert one.identity() == two.identity()
    assert one.identity() != Recipe("a.jsonl", steps=10, batch=16, lr=1e-3).identity()
    assert one.identity(dropout=True) != two.identity(dropout=True)
    assert replace(one, warmup=0.2).identity() == replace(one, warmup=2).identity()
    assert replace(one, gradient_checkpointing=True).identity() == one.identity()


def test_demo_examples_are_right_and_distinct() -> None:
    examples = draw_distinct({**BASE_SKILLS, **HELD_OUT_SKILLS}, 300, seed=1)
    assert len({e["prompt"] for e in examples}) == 300
    for example in examples:
        name, text = example["prompt"].removesuffix("=").split(" ")
        assert example["completion"] == {**BASE_SKILLS, **HELD_OUT_SKILLS}[name](text)
    assert HELD_OUT_SKILLS["revup"]("abc") == "CBA"
    assert HELD_OUT_SKILLS["next2"]("xyz") == "zab"


def test_numbers_as_people_read_them() -> None:
    assert [numbers.count(v) for v in (None, 0, 9_999, 12_345, 4_560_000)] == ["–", "0", "9,999", "12.3 k", "4.56 M"]
    assert [numbers.size(v) for v in (512, 1_500, 2_390_000, 6.7e9)] == ["512 B", "1.5 kB", "2.39 MB", "6.7 GB"]
    assert [numbers.seconds(v) for v in (0.42, 245, 7620)] == ["0.42 s", "4 m 05 s", "2 h 07 m"]
    assert numbers.signed(0.5, 2) == "+0.50"


def test_a_table_in_three_forms() -> None:
    table = Table((Column("plan", "left"), Column("loss")), (("a|b", "1.0"), ("long name", "12.25")))
    assert table.text().splitlines() == [
        "plan        loss",
        "─────────  ─────",
        "a|b          1.0",
        "long name  12.25",
    ]
    assert table.markdown().splitlines()[2] == "| a\\|b | 1.0 |"
    assert table.csv().splitlines() == ["plan,loss", "a|b,1.0", "long name,12.25"]


@given(st.lists(st.integers(1, 30), min_size=2, max_size=8), st.integers(10, 100), st.integers(1, 2))
def test_a_table_fitted_to_a_width_shows_every_column_once_and_the_keys_always(
    widths: list[int], width: int, keys: int
) -> None:
    names = [f"{i}".rjust(size, "x") for i, size in enumerate(widths)]
    table = Table(
        tuple(Column(name) for name in names), (tuple("c" * size for size in widths),), min(keys, len(widths))
    )
    parts = table.text(width).split("\n\n")
    shown = [part.splitlines()[0].split() for part in parts]
    assert all(headings[: table.keys] == names[: table.keys] for headings in shown)
    assert [name for headings in shown for name in headings[table.keys :]] == names[table.keys :]
    for part, headings in zip(parts, shown, strict=True):
        assert len(part.splitlines()[0]) <= width or len(headings) <= table.keys + 1
