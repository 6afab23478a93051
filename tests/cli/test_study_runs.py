"""A tiny study really run through the queue, extended, and answered from the store."""

import json

import pytest

from tests.cli.command import Desk
from workbench.run.layout import Home
from workbench.study.members import members_file, read_members

pytestmark = pytest.mark.slow

STUDY = """
name: tiny
model: demo
defaults: {method: lora, r: 8, alpha: 2r}
recipe: demo
set: {steps: 2, batch: 8}
factors: {cut: [4]}
template: "* mlp r/={cut}"
references: false
seeds: SEEDS
metric: loss
"""


def write(desk: Desk, seeds: list[int]) -> None:
    (desk.folder / "tiny.yaml").write_text(STUDY.replace("SEEDS", json.dumps(seeds)), encoding="utf-8")


def test_two_arms_and_two_seeds_run_and_one_seed_more_extends_them(desk: Desk) -> None:
    write(desk, [1, 2])
    done = desk("study", "run", "tiny.yaml", "--follow", "--jobs", "2")
    assert done.code == 0, done.err
    assert done.json["statuses"] == {"finished": 4}
    status = desk("study", "status", "tiny", "--json").json
    assert [(arm["arm"], [m["status"] for m in arm["members"]]) for arm in status["arms"]] == [
        ("baseline", ["finished"] * 2),
        ("cut=4", ["finished"] * 2),
    ]
    deltas = desk("sql", "select arm, seed, delta from paired_deltas where metric = 'loss' order by seed", "--json")
    assert [(row["arm"], row["seed"]) for row in deltas.json] == [("cut=4", 1), ("cut=4", 2)]
    checked = desk("study", "check", "tiny", "--json").json
    assert (checked["missing"], checked["time"]["seconds"]) == (0, 0)
    assert checked["power"]["df"] == 1
    assert checked["power"]["difference"] > 0
    write(desk, [1, 2, 3])
    priced = desk("study", "check", "tiny.yaml", "--json").json
    assert priced["missing"] == 2
    assert 0 < priced["time"]["seconds"] < 600
    assert "of 4 earlier runs" in priced["time"]["source"]
    more = desk("study", "run", "tiny.yaml", "--follow")
    assert (more.code, more.json["missing_before"], more.json["statuses"]) == (0, 2, {"finished": 6})
    home = Home(desk.home)
    assert len(read_members(members_file(home, "tiny")).current) == 6
    assert len(home.run_dirs()) == 6
