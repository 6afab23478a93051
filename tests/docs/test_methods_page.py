"""The page of methods says what the catalogue and the benchmark say."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from workbench.plan.catalogue import CATALOGUE
from workbench.plan.settings import AdapterSettings
from workbench.report.methods_page import MARKED, adapting, filled, main, measured, merging, trainable

PAGE = Path(__file__).parents[2] / "docs/methods.md"
LINK = re.compile(r"\]\(([^()\s]*results/methods-[^()\s]+\.json)\)")


def _page() -> str:
    return PAGE.read_text(encoding="utf-8")


def _results() -> tuple[dict[str, Any], str]:
    """The results that the page links to, and the link."""
    (source,) = LINK.findall(_page())
    return json.loads((PAGE.parent / source).read_text(encoding="utf-8")), source


def test_the_page_is_current() -> None:
    assert filled(_page(), *_results()) == _page()


def test_the_page_has_every_method_under_a_heading_of_its_name() -> None:
    names = {method.name for method in adapting()}
    written = {name.removeprefix("method ") for _, name, _ in MARKED.findall(_page()) if name.startswith("method ")}
    assert written == names
    assert names <= set(re.findall(r"^## (.+)$", _page(), re.MULTILINE))


def test_every_method_was_measured_and_every_init_is_explained() -> None:
    results, _ = _results()
    assert {line["method"] for line in results["lines"]} == {method.name for method in adapting()}
    section = _page().partition("## Initialization")[2].partition("\n## ")[0]
    assert {init for method in adapting() for init in method.inits} == set(re.findall(r"^\| `(\w+)`", section, re.M))


def test_a_changed_figure_is_seen() -> None:
    results, source = _results()
    results["lines"][0]["best"]["loss"]["mean"] += 1
    assert filled(_page(), results, source) != _page()


def test_a_marker_that_names_nothing_is_an_error() -> None:
    with pytest.raises(KeyError, match="method lroa"):
        filled("<!-- written: method lroa -->\n<!-- end -->\n", *_results())


@pytest.mark.parametrize("name", [method.name for method in adapting()])
def test_the_formula_of_the_parameters_counts_what_the_structure_counts(name: str) -> None:
    """Read back as arithmetic, at sides and keys that the page does not use."""
    method, sides = CATALOGUE[name], {"in": 60, "out": 90}
    settings = AdapterSettings(name, 4, 8.0, 0.0, "default", 2, 6)
    values = {**{key: str(value) for key, value in sides.items()}, "λr": "8", "r": "4", "λ": "2", "p": "6", "·": "*"}
    words = re.sub("in|out|λr|[rλp·]", lambda match: values[match[0]], trainable(method))
    assert eval(words) == method.structure(settings).trainable(sides["in"], sides["out"])


def test_what_merges_without_loss() -> None:
    """The methods that the study built for it, on the one format that has floating zero points."""
    rows = [[cell.strip() for cell in line.strip("| ").split("|")] for line in merging().splitlines()]
    int4 = rows[0].index("int4")
    lossless = {row[0] for row in rows[2:] if row[int4].startswith("without loss")}
    assert lossless == {"qalora", "qablora", "qahira"}
    assert all("without loss" not in cell for row in rows[2:] for cell in row[:int4] + row[int4 + 1 :])


def test_a_best_rate_at_the_border_is_said() -> None:
    results, source = _results()
    line = results["lines"][0]
    figures = {"loss": {"mean": 1.0, "sd": 0.1}, "exact_match": {"mean": 0.5, "sd": 0.1}}
    rates = [{"lr": 0.1}, {"lr": 0.2}]
    said = [
        measured({**results, "lines": [{**line, "rates": rates, "best": {"lr": lr, **figures}}]}, source)
        for lr in (0.1, 0.2)
    ]
    assert "0.1 (lowest tried)" in said[0]
    assert "0.2 (highest tried)" in said[1]


def test_the_command_writes_the_page(tmp_path: Path) -> None:
    results, _ = _results()
    (tmp_path / "docs").mkdir()
    (tmp_path / "results").mkdir()
    page, source = tmp_path / "docs/methods.md", tmp_path / "results/methods-2020-01-01.json"
    page.write_text(MARKED.sub(r"\1\3", _page()), encoding="utf-8")
    source.write_text(json.dumps(results), encoding="utf-8")
    assert main([str(page), str(source)]) == 0
    assert page.read_text(encoding="utf-8") == filled(_page(), results, "../results/methods-2020-01-01.json")


def test_an_entry_that_changes_makes_the_page_old(monkeypatch: pytest.MonkeyPatch) -> None:
    changed = replace(CATALOGUE["lora"], source="somewhere else")
    monkeypatch.setitem(CATALOGUE, "lora", changed)
    assert filled(_page(), *_results()) != _page()
