"""Whatever stands in data, a terminal gets harmless lines that fit."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from workbench.report.plain import folded, shorten, visible

anything = st.text(st.characters(codec=None, exclude_categories=()), max_size=200)


def test_control_characters_directions_and_halves_of_characters_are_spelled_out() -> None:
    assert visible("a\x1b[2Jb\r\n\tc\x9bd") == "a\\x1b[2Jb\\x0d↵⇥c\\x9bd"
    assert visible("\u202egnp.exe\u2066\ud800\U000e0001") == "\\u202egnp.exe\\u2066\\ud800\\U000e0001"


def test_ordinary_text_of_any_script_stays_as_it_is() -> None:
    for text in ("[bold]no markup[/]", "naïve – 日本語、한국어", "👩\u200d🔬 e\u0301", "a\u3000b"):
        assert visible(text) == text


@given(anything)
def test_nothing_that_a_terminal_obeys_comes_through(text: str) -> None:
    shown = visible(text)
    assert all(unicodedata.category(char) not in ("Cc", "Cs", "Zl", "Zp") for char in shown)
    shown.encode("utf-8")


@given(anything, st.integers(8, 100), st.integers(1, 4))
def test_lines_are_as_few_and_as_narrow_as_asked(text: str, width: int, lines: int) -> None:
    found = folded(text, width, lines)
    assert 1 <= len(found) <= lines
    assert all(cell_len(line) <= width for line in found)


@given(anything, st.integers(8, 100))
def test_short_text_is_whole_and_long_text_keeps_both_ends(text: str, cells: int) -> None:
    found = shorten(text, cells)
    assert cell_len(found) <= cells
    if cell_len(visible(text)) <= cells and len(text) <= 2 * cells:
        assert found == visible(text)


def test_the_middle_goes_first() -> None:
    found = shorten("a" * 1_000_000 + "THE END", 40)
    assert found.startswith("aaaaaaaaaa")
    assert found.endswith("THE END")
    assert " … " in found
    assert folded("", 20, 3) == [""]
