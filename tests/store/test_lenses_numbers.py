"""What the built-in lenses answer, against the same numbers worked out in Python."""

from math import sqrt
from pathlib import Path
from statistics import correlation, fmean, stdev
from typing import Any

import pytest

from store.connection import reading, writing
from store.lenses import LensResult, known, run
from store.sandbox import query
from tests.store.helpers import rows
from tests.store.lens_home import BEFORE_MERGE, LOSS, REFERENCE_LOSS, TRAINABLE, fill, run_id
from workbench.run.layout import Home
from workbench.study.statistics import student_t_quantile

BUILT_IN = (
    "cost",
    "delta to baseline",
    "group means",
    "loss against trainable parameters",
    "rank ablation",
    "retained after merge",
    "seed spread",
    "type × depth map",
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    made = Home(tmp_path_factory.mktemp("lenses") / ".workbench")
    made.path.mkdir()
    fill(made)
    return made


def objects(found: LensResult) -> list[dict[str, Any]]:
    return [dict(zip(found.columns, row, strict=True)) for row in found.rows]


def digits(found: tuple[tuple[Any, ...], ...]) -> list[list[Any]]:
    """The rows to nine decimals: sums over threads differ in their last digit."""
    return [[round(value, 9) if isinstance(value, float) else value for value in row] for row in found]


def by_arm(found: LensResult, **wanted: Any) -> dict[str, dict[str, Any]]:
    """The rows with these values, by their arm."""
    fitting = [row for row in objects(found) if all(row[key] == value for key, value in wanted.items())]
    assert len({row["arm"] for row in fitting}) == len(fitting)
    return {row["arm"]: row for row in fitting}


def finished(arm: str) -> list[float]:
    return [loss for loss in LOSS[arm] if loss is not None]


def deltas(arm: str) -> list[float]:
    return [loss - base for loss, base in zip(LOSS[arm], LOSS["base"], strict=True) if None not in (loss, base)]


def half(values: list[float]) -> float:
    return student_t_quantile(0.975, len(values) - 1) * stdev(values) / sqrt(len(values))


def test_all_eight_are_there_with_a_title(home: Home) -> None:
    found = {listed.name: listed for listed in known(home)}
    assert sorted(found) == sorted(BUILT_IN)
    assert all(listed.built_in and listed.lens and listed.lens.title != listed.name for listed in found.values())


@pytest.mark.parametrize("name", BUILT_IN)
@pytest.mark.parametrize("parameters", [{}, {"study": None}, {"baseline": "mlp-2", "metric": "exact_match"}])
def test_the_sql_shown_gives_the_same_rows(home: Home, name: str, parameters: dict[str, str | None]) -> None:
    found = run(home, name, parameters)
    assert found.rows
    again = query(home, found.sql)
    assert again.columns == found.columns
    assert digits(again.rows) == digits(found.rows)
    assert "$" not in found.sql


def test_delta_to_baseline(home: Home) -> None:
    found = by_arm(run(home, "delta to baseline"), metric="loss")
    assert list(found) == [*LOSS, "frozen"]
    for arm in LOSS:
        row = found[arm]
        assert row["seeds"] == len(finished(arm))
        assert row["missing"] == (1 if arm == "late" else 0)
        assert row["mean"] == pytest.approx(fmean(finished(arm)))
        assert row["sd"] == pytest.approx(stdev(finished(arm)))
        assert row["trainable_params"] == TRAINABLE[arm]
        assert row["discount"] == pytest.approx(1 - TRAINABLE[arm] / 576)
        assert row["reference"] is False
        if arm == "base":
            assert (row["n"], row["delta"], row["low"]) == (None, None, None)
            continue
        mean, width = fmean(deltas(arm)), half(deltas(arm))
        assert row["n"] == len(deltas(arm))
        assert [row[key] for key in ("delta", "half_width", "low", "high")] == pytest.approx(
            [mean, width, mean - width, mean + width]
        )


def test_a_reference_run_has_the_difference_of_the_means_and_no_interval(home: Home) -> None:
    row = by_arm(run(home, "delta to baseline", {"metric": "loss"}))["frozen"]
    assert row["delta"] == pytest.approx(REFERENCE_LOSS - fmean(finished("base")))
    assert [row[key] for key in ("reference", "seeds", "n", "low", "high")] == [True, 1, 0, None, None]
    against = by_arm(run(home, "delta to baseline", {"study": None, "baseline": "frozen", "metric": "loss"}))["mlp-2"]
    assert against["delta"] == pytest.approx(fmean(finished("mlp-2")) - REFERENCE_LOSS)
    assert (against["n"], against["half_width"]) == (0, None)


def test_another_baseline_and_metric(home: Home) -> None:
    found = run(home, "delta to baseline", {"baseline": "mlp-2", "metric": "exact_match"})
    assert {row["metric"] for row in objects(found)} == {"exact_match"}
    row = by_arm(found)["base"]
    assert row["delta"] == pytest.approx(fmean(deltas("mlp-2")))
    assert (row["n"], row["higher_is_better"]) == (3, True)


def test_effects_and_paired_deltas_agree_with_the_lens(home: Home) -> None:
    found = by_arm(run(home, "delta to baseline", {"metric": "loss"}))
    effects = rows(home, "select arm, n, delta, sd, low, high, correlation from effects where metric = 'loss'")
    assert {row[0] for row in effects} == set(LOSS) - {"base"}
    for arm, n, delta, sd, low, high, paired in effects:
        row = found[arm]
        assert [n, delta, sd, low, high] == pytest.approx(
            [row[key] for key in ("n", "delta", "delta_sd", "low", "high")]
        )
        if n == 3:
            assert paired == pytest.approx(correlation(LOSS[arm], LOSS["base"]))
    summed = rows(home, "select arm, avg(delta) from paired_deltas where metric = 'loss' group by arm")
    assert dict(summed) == pytest.approx({arm: fmean(deltas(arm)) for arm in LOSS if arm != "base"})


def test_loss_against_trainable_parameters_marks_the_front(home: Home) -> None:
    found = by_arm(run(home, "loss against trainable parameters"))
    means = {arm: fmean(finished(arm)) for arm in LOSS}
    best = {
        arm
        for arm in LOSS
        if not any(
            TRAINABLE[other] <= TRAINABLE[arm]
            and means[other] <= means[arm]
            and (TRAINABLE[other], means[other]) != (TRAINABLE[arm], means[arm])
            for other in LOSS
        )
    }
    assert {arm for arm, row in found.items() if row["front"]} == best
    assert 2 < len(best) < len(LOSS)
    assert found["frozen"]["front"] is None
    assert found["mlp-2"]["low"] == pytest.approx(means["mlp-2"] - half(finished("mlp-2")))


def test_the_front_of_a_metric_where_more_is_better(home: Home) -> None:
    found = by_arm(run(home, "loss against trainable parameters", {"metric": "exact_match"}))
    loss = by_arm(run(home, "loss against trainable parameters"))
    assert {arm for arm, row in found.items() if row["front"]} == {arm for arm, row in loss.items() if row["front"]}


def test_seed_spread(home: Home) -> None:
    found = by_arm(run(home, "seed spread", {"metric": "loss"}))
    assert set(found) == set(LOSS)
    row = found["mlp-2"]
    assert [row[key] for key in ("n", "mean", "sd", "lowest", "highest", "width")] == pytest.approx(
        [3, fmean(LOSS["mlp-2"]), stdev(LOSS["mlp-2"]), 0.58, 0.61, 0.03]
    )
    assert [row[key] for key in ("pairs", "delta_sd", "correlation")] == pytest.approx(
        [3, stdev(deltas("mlp-2")), correlation(LOSS["mlp-2"], LOSS["base"])]
    )
    assert (found["late"]["n"], found["late"]["missing"]) == (2, 1)


def test_rank_ablation_takes_arms_that_change_ranks_in_one_group_alone(home: Home) -> None:
    found = objects(run(home, "rank ablation"))
    placed = [(row["group_name"], row["rank"], row["arm"], row["n"]) for row in found]
    assert placed == [
        ("attention", 2, "attention-2", 3),
        ("attention", 4, "base", 3),
        ("lower mlp", 2, "lower-mlp-2", 3),
        ("lower mlp", 4, "base", 3),
        ("mlp", 2, "late", 2),
        ("mlp", 2, "mlp-2", 3),
        ("mlp", 4, "base", 3),
    ]
    assert found[0]["delta"] == pytest.approx(fmean(deltas("attention-2")))
    assert found[1]["mean"] == pytest.approx(fmean(finished("base")))


def test_type_by_depth_map(home: Home) -> None:
    found = run(home, "type × depth map")
    cells = {
        row["arm"]: (row["change"], row["layer_type"], row["band"], row["sites"], row["n"]) for row in objects(found)
    }
    assert cells == {
        "mlp-2": ("r=2", "mlp", "all", 3, 3),
        "attention-2": ("r=2", "attention", "all", 3, 3),
        "lower-mlp-2": ("r=2", "mlp", "lower", 1, 3),
        "late": ("r=2", "mlp", "all", 3, 2),
        "odd": ("r=6", None, None, 2, 3),
    }
    assert by_arm(found)["odd"]["delta"] == pytest.approx(fmean(deltas("odd")))
    assert objects(found)[-1]["arm"] == "odd"


def test_retained_after_merge(home: Home) -> None:
    found = by_arm(run(home, "retained after merge", {"metric": "loss"}))
    assert set(found) == set(LOSS)
    row = found["mlp-2"]
    added = [BEFORE_MERGE * (seed + 1) for seed in range(3)]
    width = half(added)
    assert [row[key] for key in ("unmerged", "merged", "change", "sd", "low", "high", "kept")] == pytest.approx(
        [
            *(fmean(LOSS["mlp-2"]), fmean(LOSS["mlp-2"]) + fmean(added), fmean(added), stdev(added)),
            *(fmean(added) - width, fmean(added) + width, 0.9),
        ]
    )
    assert [row[key] for key in ("target", "metric", "n", "kept_n")] == ["int4", "loss", 3, 3]


def test_group_means(home: Home) -> None:
    found = {(row["arm"], row["group_name"]): row for row in objects(run(home, "group means"))}
    row = found["mlp-2", "mlp"]
    # weight norm 4·place, update norm 1·place, for the MLP sites 2, 4, 6
    assert [row[key] for key in ("n", "sites", "adapted", "rank", "trainable_params", "discount", "measured")] == [
        *(3, 3, 3, "2", 192, 0.5, 3)
    ]
    assert [row[key] for key in ("update_norm", "update_norm_sd", "relative_update")] == pytest.approx(
        [sqrt(4 + 16 + 36), 0.0, 0.25]
    )
    assert found["late", "mlp"]["n"] == 2
    assert found["odd", "attention"]["rank"] == "4–6"
    assert found["frozen", "mlp"]["adapted"] == 0


def test_group_means_of_bands(home: Home) -> None:
    found = run(home, "group means", {"group": "band"})
    assert [row["group_name"] for row in objects(found) if row["arm"] == "base"] == ["lower", "middle", "upper"]


def test_cost(home: Home) -> None:
    found = by_arm(run(home, "cost"))
    row = found["late"]
    assert [row[key] for key in ("n", "missing", "train_seconds", "total_seconds", "of_baseline_time")] == [
        *(2, 1, 2.0, 4.0, 1.0)
    ]
    assert [row[key] for key in ("device_seconds", "peak_bytes", "predicted_bytes", "adapter_bytes")] == [
        *(1.5, 9000, 4096, 700)
    ]


def test_without_a_study_the_plans_of_all_finished_runs_are_compared(home: Home) -> None:
    found = run(home, "delta to baseline", {"study": None, "metric": "loss"})
    assert found.parameters == {"study": None, "baseline": "base", "metric": "loss"}
    study = run(home, "delta to baseline", {"study": "cut", "metric": "loss"})
    with_study, without = by_arm(study), by_arm(found)
    for key, value in with_study["mlp-2"].items():  # sums are in no certain order
        expected = pytest.approx(value, rel=1e-12) if isinstance(value, float) else value
        assert without["mlp-2"][key] == expected, key
    assert without["late"]["missing"] == 0  # a plan knows of no runs that should be there


def test_a_value_that_is_no_number_is_a_missing_cell(tmp_path: Path) -> None:
    home = Home(tmp_path)
    fill(home)
    with writing(home) as connection:
        gone = "update evals set value = 'nan' where run_id = ? and evaluator = 'loss'"
        connection.execute(gone, [run_id("mlp-2", 2)])
    row = by_arm(run(home, "delta to baseline", {"metric": "loss"}))["mlp-2"]
    assert (row["seeds"], row["n"]) == (2, 2)
    assert row["delta"] == pytest.approx(fmean(deltas("mlp-2")[:2]))


def test_the_t_quantile_is_that_of_python(home: Home) -> None:
    with reading(home) as connection:
        found = connection.execute("select df, t_975(df) from range(1, 400) r(df)").fetchall()
        assert connection.execute("select t_975(0), half_width(1.0, 1)").fetchall() == [(None, None)]
    for df, value in found:
        assert value == pytest.approx(student_t_quantile(0.975, df), abs=5e-8)
