import json
from pathlib import Path

import pytest

from tests.unit.plan.support import make_plan
from workbench.errors import InvalidError
from workbench.plan.diff import Change, diff_plans
from workbench.run.layout import Home


def test_the_same_change_over_many_sites_is_one_line(home: Home, llama: Path) -> None:
    a = make_plan(home, llama, "* all r=8", name="a")
    b = make_plan(home, llama, "* all r=8", "* mlp r=2", "0 q,v off", "3 k base=bf16", name="b")
    diff = diff_plans(a, b)
    assert diff.lines == (
        "0 q,v: method lora → none, r 8 → –, alpha 16 → –",
        "* mlp: r 8 → 2, alpha 16 → 4",
        "3 k: base nf4 → bf16, blocksize 64 → –, double_quant true → –",
    )
    assert Change("model.layers.1.mlp.up_proj", "r", 8, 2) in diff.changes
    assert diff.trainable_params == (a.trainable_params, b.trainable_params)
    assert diff.discount == 1 - b.trainable_params / a.trainable_params
    assert diff.base_bytes[0] < diff.base_bytes[1]
    assert json.loads(json.dumps(diff.to_json()))["lines"] == list(diff.lines)


def test_equal_plans_do_not_differ(home: Home, llama: Path) -> None:
    diff = diff_plans(make_plan(home, llama, "* all r=4"), make_plan(home, llama, "* all r=4", name="other"))
    assert (diff.changes, diff.lines, diff.discount) == ((), (), 0.0)


def test_there_and_back_swaps_old_and_new(home: Home, llama: Path) -> None:
    a, b = make_plan(home, llama, "* q r=4"), make_plan(home, llama, "upper all r=2 alpha=7")
    back = {Change(c.site, c.key, c.new, c.old) for c in diff_plans(b, a).changes}
    assert back == set(diff_plans(a, b).changes)


def test_plans_for_different_models(home: Home, llama: Path) -> None:
    with pytest.raises(InvalidError, match="models with different sites") as error:
        diff_plans(make_plan(home, llama, name="a"), make_plan(home, Path("demo"), name="b"))
    assert "'b' for demo" in error.value.hint
