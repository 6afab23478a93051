"""Parts of the Plan screen without a screen: what cells say, what rules patterns are, what a budget names."""

from dataclasses import replace
from pathlib import Path

import pytest

from tui.plan import devices, models
from tui.plan.brush import brush_of
from tui.plan.budget import Ground, budget_lines, settings_lines
from tui.plan.cell_text import Scale, Shown, cell_text, scale_of, short
from tui.plan.desk import Desk, open_model
from tui.plan.devices import Device
from tui.plan.launch import read_wish
from tui.plan.layers import Layers
from tui.plan.measured import QUANTITIES, FinishedRun, Measured
from tui.plan.name_line import problem_of
from tui.plan.pace import Pace
from tui.plan.patterns import PATTERNS, modules_of, pattern_rules, top_sites
from tui.plan.rule_line import read_rule
from tui.plan.rule_words import completed
from tui.plan.selection import Kind, Selection
from workbench.errors import InvalidError, UsageError
from workbench.plan.model_map import load_map
from workbench.plan.plan import Plan
from workbench.plan.site import Site
from workbench.run.layout import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def desk(home: Home) -> Desk:
    return open_model(home, "demo")


def _sites(plan: Plan, blocks: set[int], modules: set[str]) -> list[Site]:
    return [site for site in plan.map.sites if site.block in blocks and site.module in modules]


# -- cells


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((0, "0"), (8, "8"), (4096, "4096"), (12_345, "12k"), (1_240_000, "1.2M"), (999_600, "1.0M"), (3.756, "3.76")),
        *((12.04, "12.0"), (0.4213, "0.42"), (0.00042, "4e-4"), (123.4, "123"), (0.0096, "0.01"), (2.5e9, "2.5B")),
    ],
)
def test_numbers_in_cells_have_four_characters_at_most(value: float, text: str) -> None:
    assert short(value) == text
    assert len(text) <= 4


def test_several_sites_in_a_cell_are_mixed_summed_or_averaged(desk: Desk) -> None:
    desk.assign(_sites(desk.draft.plan, {0}, {"q_proj"}), "r=4")
    cells = Layers(desk.draft.plan.map, 4).by_cell(desk.draft.plan)
    texts = [cell_text(sites, Shown.RANK) for sites in cells.values()]
    assert scale_of(texts, Shown.RANK) == Scale(0, 16)
    assert [text.text for text in texts[:2]] == ["≈", "L16"]
    names = [planned.site.name for planned in cells[0, 0]]
    run = FinishedRun("0" * 12, "k", "k", "")
    measured = Measured(QUANTITIES["update norm"], run, dict(zip(names, (1.0, 2.0, 3.0, 4.0), strict=True)))
    found = [cell_text(cells[cell], Shown.MEASURED, measured) for cell in ((0, 0), (0, 1))]
    assert [text.text for text in found] == ["2.50", "–"]
    assert scale_of(found, Shown.MEASURED) == Scale(2.5, 2.5)


# -- selections


def test_rows_and_columns_are_spanned_from_the_anchor() -> None:
    layers = Layers(load_map("demo"))
    rows = Selection().toggled(Kind.ROWS, (1, 2))
    assert rows.chosen((2, 5), layers) == {(row, column) for row in (1, 2) for column in range(7)}
    columns = rows.toggled(Kind.COLUMNS, (2, 3))
    assert columns.chosen((2, 3), layers) == {(row, column) for row in range(6) for column in (2, 3)}
    assert columns.toggled(Kind.COLUMNS, (2, 3)) == Selection()


# -- brush, patterns, rules


def test_a_brush_says_all_that_makes_a_site_what_it_is(desk: Desk) -> None:
    plan = desk.draft.plan
    desk.add(["0 q method=blora r=8 alpha=8 balance=2 dropout=0.1"])
    brush = brush_of(desk.draft.plan.sites[0])
    assert brush == "method=blora r=8 alpha=r balance=2 dropout=0.1"
    desk.assign(_sites(plan, {3}, {"up_proj"}), brush)
    settings = [
        desk.draft.plan.site(f"model.layers.{place}").adapter for place in ("0.self_attn.q_proj", "3.mlp.up_proj")
    ]
    assert settings[0] == settings[1]


def test_every_pattern_is_rules_that_the_plan_takes(desk: Desk) -> None:
    modules = modules_of(_sites(desk.draft.plan, {0, 1}, {"q_proj", "v_proj"}), desk.draft.plan.map)
    assert modules == "q,v"
    adapted = {}
    for pattern in PATTERNS:
        desk.add(pattern_rules(pattern.blocks, modules, "r=4"))
        assert not desk.draft.errors
        adapted[pattern.name] = {p.site.block for p in desk.draft.plan.adapted if p.site.module in ("q_proj", "v_proj")}
        assert all(p.adapter for p in desk.draft.plan.sites if p.site.module == "up_proj")
    assert adapted["first third"] == {0, 1}
    assert adapted["last half"] == {3, 4, 5}
    assert adapted["every third block"] == {0, 3}
    ends = next(blocks for name, blocks in adapted.items() if "ends" in name)
    assert {0, 5} <= ends < {0, 1, 2, 3, 4, 5}


def test_the_top_share_is_of_the_sites_that_were_measured(desk: Desk) -> None:
    sites = desk.draft.plan.map.sites
    values = {site.name: float(number) for number, site in enumerate(sites[:20])}
    assert top_sites(values, sites, 0.25) == [sites[19], sites[18], sites[17], sites[16], sites[15]]
    assert len(top_sites(values, sites, 0.001)) == 1
    assert top_sites({}, sites, 0.5) == []


def test_assignments_alone_are_for_the_selection(desk: Desk) -> None:
    plan = desk.draft.plan
    chosen = [plan.map.sites[0], plan.map.sites[8]]
    read = read_rule("r=8", plan, chosen)
    assert read.rules == ("0 q r=8", "1 k r=8")
    assert read_rule("r=x", plan, chosen).column == 3
    assert read_rule("r=8", plan).error
    assert read_rule("0-2 mlp r=8", plan, chosen).rules == ("0-2 mlp r=8",)


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("low", "lower"),
        ("@at", "@attention"),
        ("* at", "* attn"),
        ("* q,ga", "* q,gate"),
        ("* all met", "* all method="),
        ("* all method=qa", "* all method=qalora"),
        ("* all base=in", "* all base=int4"),
        ("* all o", "* all off"),
    ],
)
def test_the_last_word_of_a_rule_is_completed(desk: Desk, text: str, whole: str) -> None:
    found = completed(text, desk.draft.plan)
    assert found is not None
    assert found.startswith(text)
    assert found == whole or whole.partition("=")[0] in found


def test_nothing_is_completed_after_a_blank_or_in_a_megabyte(desk: Desk) -> None:
    assert completed("* all ", desk.draft.plan) is None
    assert completed("x" * 1_000_000, desk.draft.plan) is None


def test_a_group_is_written_into_the_plan_and_can_be_used(desk: Desk) -> None:
    desk.name_group("late", _sites(desk.draft.plan, {4, 5}, {"q_proj", "v_proj"}))
    desk.add(["@late r=4"])
    assert 'late: "upper q,v"' in desk.draft.text
    assert [p.site.block for p in desk.draft.plan.sites if p.adapter and p.adapter.r == 4] == [4, 4, 5, 5]
    assert completed("@la", desk.draft.plan) == "@late"
    desk.undo()
    desk.undo()
    assert desk.draft.plan.groups == ()


def test_a_group_that_one_selector_cannot_say_is_a_group_of_groups(desk: Desk) -> None:
    sites = [desk.draft.plan.map.sites[0], desk.draft.plan.map.sites[8]]
    desk.name_group("two", sites)
    assert dict(desk.draft.plan.groups)["two"] == tuple(site.name for site in sites)
    with pytest.raises(InvalidError, match="built-in"):
        desk.name_group("upper", sites)
    assert problem_of("upper")
    assert problem_of("2x")
    assert not problem_of("late-mlp")


def test_the_command_of_the_last_edit_does_the_same_to_the_file(desk: Desk, home: Home) -> None:
    desk.write()
    desk.name_group("late", _sites(desk.draft.plan, {5}, {"q_proj"}))
    assert desk.last_command() == (
        f"workbench --home {home.path} plan set {home.plans / 'draft.yaml'} --group 'late=5 q'"
    )
    desk.assign(_sites(desk.draft.plan, {0}, {"q_proj"}), "r=4")
    assert (desk.last_command() or "").endswith("--rule '0 q r=4'")


# -- models, devices, budgets, runs


def test_the_hub_cache_is_read_as_folders(tmp_path: Path) -> None:
    whole = tmp_path / "models--org--small" / "snapshots" / "abc"
    torn = tmp_path / "models--org--torn" / "snapshots" / "abc"
    for folder in (whole, torn):
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("{}")
    (whole / "model.safetensors").write_bytes(b"")
    assert list(models.cached_models(tmp_path)) == ["org/small"]
    assert [choice.value for choice in models.choices(tmp_path, tmp_path / "none")] == ["demo", "org/small"]
    assert models.hub_cache({"HF_HOME": "/x"}) == Path("/x/hub")
    assert models.hub_cache({"HF_HUB_CACHE": "/y", "HF_HOME": "/x"}) == Path("/y")


def test_devices_are_chosen_by_number_or_size() -> None:
    here = [Device("cpu", 8 * 10**9)]
    assert devices.chosen("#0", here) is here[0]
    assert devices.chosen("24 GB", here) == Device("a GPU", 24 * 10**9, "cuda:0")
    with pytest.raises(UsageError, match="no size"):
        devices.chosen("much", here)


def test_the_budget_names_parts_device_baseline_and_time(desk: Desk) -> None:
    before = desk.draft.plan
    desk.add(["* mlp off"])
    ground = Ground(Device("cpu", 1000), before, "as it was", Pace(24.2, 100, "demo", 3))
    lines = dict(budget_lines(desk.draft.plan, ground))
    assert lines["discount"].endswith("% of as it was")
    assert lines["time"] == "24 s a run of 100 steps (demo; 3 runs here)"
    assert "too large" in lines["total"]
    assert {"base", "embeddings", "activations", "context"} <= lines.keys()
    assert dict(budget_lines(before, replace(ground, baseline=desk.draft.plan)))["discount"].startswith("none: ")


def test_mixed_settings_are_said_to_be_mixed(desk: Desk) -> None:
    desk.add(["0 q r=8"])
    desk.name_group("g", desk.draft.plan.map.sites[:7])
    lines = dict(settings_lines(desk.draft.plan.sites[:2], desk.draft.plan))
    assert lines["rank"] == "8–16 mixed"
    assert lines["in"] == "attention, lower, @g"
    desk.add(["0 k off"])
    assert dict(settings_lines(desk.draft.plan.sites[:2], desk.draft.plan))["rank"] == "8 at 1 of 2"


def test_fields_of_the_run_dialog_become_words_of_the_command() -> None:
    wish = read_wish(Path("p.yaml"), "demo", "1, 2 2", {"steps": "20", "lr": " "}, "schedule=cosine 'notes=a b'")
    assert wish.words() == [
        *("run", "p.yaml", "--recipe", "demo", "--set", "steps=20", "--set", "schedule=cosine", "--set", "notes=a b"),
        *("--seed", "1", "--seed", "2", "--detach"),
    ]
    for other in ("steps", "'x=1"):
        with pytest.raises(UsageError):
            read_wish(Path("p.yaml"), "demo", "1", {}, other)
    with pytest.raises(UsageError):
        read_wish(Path("p.yaml"), "demo", str(2**31), {})
