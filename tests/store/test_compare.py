from math import sqrt

import pytest

from store.compare import compare
from store.comparison import GroupRow, PlanRow
from store.connection import writing
from store.ingest import ingest
from tests.store.helpers import Metric, finished_run, record, sites, write_run
from workbench.errors import NotFoundError, UsageError
from workbench.run.layout import Home

SMALL = sites({"attention": 4, "mlp": 2})
NONE = sites({"attention": None, "mlp": None})
LATE, FIRST = "model.layers.2.mlp.up_proj", "model.layers.0.self_attn.q_proj"


def run(home: Home, number: int, loss: float | None, **changes: object) -> str:
    """A finished run whose id is the number; `small` in the plan's name gives it rank 2 in the MLP."""
    run_id = f"{number:012x}"
    plan = str(changes.get("plan", "base"))
    if "small" in plan:
        changes = {"placed": SMALL, "plan_hash": "dddddddddddd", **changes}
    finished_run(home, record(run_id, **changes), [Metric("loss", loss, False)])
    return run_id


@pytest.fixture
def filled(home: Home) -> Home:
    """Base on seeds 0–3, small on seeds 0–2 and 9, one reference run."""
    for seed, loss in enumerate((1.0, 1.5, 2.0, 8.0)):
        run(home, seed, loss, seed=seed, groups={"late": [LATE], "ends": [LATE, FIRST]})
    for seed, loss in ((0, 1.2), (1, 1.8), (2, 2.4), (9, 100.0)):
        run(home, 16 + seed, loss, plan="small", seed=seed)
    run(home, 32, 5.0, plan="frozen", plan_hash="eeeeeeeeeeee", placed=NONE, reference=True, seed=77)
    ingest(home)
    return home


def plan(rows: tuple[PlanRow, ...], name: str) -> PlanRow:
    return next(row for row in rows if row.plan == name)


def group(rows: tuple[GroupRow, ...], name: str, of: str) -> GroupRow:
    return next(row for row in rows if row.plan == name and row.group == of)


def test_deltas_and_interval_use_common_seeds_only(filled: Home) -> None:
    found = compare(filled, ["base", "small"])
    estimate = plan(found.plans, "small").metrics["loss"]
    assert (estimate.n, estimate.mean, estimate.higher_is_better) == (4, pytest.approx(26.35), False)
    # deltas 0.2, 0.3, 0.4: mean 0.3, sd 0.1, half width 4.302653 · 0.1/√3
    assert estimate.delta == pytest.approx(0.3)
    assert estimate.ci == pytest.approx((0.3 - 0.248414, 0.3 + 0.248414), abs=1e-6)
    assert any("3 seeds in common" in warning for warning in found.warnings)


def test_the_baseline_is_compared_with_itself_as_nothing(filled: Home) -> None:
    found = compare(filled, ["base", "small"])
    base = plan(found.plans, "base")
    assert (found.baseline, base.seeds, base.discount) == ("base", 4, 0.0)
    assert (base.metrics["loss"].delta, base.metrics["loss"].ci) == (0.0, None)
    assert base.metrics["loss"].sd == pytest.approx(sqrt(sum((x - 3.125) ** 2 for x in (1, 1.5, 2, 8)) / 3))
    assert (base.seconds, base.peak_bytes, base.adapter_bytes) == (2.0, 9000, 700.0)


def test_discount_is_against_the_baseline_as_a_whole_and_per_group(filled: Home) -> None:
    found = compare(filled, ["small"], by="type", baseline="base")
    assert [row.plan for row in found.plans] == ["base", "small"]
    assert plan(found.plans, "small").discount == pytest.approx(1 - 384 / 576)
    mlp = group(found.groups, "small", "mlp")
    assert (mlp.discount, mlp.rank, mlp.sites, mlp.adapted, mlp.seeds) == (0.5, "2", 3, 3, 4)
    assert (mlp.trainable_params, mlp.update_norm, mlp.relative_update) == (192, pytest.approx(sqrt(56)), 0.25)
    assert (mlp.effective_rank, mlp.quant_error) == (4.0, pytest.approx(0.1))
    assert group(compare(filled, ["small"]).groups, "small", "all").rank == "2–4"


def test_one_common_seed_gives_a_delta_without_interval(filled: Home) -> None:
    found = compare(filled, [f"{0:012x}", "small"])
    estimate = plan(found.plans, "small").metrics["loss"]
    assert (estimate.delta, estimate.ci) == (pytest.approx(0.2), None)
    assert plan(found.plans, "base").metrics["loss"].sd is None


def test_no_common_seed_gives_no_delta(filled: Home) -> None:
    found = compare(filled, [f"{3:012x}", f"{16:012x}"])
    assert plan(found.plans, "small").metrics["loss"].delta is None
    assert any("0 seeds in common" in warning for warning in found.warnings)


def test_reference_runs_come_along_and_compare_on_means(filled: Home) -> None:
    found = compare(filled, ["base", "small"], by="band")
    [reference] = found.references
    assert (reference.plan, reference.trainable_params, reference.discount) == ("frozen", 0, 1.0)
    estimate = reference.metrics["loss"]
    assert (estimate.delta, estimate.ci) == (pytest.approx(5.0 - 3.125), None)
    assert group(found.groups, "frozen", "upper").rank == "–"
    assert [row["plan"] for row in found.to_rows() if row["reference"]] == ["frozen"] * 3


def test_reference_runs_of_other_data_stay_away_unless_named(filled: Home) -> None:
    run(filled, 33, 4.0, plan="elsewhere", placed=NONE, reference=True, data_hash="ffffffffffff")
    ingest(filled)
    assert [row.plan for row in compare(filled, ["base"]).references] == ["frozen"]
    assert {row.plan for row in compare(filled, ["base", "elsewhere"]).references} == {"frozen", "elsewhere"}


def test_a_reference_can_be_the_baseline(filled: Home) -> None:
    found = compare(filled, ["base"], baseline="frozen")
    base = plan(found.plans, "base")
    assert (found.baseline, base.discount) == ("frozen", None)
    assert (base.metrics["loss"].delta, base.metrics["loss"].ci) == (pytest.approx(-1.875), None)


def test_nothing_named_means_all_finished_runs_with_the_oldest_as_baseline(filled: Home) -> None:
    write_run(filled, record("0000000000ff", plan="unfinished"))
    ingest(filled)
    found = compare(filled)
    assert ([row.plan for row in found.plans], found.baseline) == (["base", "small"], "base")


def test_groups_are_named_in_order_with_a_rest(filled: Home) -> None:
    found = compare(filled, ["base"], by="@late")
    assert [(row.group, row.sites) for row in found.groups if row.plan == "base"] == [("@late", 1), ("(rest)", 5)]
    assert group(found.groups, "base", "@late").update_norm == 6.0
    both = compare(filled, ["base"], by="@late,@ends")
    assert [(row.group, row.sites) for row in both.groups if row.plan == "base"] == [
        ("@late", 1),
        ("@ends", 2),
        ("(rest)", 4),
    ]
    assert "1 sites are in several of @late, @ends, and count in each" in both.warnings


@pytest.mark.parametrize(
    ("by", "names"),
    [
        ("all", ["all"]),
        ("type", ["attention", "mlp"]),
        ("band", ["lower", "middle", "upper"]),
        ("module", ["q_proj", "up_proj"]),
        ("block", ["0", "1", "2"]),
        ("type,band", [f"{band} {kind}" for band in ("lower", "middle", "upper") for kind in ("attention", "mlp")]),
    ],
)
def test_groups_stand_in_model_order(filled: Home, by: str, names: list[str]) -> None:
    assert [row.group for row in compare(filled, ["base"], by=by).groups if row.plan == "base"] == names


def test_wrong_words_get_the_nearest(filled: Home) -> None:
    with pytest.raises(UsageError, match="cannot group by 'bands'") as by:
        compare(filled, by="bands")
    assert "did you mean 'band'?" in by.value.hint
    with pytest.raises(NotFoundError, match="no group '@lata'") as unknown_group:
        compare(filled, by="@lata")
    assert unknown_group.value.hint == "did you mean '@late'?"
    with pytest.raises(NotFoundError, match="'smal'") as word:
        compare(filled, ["smal"])
    assert word.value.hint == "did you mean 'small'?"
    with pytest.raises(UsageError, match="several runs start with '0000'"):
        compare(filled, ["0000"])
    with pytest.raises(UsageError):
        compare(filled, by="@late,band")


def test_runs_are_named_by_name_and_by_start(filled: Home) -> None:
    run(filled, 0xABCDEF << 24, 1.0, plan="other", name="my run", plan_hash="999999999999")
    ingest(filled)
    for word in ("my run", "abcd"):
        assert [row.plan for row in compare(filled, [word]).plans] == ["other"]


def test_one_name_for_two_plans_is_kept_apart(filled: Home) -> None:
    run(filled, 64, 3.0, plan="small", plan_hash="123456abcdef", seed=0)
    ingest(filled)
    found = compare(filled, ["base", "small"])
    assert [row.plan for row in found.plans] == ["base", "small#dddddd", "small#123456"]
    assert any("different contents" in warning for warning in found.warnings)
    assert [row.plan for row in compare(filled, ["small#123456"]).plans] == ["small"]


@pytest.mark.parametrize(
    ("field", "word"), [("recipe_hash", "recipes"), ("data_hash", "data"), ("model_fingerprint", "models")]
)
def test_other_differences_are_kept_apart_and_warned_of(filled: Home, field: str, word: str) -> None:
    run(filled, 64, 3.0, plan="small", seed=0, **{field: "0123456789ab"})
    ingest(filled)
    found = compare(filled, ["base", "small"])
    labels = [row.plan for row in found.plans[1:]]
    assert len(set(labels)) == 2
    assert all(len(label) == len("small#123456") for label in labels)
    assert sum(f"different {word}" in warning for warning in found.warnings) == 2
    assert [row.seeds for row in compare(filled, [labels[1]]).plans] == [1]


def test_an_ambiguous_baseline_takes_the_first_and_says_so(filled: Home) -> None:
    run(filled, 64, 3.0, plan="small", plan_hash="123456abcdef", seed=0)
    ingest(filled)
    found = compare(filled, ["base"], baseline="small")
    assert found.baseline == "small#dddddd"
    assert any("could be any of" in warning for warning in found.warnings)


def test_unfinished_runs_are_left_out_with_a_warning(filled: Home) -> None:
    write_run(filled, record("0000000000fe", plan="small", seed=5, placed=SMALL, plan_hash="dddddddddddd"))
    write_run(filled, record("0000000000ff", plan="open"))
    ingest(filled)
    found = compare(filled, ["base", "small"])
    assert plan(found.plans, "small").seeds == 4
    assert "small: 1 of 5 runs left out, as not finished" in found.warnings
    with pytest.raises(NotFoundError, match="no finished run"):
        compare(filled, ["open"])
    with pytest.raises(NotFoundError, match="baseline 'open' has no finished run"):
        compare(filled, ["base"], baseline="open")


def test_a_diverged_run_counts_for_costs_but_not_for_the_metric(filled: Home) -> None:
    run(filled, 64, None, plan="small", seed=3)
    ingest(filled)
    found = compare(filled, ["base", "small"])
    small = plan(found.plans, "small")
    assert (small.seeds, small.metrics["loss"].n) == (5, 4)
    assert any(f"no usable final evaluation in {64:012x}" in warning for warning in found.warnings)


def test_the_baseline_of_the_study_is_taken_and_added(filled: Home) -> None:
    with writing(filled) as connection:
        connection.execute("insert into studies values ('cut', 'full', 'loss', now()::timestamp)")
        for number, arm in ((0, "full"), (1, "full"), (16, "cut"), (17, "cut")):
            connection.execute(
                f"insert into study_runs values ('cut', '{arm}', 'r', '1', {number % 16}, '{number:012x}')"
            )
    found = compare(filled, [f"{16:012x}", f"{17:012x}"])
    assert found.baseline == "base"
    assert plan(found.plans, "base").seeds == 2
    assert plan(found.plans, "small").metrics["loss"].delta == pytest.approx(0.25)


def test_rows_for_scripts(filled: Home) -> None:
    found = compare(filled, ["base", "small"], by="type")
    rows = found.to_rows()
    assert [(row["plan"], row["group"]) for row in rows[:4]] == [
        ("base", "attention"),
        ("base", "mlp"),
        ("small", "attention"),
        ("small", "mlp"),
    ]
    assert set(rows[3]) >= set(
        ["plan", "group", "seeds", "sites", "rank", "trainable_params", "discount", "update_norm", "loss"]
    )
    assert set(rows[3]["loss"]) >= {"n", "mean", "sd", "delta", "ci"}
    assert rows[3]["loss"]["ci"] == [pytest.approx(0.051586, abs=1e-6), pytest.approx(0.548414, abs=1e-6)]
    assert (rows[0]["baseline"], rows[3]["baseline"], rows[3]["reference"]) == (True, False, False)
    assert (rows[3]["seconds"], rows[3]["peak_bytes"], rows[3]["adapter_bytes"]) == (2.0, 9000, 700.0)
