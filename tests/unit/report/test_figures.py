"""Every kind of figure: SVG that is XML and text, the same every time, with its numbers as CSV."""

import csv
import io
import math
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace

import matplotlib
import pytest

from workbench.report.figures.curves import Trace, curve_plot
from workbench.report.figures.effects import EffectPoint, effect_plot
from workbench.report.figures.figure import Figure
from workbench.report.figures.heat import HeatCell, heat_map
from workbench.report.figures.pareto import Level, ParetoPoint, pareto_plot
from workbench.report.figures.strips import SiteValue, Strip, layer_strips

pytestmark = pytest.mark.slow

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = {
    "mathtext": r"$x_1^2$ costs $5 \frac{a}{b} ^_\alpha",
    "markup": "</text><script>alert('1')</script>&amp; \"]]> -->",
    "control": "a\x00b\x1b[2J\ud800\uffff line\nbreak\ttab",
    "scripts": "שלום 🎉 λ × ΔW ≥ ½ 模型",
    "long": "x" * 5000,
    "empty": "",
}
MODULES = ("q_proj", "down_proj")


def an_effect(label: str = "mlp ×¼", **changed: object) -> EffectPoint:
    return replace(EffectPoint(label, "rank ×¼", 3, -0.0625, -0.125, -0.03125, True), **changed)  # type: ignore[arg-type]


def effects(*points: EffectPoint, metric: str = "exact_match", name: str = "effects") -> Figure:
    return effect_plot(name, "Effects λ", points, metric=metric, baseline="all ×1", higher_is_better=True)


def heat(*cells: HeatCell, higher: bool = True) -> Figure:
    rows, columns = ("attention", "mlp"), ("lower", "upper")
    return heat_map("heat", "Map λ", cells, value="Δ loss", rows=rows, columns=columns, higher_is_better=higher)


def a_cell(panel: str = "rank ×¼", **changed: object) -> HeatCell:
    return replace(HeatCell(panel, "mlp", "upper", 3, -0.0625, 0.03125), **changed)  # type: ignore[arg-type]


def pareto(*points: ParetoPoint, levels: tuple[Level, ...] = ()) -> Figure:
    return pareto_plot("pareto", "Front λ", points, levels, metric="loss", higher_is_better=False)


def an_arm(label: str = "all ×1", **changed: object) -> ParetoPoint:
    return replace(ParetoPoint(label, 4096, 3, 0.625, 0.5, 0.75, True), **changed)  # type: ignore[arg-type]


def curves(*traces: Trace, log: bool = False, most_points: int = 300) -> Figure:
    return curve_plot("curves", "Curves λ", traces, metric="loss", log=log, most_points=most_points)


def a_trace(arm: str = "all ×1", seed: int = 0, *values: float | None) -> Trace:
    given = values or (1.0, 0.5, 0.25)
    return Trace(arm, seed, tuple(range(1, len(given) + 1)), given)


def strips(*measures: Strip, blocks: int = 6) -> Figure:
    return layer_strips("strips", "Strips λ", measures, blocks=blocks)


def a_strip(measure: str = "update norm", value: float | None = 0.625, blocks: int = 6) -> Strip:
    return Strip(measure, "‖ΔW‖", tuple(SiteValue(b, m, value) for b in range(blocks) for m in MODULES))


KINDS: dict[str, Callable[[str], Figure]] = {
    "effects": lambda text: effects(an_effect(text, group=text), an_effect(group=text), an_effect("b", group="c")),
    "heat": lambda text: heat(a_cell(text)),
    "pareto": lambda text: pareto(an_arm(text), an_arm("b", mean=0.5), levels=(Level(text, 0.6), Level(text, 99.0))),
    "curves": lambda text: curves(a_trace(text), a_trace(text, 1, 0.5, 0.5, 0.5)),
    "strips": lambda text: strips(replace(a_strip(text), unit=text)),
}


def texts(figure: Figure) -> list[str]:
    return ["".join(found.itertext()) for found in ET.fromstring(figure.svg).iter(f"{SVG}text")]


def text_of(figure: Figure) -> str:
    return "\n".join(texts(figure))


def rows(figure: Figure) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(figure.csv)))


@pytest.mark.parametrize("kind", KINDS)
def test_a_figure_is_one_svg_element_with_selectable_text_and_an_alternative(kind: str) -> None:
    figure = KINDS[kind]("attn ×½")
    root = ET.fromstring(figure.svg)
    assert root.tag == f"{SVG}svg"
    assert figure.svg.startswith("<svg ")
    assert root.get("aria-label") == figure.alt
    assert root.get("role") == "img"
    assert "attn ×½" in text_of(figure)
    assert figure.title in texts(figure)
    assert rows(figure)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_values_give_the_same_bytes(kind: str) -> None:
    first, second = KINDS[kind]("a"), KINDS[kind]("a")
    assert first == second
    assert "matplotlib" not in first.svg.lower()
    assert "<metadata" not in first.svg


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_breaks_a_figure(kind: str, name: str) -> None:
    figure = KINDS[kind](HOSTILE[name])
    root = ET.fromstring(figure.svg.encode("utf-8"))
    assert root.find(f".//{SVG}script") is None
    assert not any(len(found) > 130 for found in texts(figure))
    assert len(figure.alt) < 1000
    (figure.alt + figure.csv).encode("utf-8")
    if name in ("mathtext", "scripts"):
        assert HOSTILE[name][:12] in text_of(figure)


def test_names_in_the_csv_are_as_they_were_given() -> None:
    names = [HOSTILE[name] for name in ("mathtext", "markup", "scripts", "long", "empty")] + ["=1+1", 'a,"b"\nc']
    assert [row["arm"] for row in rows(effects(*map(an_effect, names)))] == names


@pytest.mark.parametrize("draw", [effects, heat, pareto, curves, strips], ids=lambda draw: draw.__name__)
def test_nothing_to_draw_is_an_error_that_names_the_figure(draw: Callable[[], Figure]) -> None:
    with pytest.raises(ValueError, match=r"figure '\w+': no"):
        draw()


def test_figures_of_a_page_share_no_ids() -> None:
    one, other = (effects(an_effect(), name=name) for name in ("one", "other"))
    ids = [{found.get("id") for found in ET.fromstring(figure.svg).iter()} - {None} for figure in (one, other)]
    assert all(ids)
    assert ids[0].isdisjoint(ids[1])


def test_settings_of_the_process_stay_and_do_not_reach_figures() -> None:
    plain = effects(an_effect())
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "svg.fonttype": "path"}):
        assert effects(an_effect()) == plain
        assert matplotlib.rcParams["font.size"] == 30


def test_another_process_draws_the_same_without_pyplot_and_without_a_word() -> None:
    code = (
        "import sys\n"
        "from tests.unit.report.test_figures import KINDS\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
        "sys.stdout.buffer.write(KINDS['pareto']('🎉').svg.encode())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, env=os.environ | {"LC_ALL": "C"}
    )
    assert done.stdout.decode() == KINDS["pareto"]("🎉").svg
    assert done.stderr == b""


def test_effects_tell_what_is_separated_what_is_not_and_what_has_too_few_seeds() -> None:
    few = an_effect("few", n=2, low=-4.0, high=4.0)
    figure = effects(an_effect(), an_effect("open", separated=False), few, an_effect("none", n=0, mean=None))
    shown = text_of(figure)
    for told in ("separated from the baseline (Holm, 5 %)", "not separated", "n < 3", "no common seed"):
        assert told in shown
    assert "1 separated from the baseline, 1 not separated, 2 with fewer than 3 seeds" in figure.alt
    assert rows(figure)[0]["delta"] == "-0.0625"
    assert rows(figure)[3] == rows(figure)[0] | {"arm": "none", "n": "0", "delta": ""}
    assert "not separated" not in texts(effects(an_effect()))


def test_effects_say_which_side_is_better_and_head_their_groups() -> None:
    figure = effects(an_effect("a", group="one"), an_effect("b", group="one"), an_effect("c", group="two"))
    assert "right of the line is better" in text_of(figure)
    assert {"one", "two"} <= set(texts(figure))
    assert "two" not in texts(effects(an_effect("a", group="one"), an_effect("c", group="two")))


@pytest.mark.parametrize(("low", "high"), [(None, None), (math.nan, math.nan), (-math.inf, math.inf), (None, 1.0)])
def test_an_effect_without_an_interval_is_a_point(low: float | None, high: float | None) -> None:
    figure = effects(an_effect("a", low=low, high=high), an_effect("b", mean=math.nan))
    assert "goes on beyond the axis" not in text_of(figure)
    assert "no common seed" in text_of(figure)


def test_an_interval_much_wider_than_the_others_is_cut_and_marked() -> None:
    usual = [an_effect(str(i)) for i in range(5)]
    assert "goes on beyond the axis" in text_of(effects(*usual, an_effect("wide", low=-50.0, high=50.0)))
    assert "goes on beyond the axis" not in text_of(effects(*usual))


def test_120_arms_have_a_row_each() -> None:
    arms = [an_effect(f"arm {i}", group=f"change {i % 6}") for i in range(120)]
    shown = set(texts(effects(*arms)))
    assert {arm.label for arm in arms} <= shown
    assert {arm.group for arm in arms} <= shown


def test_cells_have_their_numbers_and_say_what_is_missing() -> None:
    missing, few = a_cell(row="attention", value=None, half_width=None), a_cell(column="lower", n=2)
    figure = heat(a_cell(separated=True), missing, few, a_cell("λ 4", half_width=None))
    shown = texts(figure)
    assert shown.count("−0.0625*") == 1
    assert shown.count("−0.0625") == 2
    assert shown.count("± 0.0312") == 2
    assert shown.count("n < 3") == 1
    assert "3 cells with a value, 1 without" in figure.alt
    assert rows(figure)[1]["value"] == ""


def test_worse_is_on_its_side_of_the_colour_bar() -> None:
    assert "← worse     Δ loss     better →" in text_of(heat(a_cell(), higher=True))
    assert "← better     Δ loss     worse →" in text_of(heat(a_cell(), higher=False))


def test_a_map_of_no_difference_and_of_many_changes_is_drawn() -> None:
    assert "+0.000" in texts(heat(a_cell(value=0.0)))
    assert "change 8" in texts(heat(*(a_cell(f"change {i}") for i in range(9))))
    assert heat(a_cell(value=None)).alt.endswith("1 without.")


def test_a_cell_outside_of_the_map_is_an_error() -> None:
    with pytest.raises(ValueError, match="'embedding upper' is outside"):
        heat(a_cell(row="embedding"))


def test_the_front_and_the_baseline_are_labelled_among_many_arms() -> None:
    arms = [an_arm(f"arm {i}", parameters=1000 + 37 * i, mean=0.5 + 0.01 * i, front=i == 0) for i in range(60)]
    arms[30] = replace(arms[30], label="base", baseline=True)
    shown = texts(pareto(*arms))
    assert {"arm 0", "base", "Pareto front", "behind it", "baseline"} <= set(shown)
    assert "arm 59" not in shown


def test_a_reference_within_reach_is_a_line_and_one_far_away_is_told() -> None:
    figure = pareto(an_arm(), an_arm("small", mean=0.75), levels=(Level("fp32", 0.6), Level("untrained", -250.0)))
    assert "fp32" in texts(figure)
    assert "beyond this axis: untrained −250" in texts(figure)
    assert [row["mean"] for row in rows(figure)] == ["0.625", "0.75", "0.6", "-250.0"]


def test_arms_without_parameters_or_intervals_are_drawn() -> None:
    figure = pareto(an_arm("none", parameters=0, low=None, high=None, n=1), an_arm(low=None, high=None, front=False))
    assert {"none (n < 3)", "all ×1"} <= set(texts(figure))
    with pytest.raises(ValueError, match="no arm has a value of loss"):
        pareto(an_arm(mean=math.nan))


def test_a_curve_is_the_mean_over_seeds_at_the_steps_that_they_share() -> None:
    figure = curves(a_trace("a", 0, 1.0, 0.5, None, 0.25), a_trace("a", 1, 3.0, 1.5, 1.0), a_trace("b", 0, 1.0))
    found = [tuple(row.values()) for row in rows(figure)]
    assert found == [
        ("a", "2", "1", "1", "2.0", "1.0", "3.0"),
        ("a", "2", "2", "1", "1.0", "0.5", "1.5"),
        ("b", "1", "1", "1", "1.0", "1.0", "1.0"),
    ]
    assert {"a: mean of 2 seeds, band min–max", "b: 1 seed"} <= set(texts(figure))


def test_long_curves_are_thinned_to_means_and_say_so() -> None:
    figure = curves(a_trace("a", 0, *map(float, range(10))), most_points=4)
    assert [row["mean"] for row in rows(figure)] == ["1.0", "4.0", "7.0", "9.0"]
    assert "step (each point is a mean over 3 logged steps)" in texts(figure)


def test_a_logarithmic_axis_needs_values_above_zero() -> None:
    assert "loss (logarithmic)" in texts(curves(a_trace(), log=True))
    assert "loss" in texts(curves(a_trace("a", 0, 1.0, 0.0), log=True))


def test_seven_arms_and_arms_without_common_steps_are_no_curves() -> None:
    with pytest.raises(ValueError, match="7 arms"):
        curves(*(a_trace(f"arm {i}") for i in range(7)))
    apart = (Trace("a", 0, (1,), (1.0,)), Trace("a", 1, (2,), (1.0,)))
    with pytest.raises(ValueError, match="no steps to draw loss over"):
        curves(*apart)
    assert "a: no step that all 2 seeds share" in texts(curves(*apart, a_trace("b")))


@pytest.mark.parametrize("blocks", [1, 6, 128])
def test_strips_hold_every_site(blocks: int) -> None:
    measures = [a_strip("update norm", 0.625, blocks), a_strip("effective rank", None, blocks)]
    figure = strips(*measures, blocks=blocks)
    shown = texts(figure)
    assert {"update norm", "effective rank", "not measured", *MODULES} <= set(shown)
    assert len(rows(figure)) == 4 * blocks
    assert shown.count("0.625") == (2 * blocks if blocks <= 12 else 0)
    assert "effective rank: not measured." in figure.alt


def test_a_missing_site_has_no_number() -> None:
    sites = (SiteValue(0, "q_proj", 1.5), SiteValue(1, "q_proj", math.nan), SiteValue(2, "q_proj", 2.5))
    shown = texts(strips(Strip("rank", "rank", sites), blocks=4))
    assert [text for text in ("1.50", "2.50") if text in shown] == ["1.50", "2.50"]
    assert "nan" not in shown


def test_a_block_that_the_model_lacks_is_an_error() -> None:
    with pytest.raises(ValueError, match="outside of the 4 blocks"):
        strips(a_strip(blocks=6), blocks=4)
    with pytest.raises(ValueError, match="no site"):
        strips(a_strip(), Strip("rank", "rank", ()))
