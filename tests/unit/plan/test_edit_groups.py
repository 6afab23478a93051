"""Groups written into plan files: whatever the layout, the file says what it said, and the groups."""

import pytest

from workbench.errors import InvalidError
from workbench.plan.document import read_document
from workbench.plan.edit_groups import with_groups

_PLAN = 'name: x  # mine\nmodel: demo\nrules:\n  - "* all"  # c\n'
_OLD = {"a": "upper mlp", "late": "* q"}


@pytest.mark.parametrize(
    ("groups", "old"),
    [
        ("", {}),
        ("groups:  # none yet\nnotes: n\n", {}),
        ("groups: {}\nnotes: n\n", {}),
        ('groups: {a: "upper mlp", late: "* q"}\n', _OLD),
        ('groups:\n  a: "upper mlp"  # hi\n\n  late: "* q"\n\nnotes: n\n', _OLD),
        ("groups:\n    a: upper mlp\n    late: '* q'", _OLD),
    ],
)
def test_groups_are_added_and_replaced_and_comments_stay(groups: str, old: dict[str, str]) -> None:
    text = with_groups(_PLAN + groups, "plan.yaml", {"late": "lower q", "two": "@late,@upper"})
    data = read_document("plan.yaml", text).data
    assert data["groups"] == {**old, "late": "lower q", "two": "@late,@upper"}
    assert text.startswith(_PLAN)
    assert ("# hi" in text) == ("# hi" in groups)


def test_a_text_that_is_no_mapping_of_groups_is_refused() -> None:
    with pytest.raises(InvalidError):
        with_groups(_PLAN + "groups: [a, b]\n", "plan.yaml", {"late": "lower q"})
