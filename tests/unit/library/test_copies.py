"""Copies and other names: only the name changes, and paths that would no longer be found."""

from pathlib import Path

import pytest

from workbench.errors import UsageError
from workbench.library.copies import copy_file, named_text, place_of, rename_file
from workbench.library.entry import Kind
from workbench.plan.document import read_document
from workbench.run.layout import Home


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("name: old\nmodel: demo\n", "name: new\nmodel: demo\n"),
        ('name: "old # one"  # why\nmodel: demo\n', "name: new  # why\nmodel: demo\n"),
        ("# name: no\nmodel: demo\nname: 'o''ld'\n", "# name: no\nmodel: demo\nname: new\n"),
        ("model: demo\n", "model: demo\n"),
        ("name: [broken\n", "name: [broken\n"),
    ],
)
def test_the_name_changes_and_nothing_else(text: str, changed: str) -> None:
    assert named_text(Kind.PLAN, text, "new") == changed


@pytest.mark.parametrize("name", ["a: b", "yes", "1.5", "[red]x[/]", "- x", "日本 ‏ע", '"'])
def test_any_name_is_read_back_as_it_was_given(name: str) -> None:
    for text in ("name: old\nmodel: demo\n", "{name: old, model: demo}\n"):
        assert read_document("f", named_text(Kind.PLAN, text, name)).data == {"name": name, "model": "demo"}


def test_paths_beside_a_recipe_go_with_it(tmp_path: Path) -> None:
    (tmp_path / "mine.jsonl").write_text("{}\n")
    source = tmp_path / "recipe.yaml"
    source.write_text("# words\ndata: mine.jsonl\neval_data: owner/set\n", encoding="utf-8")
    target = tmp_path / "home/recipes/copy.yaml"
    copy_file(Kind.RECIPE, source, target, "copy")
    text = target.read_text(encoding="utf-8")
    assert text.startswith("# words\n")
    assert read_document("f", text).data == {"data": str(tmp_path / "mine.jsonl"), "eval_data": "owner/set"}


def test_nothing_is_replaced_unless_asked(tmp_path: Path) -> None:
    one, other = tmp_path / "one.yaml", tmp_path / "other.yaml"
    one.write_text("name: one\nmodel: demo\n")
    other.write_text("mine\n")
    for do in (lambda: copy_file(Kind.PLAN, one, other, "other"), lambda: rename_file(Kind.PLAN, one, other, "other")):
        with pytest.raises(UsageError, match="exists"):
            do()
    assert (one.read_text(), other.read_text()) == ("name: one\nmodel: demo\n", "mine\n")
    copy_file(Kind.PLAN, one, other, "other", force=True)
    assert other.read_text() == "name: other\nmodel: demo\n"


@pytest.mark.parametrize("name", ["", " ", "a/b", "../x", ".hidden", "-x", "a\nb", "x" * 200, "\x1b[31m"])
def test_texts_that_are_no_names(name: str, tmp_path: Path) -> None:
    for kind in (Kind.PLAN, Kind.RECIPE, Kind.STUDY):
        with pytest.raises(UsageError, match="no name"):
            place_of(Home(tmp_path), kind, name)
