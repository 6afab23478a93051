"""The main job with real models, real data and real processes: through to the comparison, and through kills."""

import json
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM, PreTrainedModel, Qwen2Config, Qwen2ForCausalLM

from tests.cli.command import Desk
from tests.store.helpers import rows
from tests.train.here import finished_here
from workbench.run.events import read_events
from workbench.run.layout import Home, RunDir
from workbench.run.proc import read_proc
from workbench.run.process import is_alive
from workbench.train.demo_base import character_tokenizer

pytestmark = pytest.mark.slow


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def _qwen2(vocab_size: int) -> PreTrainedModel:
    return Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=vocab_size,
            hidden_size=64,
            intermediate_size=176,
            num_hidden_layers=4,
            num_attention_heads=4,
            num_key_value_heads=2,
        )
    )


def _neox(vocab_size: int) -> PreTrainedModel:
    return GPTNeoXForCausalLM(
        GPTNeoXConfig(
            vocab_size=vocab_size, hidden_size=64, intermediate_size=256, num_hidden_layers=3, num_attention_heads=4
        )
    )


def _save_model(folder: Path, make: Callable[[int], PreTrainedModel]) -> None:
    torch.manual_seed(0)
    tokenizer = character_tokenizer()
    make(len(tokenizer)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _save_alpaca(path: Path, rows: int = 2000) -> None:
    rng = random.Random(0)
    with path.open("w") as file:
        for _ in range(rows):
            a, b = rng.randint(0, 99), rng.randint(0, 99)
            row = {"instruction": "Add the numbers.", "input": f"{a} + {b}", "output": str(a + b)}
            file.write(json.dumps(row) + "\n")


RECIPE = """data: alpaca.jsonl
split: {fraction: 0.1, seed: 0}
max_length: 128
steps: 6
batch: 8
lr: 1e-3
evaluators: [loss, token_accuracy, exact_match]
"""


def test_own_model_and_data_from_plan_to_comparison(desk: Desk) -> None:
    """Of a family with one matrix for query, key and value; the guide goes the same way with a Qwen2."""
    _save_model(desk.folder / "model", _neox)
    _save_alpaca(desk.folder / "alpaca.jsonl")
    (desk.folder / "recipe.yaml").write_text(RECIPE)
    assert desk("plan", "new", "all", "--model", "model", "--rank", "4").code == 0
    cut = ("--rule", "* all", "--rule", "* mlp r=1")
    assert desk("plan", "new", "cut", "--model", "model", "--rank", "4", *cut).code == 0
    assert desk("plan", "check", "cut", "--recipe", "recipe.yaml", "--baseline", "all").code == 0

    seeds = ("--recipe", "recipe.yaml", "--seed", "1", "--seed", "2")
    finished_here(desk, "cut", *seeds)
    done = desk("run", "all", "cut", *seeds)
    assert done.code == 0, done.err
    answers = done.json
    assert [a["cached"] for a in answers] == [False, False, True, True]
    assert [(a["plan"], a["seed"], a["status"]) for a in answers] == [
        ("all", 1, "finished"),
        ("all", 2, "finished"),
        ("cut", 1, "finished"),
        ("cut", 2, "finished"),
    ]
    assert all(set(a["eval"]) == {"loss", "token_accuracy", "exact_match"} for a in answers)
    assert all((Path(a["adapter"]) / "adapter_model.safetensors").is_file() for a in answers)

    again = desk("run", "all", "--recipe", "recipe.yaml", "--seed", "1")
    assert again.json["cached"] is True
    assert again.json["eval"] == answers[0]["eval"]

    counted = desk(
        "sql", "--json", "select plan, count(*) n, bool_and(status = 'finished') ok from runs group by all"
    ).json
    assert sorted((row["plan"], row["n"], row["ok"]) for row in counted) == [("all", 2, True), ("cut", 2, True)]

    compared = desk("compare", "all", "cut", "--by", "type", "--baseline", "all", "--json").json
    assert [(row["plan"], row["group"]) for row in compared] == [
        ("all", "attention"),
        ("all", "mlp"),
        ("cut", "attention"),
        ("cut", "mlp"),
    ]
    mlp = compared[3]
    assert mlp["rank"] == "1"
    assert mlp["discount"] == pytest.approx(0.75)
    assert mlp["loss"]["n"] == 2
    assert mlp["loss"]["delta"] == pytest.approx(
        sum(answers[i + 2]["eval"]["loss"] - answers[i]["eval"]["loss"] for i in (0, 1)) / 2
    )
    assert 0.05 < mlp["quant_error"] < 0.12
    assert mlp["update_norm"] > 0
    for form in ("--md", "--csv"):
        assert "cut" in desk("compare", form).out


def _wait(condition: Callable[[], bool], timeout: float = 90) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        threading.Event().wait(0.05)


def _only_run(desk: Desk) -> RunDir | None:
    found = list((desk.home / "runs").glob("*/run.json"))
    return RunDir(found[0].parent) if found else None


def _steps_logged(desk: Desk) -> list[int]:
    run_dir = _only_run(desk)
    return [e["step"] for e in read_events(run_dir.events) if e["kind"] == "metric"] if run_dir else []


def _long_run(desk: Desk) -> Any:
    return desk.start("run", "demo-baseline", "--recipe", "demo", "--set", "steps=100000", "--threads", "1")


def _kill_both(desk: Desk) -> None:
    """Stopped first, so that the shim cannot tell of the trainer's death, and keeps others from looking after it.

    It dies only once the trainer's last thread has ended: until then the run's lock is held, and another shim would
    take up what it finds.
    """
    run_dir = _only_run(desk)
    proc = read_proc(run_dir) if run_dir else None
    assert proc is not None
    assert proc.trainer is not None
    os.kill(proc.shim.pid, signal.SIGSTOP)
    os.kill(proc.trainer.pid, signal.SIGKILL)
    trainer = proc.trainer
    _wait(lambda: not is_alive(trainer) and len(os.listdir(f"/proc/{trainer.pid}/task")) == 1)
    os.kill(proc.shim.pid, signal.SIGKILL)


def test_killing_trainer_and_shim_leaves_a_lost_run_and_every_logged_line(desk: Desk) -> None:
    command = _long_run(desk)
    _wait(lambda: len(_steps_logged(desk)) >= 3)
    _kill_both(desk)
    out, _err = command.communicate(timeout=60)
    assert command.returncode == 1
    assert json.loads(out)["status"] == "lost"
    logged = _steps_logged(desk)
    assert len(logged) >= 3
    (listed,) = desk("runs", "list", "--json").json
    assert listed["status"] == "lost"
    stored = desk("sql", "--json", "select step from metrics where name = 'loss' order by step").json
    assert [row["step"] for row in stored] == logged
    assert "lost" in desk("runs", "show", listed["run_id"]).out


def test_ctrl_c_stops_cleanly_and_keeps_what_was_logged(desk: Desk) -> None:
    command = _long_run(desk)
    _wait(lambda: len(_steps_logged(desk)) >= 2)
    os.kill(command.pid, signal.SIGINT)
    out, err = command.communicate(timeout=60)
    assert command.returncode == 130
    answer = json.loads(out)
    assert answer["status"] == "stopped"
    assert Path(answer["adapter"], "adapter_config.json").is_file()
    assert "stopping" in err
    stored = desk("sql", "--json", "select step from metrics where name = 'loss' order by step").json
    assert [row["step"] for row in stored] == _steps_logged(desk)


def test_a_killed_command_leaves_its_run_alive_and_a_second_one_follows_it(desk: Desk) -> None:
    first = desk.start("run", "demo-baseline", "--recipe", "demo", "--set", "steps=40", "--threads", "1")
    _wait(lambda: len(_steps_logged(desk)) >= 1)
    first.kill()
    first.communicate(timeout=30)
    assert desk("runs", "list", "--json").json[0]["status"] == "running"
    second = desk("run", "demo-baseline", "--recipe", "demo", "--set", "steps=40", "--threads", "1")
    assert second.code == 0, second.err
    assert second.json["status"] == "finished"
    assert desk("runs", "list", "--json").json[0]["attempt"] == 1
    assert _steps_logged(desk) == list(range(1, 41))


def test_the_database_comes_back_from_the_logs_row_by_row(desk: Desk) -> None:
    done = desk("run", "demo-quarter-all", "--recipe", "demo", "--set", "steps=3")
    assert done.code == 0, done.err
    forced = desk("run", "demo-quarter-all", "--recipe", "demo", "--set", "steps=3", "--force")
    assert (forced.code, forced.json["cached"]) == (0, False)
    assert forced.json["eval"] == pytest.approx(done.json["eval"])
    queries = [
        f"select * from {table} order by all"
        for table in ("runs", "run_sites", "metrics", "evals", "ingest_cursor", "groups")
    ]
    home = Home(desk.home)
    before = [rows(home, query) for query in queries]
    assert rows(home, "select distinct attempt from metrics order by 1") == [(1,), (2,)]
    (desk.home / "results.duckdb").unlink()
    rebuilt = desk("db", "rebuild")
    assert rebuilt.code == 0
    assert "1 run" in rebuilt.out
    assert [rows(home, query) for query in queries] == before
