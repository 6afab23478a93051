"""What is read without the schema is what the schema would read."""

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from workbench.plan.catalogue import CATALOGUE
from workbench.plan.formats import FORMATS
from workbench.plan.plan_file import read_plan_file
from workbench.plan.schema import examined

_anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-4, 2**70)
    | st.floats()
    | st.text(max_size=3)
    | st.sampled_from(["2r", "r"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2) | st.integers(), inner, max_size=2),
    max_leaves=4,
)
_numbers = st.integers(1, 64)
_defaults = {
    "method": st.sampled_from(sorted(CATALOGUE)),
    "r": _numbers,
    "alpha": _numbers | st.floats(0.5, 64) | st.sampled_from(["r", "2r", "0.5r"]),
    "dropout": st.just(0) | st.floats(0, 0.9),
    "init": st.just("default"),
    "balance": _numbers,
    "pool": _numbers,
}
_rules = st.sampled_from(["* all", "upper mlp r=4", "no rule"])
_keys: dict[str, st.SearchStrategy[Any]] = {
    "name": st.text(max_size=5),
    "model": st.sampled_from(["demo", "a/b"]),
    "revision": st.just("main"),
    "base": st.sampled_from(sorted(FORMATS)),
    "defaults": st.fixed_dictionaries({}, optional=_defaults),
    "rules": st.lists(_rules, max_size=3),
    "groups": st.dictionaries(st.text(max_size=3), _rules, max_size=2),
    "require": st.lists(st.just("mergeable"), max_size=2),
    "notes": st.text(max_size=5),
}
_right = st.fixed_dictionaries({"model": _keys["model"]}, optional={k: v for k, v in _keys.items() if k != "model"})
_wrong = st.dictionaries(st.sampled_from([*_keys, "rank", 3]), _anything, max_size=2)
_wrong_defaults = st.dictionaries(st.sampled_from([*_defaults, "rank", 3]), _anything, min_size=1, max_size=2)


def _typed(value: Any) -> Any:
    """With the types, as 1 and 1.0 are equal; NaN as text, as it is not even equal to itself."""
    if isinstance(value, dict):
        return [(key, _typed(inner)) for key, inner in value.items()]
    return [*map(_typed, value)] if isinstance(value, list) else (type(value), repr(value))


@given(_right, _wrong, st.none() | _wrong_defaults)
@example({"model": "demo"}, {"name": "\ud800"}, None)
@example({"model": "demo"}, {"rules": ("* all",)}, {"r": 8.0, "dropout": 0})
def test_values_and_findings_are_those_of_the_schema(
    right: dict[str, Any], wrong: dict[str, Any], wrong_defaults: dict[str, Any] | None
) -> None:
    data = {**right, **wrong}
    if wrong_defaults is not None:
        data["defaults"] = {**right.get("defaults", {}), **wrong_defaults}
    values, findings = read_plan_file(data)
    expected, expected_findings = examined(data)
    assert _typed(values.given) == _typed(expected)
    assert findings == expected_findings


@pytest.mark.parametrize(
    ("data", "loaded"),
    [({"model": "demo", "defaults": {"r": 8, "alpha": "2r"}, "rules": ["* all"]}, False), ({"model": 3}, True)],
)
def test_pydantic_is_loaded_only_for_what_may_be_wrong(data: dict[str, Any], loaded: bool) -> None:
    code = f"import sys; from workbench.plan.plan_file import read_plan_file; read_plan_file({data!r})"
    code += "; print('pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(loaded)
