"""A home with a study of known numbers: a baseline of rank 4 and arms that differ from it in one way each."""

from dataclasses import replace

from store.connection import writing
from store.ingest import ingest
from tests.store.helpers import Metric, finished_run, record, sites, write_run
from workbench.run.layout import Home
from workbench.run.record import SiteRecord

SEEDS = (0, 1, 2)
LOSS = {
    "base": (0.50, 0.54, 0.49),
    "mlp-2": (0.58, 0.60, 0.61),
    "attention-2": (0.52, 0.55, 0.54),
    "lower-mlp-2": (0.51, 0.56, 0.50),
    "odd": (0.47, 0.54, 0.48),
    "faster": (0.60, 0.59, 0.66),
    "late": (0.70, 0.75, None),  # its last seed has not finished
}
TRAINABLE = {"base": 576, "mlp-2": 384, "attention-2": 480, "lower-mlp-2": 512, "odd": 640, "faster": 576, "late": 384}
REFERENCE = "0000000000ff"
REFERENCE_LOSS = 9.0
BEFORE_MERGE = 0.01  # what merging adds to the loss of seed s: (s + 1) times this


def _arm_sites(arm: str) -> tuple[SiteRecord, ...]:
    whole = sites({"attention": 4, "mlp": 4})
    if arm in ("mlp-2", "late"):
        return sites({"attention": 4, "mlp": 2})
    if arm == "attention-2":
        return sites({"attention": 2, "mlp": 4})
    if arm == "lower-mlp-2":
        return tuple(_ranked(site, 2) if (site.block, site.layer_type) == (0, "mlp") else site for site in whole)
    if arm == "odd":  # the attention of two of three bands
        return tuple(_ranked(site, 6) if site.block < 2 and site.layer_type == "attention" else site for site in whole)
    return whole


def _ranked(site: SiteRecord, r: int) -> SiteRecord:
    return replace(site, r=r, alpha=2.0 * r, trainable_params=r * (site.in_features + site.out_features))


def run_id(arm: str, seed: int) -> str:
    return f"{16 * (list(LOSS).index(arm) + 1) + seed:012x}"


def _plan_hash(arm: str) -> str:
    """`faster` has the plan of the baseline and another recipe."""
    return f"{list(LOSS).index('base' if arm == 'faster' else arm):012x}"


def fill(home: Home, study: bool = True) -> None:
    """Writes and ingests the runs, and enters them as the study `cut` if wanted."""
    for arm, losses in LOSS.items():
        for seed, loss in zip(SEEDS, losses, strict=True):
            _write(home, arm, seed, loss)
    frozen = sites({"attention": None, "mlp": None})
    whole = record(REFERENCE, plan="frozen", plan_hash="f" * 12, placed=frozen, reference=True)
    finished_run(home, whole, [Metric("loss", REFERENCE_LOSS, False)])
    ingest(home)
    if study:
        enter(home, "cut")


def _write(home: Home, arm: str, seed: int, loss: float | None) -> None:
    recipe = "c" * 12 if arm == "faster" else "b" * 12
    written = record(
        run_id(arm, seed), plan=arm, plan_hash=_plan_hash(arm), placed=_arm_sites(arm), seed=seed, recipe_hash=recipe
    )
    if loss is None:
        write_run(home, written)
        return
    merged = loss + BEFORE_MERGE * (seed + 1)
    metrics = [
        Metric("loss", loss, False),
        Metric("exact_match", 1 - loss, True),
        Metric("loss@int4", merged, False),
        Metric("exact_match@int4", 1 - merged, True),
        Metric("kept@int4", 0.9, True),
    ]
    finished_run(home, written, metrics)


def enter(home: Home, study: str, metric: str = "loss") -> None:
    """Enters all arms as a study."""
    members = [(study, arm, "rank", arm, seed, run_id(arm, seed)) for arm in LOSS for seed in SEEDS]
    with writing(home) as connection:
        connection.execute("insert into studies values (?, 'base', ?, now()::timestamp)", [study, metric])
        connection.executemany("insert into study_runs values (?, ?, ?, ?, ?, ?)", members)
