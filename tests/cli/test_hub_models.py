"""Hub ids on the command line: online, offline, and with the weights in the cache."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.command import Answer, Desk
from tests.families import save_random
from tests.hub_server import Hub, serve
from workbench.train.demo_base import character_tokenizer

pytestmark = pytest.mark.slow

ID = "someone/tiny"


@dataclass(frozen=True, slots=True)
class HubDesk(Desk):
    """A desk whose hub is the given server, with a cache of its own."""

    url: str
    offline: bool = False

    def environment(self) -> dict[str, str]:
        hub = {"HF_ENDPOINT": self.url, "HF_HOME": str(self.folder / "hf"), "HF_HUB_OFFLINE": str(int(self.offline))}
        return {**os.environ, **super(HubDesk, self).environment(), **hub}


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serve() as running:
        yield running


def write_plan(desk: Desk) -> None:
    (desk.folder / "plan.yaml").write_text(f'model: {ID}\nrules:\n  - "* all r=2"\n', encoding="utf-8")


def run(desk: Desk) -> Answer:
    lines = [f'{{"prompt": "{letter}=", "completion": "{letter}"}}\n' for letter in "abcdefghijkl"]
    (desk.folder / "data.jsonl").write_text("".join(lines), encoding="utf-8")
    recipe = "data: data.jsonl\nsplit: {fraction: 0.25, seed: 0}\nsteps: 1\nbatch: 2\nmax_length: 32\n"
    (desk.folder / "recipe.yaml").write_text(recipe, encoding="utf-8")
    return desk("run", "plan.yaml", "--recipe", "recipe.yaml")


def test_a_hub_name_while_offline_is_one_clear_message(tmp_path: Path) -> None:
    desk = HubDesk(tmp_path, "http://127.0.0.1:9", offline=True)
    write_plan(desk)
    for answer in (desk("model", "show", ID), run(desk)):
        assert answer.code == 4
        assert "no model folder 'someone/tiny', and as a hub id it is not in the cache" in answer.err
        assert "hf download someone/tiny" in answer.err
        assert "Traceback" not in answer.err
        assert answer.out == ""
    assert not (desk.home / "runs").exists()


def test_without_weights_a_plan_is_checked_and_a_run_is_refused(tmp_path: Path, hub: Hub) -> None:
    desk = HubDesk(tmp_path, hub.url)
    hub.add(ID, save_random("llama", tmp_path / "served"))
    write_plan(desk)
    assert len(desk("model", "show", ID, "--json").json["sites"]) == 21
    checked = desk("plan", "check", "plan.yaml", "--json")
    assert checked.code == 0
    assert any("hf download someone/tiny" in warning["message"] for warning in checked.json["warnings"])
    made = desk("plan", "new", "at-main", "--model", ID, "--revision", "main")
    assert made.code == 0, made.err
    assert 'revision: "main"' in (desk.home / "plans/at-main.yaml").read_text(encoding="utf-8")
    _refused(desk, run(desk))


@pytest.mark.parametrize("init", ["pissa", "loftq"])
def test_a_start_from_weights_that_are_not_there_is_refused(tmp_path: Path, hub: Hub, init: str) -> None:
    """Such a plan can be checked and priced: only a run needs the weights at full precision."""
    desk = HubDesk(tmp_path, hub.url)
    hub.add(ID, save_random("llama", tmp_path / "served"))
    (desk.folder / "plan.yaml").write_text(f'model: {ID}\nrules: ["* all r=2 init={init}"]\n', encoding="utf-8")
    checked = desk("plan", "check", "plan.yaml", "--json")
    assert checked.code == 0
    assert {site["init"] for site in checked.json["sites"]} == {init}
    _refused(desk, run(desk))


def _refused(desk: Desk, answer: Answer) -> None:
    assert answer.code == 4
    assert "the weights of someone/tiny are not on this machine" in answer.err
    assert "download them once: hf download someone/tiny" in answer.err
    assert not (desk.home / "runs").exists()


def test_after_the_download_it_runs_offline(tmp_path: Path, hub: Hub) -> None:
    served = save_random("qwen2", tmp_path / "served", vocab_size=128)
    character_tokenizer().save_pretrained(served)
    hub.add(ID, served)
    desk = HubDesk(tmp_path, hub.url)
    download = [str(Path(sys.executable).with_name("hf")), "download", ID]
    subprocess.run(download, env=desk.environment(), check=True, capture_output=True)
    hub.asked.clear()
    write_plan(desk)
    answer = run(HubDesk(tmp_path, hub.url, offline=True))
    assert answer.code == 0, answer.err
    assert answer.json["status"] == "finished"
    assert hub.asked == []
