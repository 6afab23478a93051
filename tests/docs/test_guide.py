"""Every command that the guide shows is run, in its order, in one folder."""

import re
import shlex
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

from tests.cli.command import COMMAND, Desk
from tests.faults.test_main_job import _qwen2, _save_alpaca, _save_model

GUIDE = Path(__file__).parents[2] / "docs/guide.md"
FENCED = re.compile(r"```(\w+)(?: ([^\n]+))?\n(.*?)```", re.DOTALL)
# What needs a fresh machine, the network, or a second terminal; each is tried elsewhere or said to be an example.
NOT_RUN = ("make ", "git ", "cd ", "source ", "pip ", "hf ")


def _blocks() -> list[tuple[str, str, str]]:
    return [(kind, title or "", body) for kind, title, body in FENCED.findall(GUIDE.read_text(encoding="utf-8"))]


def _commands(body: str) -> list[str]:
    lines = body.replace("\\\n", " ").splitlines()
    return [line.partition("  #")[0].strip() for line in lines if line.strip() and not line.startswith("#")]


def test_the_guide_shows_commands_of_the_program_and_little_else() -> None:
    shown = [command for kind, _, body in _blocks() if kind == "console" for command in _commands(body)]
    assert len(shown) > 15
    assert all(command.startswith(("workbench ", *NOT_RUN)) for command in shown)


def _shorten_the_demo(desk: Desk) -> None:
    """A recipe in the home goes before the built-in one of that name; how well it learns is not looked at here."""
    text = (files("workbench.demo") / "recipes/demo.yaml").read_text(encoding="utf-8")
    assert "steps: 100\n" in text
    (desk.home / "recipes").mkdir(parents=True)
    (desk.home / "recipes/demo.yaml").write_text(text.replace("steps: 100\n", "steps: 2\n"), encoding="utf-8")


@pytest.mark.slow
def test_every_command_of_the_guide_works(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    _save_model(tmp_path / "my-model", _qwen2)
    _save_alpaca(tmp_path / "my-data.jsonl", 300)
    _shorten_the_demo(desk)
    for kind, title, body in _blocks():
        if kind == "yaml" and title:
            (tmp_path / title).write_text(body)
        for command in _commands(body) if kind == "console" else ():
            if not command.startswith("workbench "):
                continue
            words = shlex.split(command)
            done = subprocess.run(
                [*COMMAND, *words[1:]],
                cwd=tmp_path,
                env=desk.environment() | {"OMP_NUM_THREADS": "1"},
                text=True,
                capture_output=True,
                check=False,
            )
            assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
            assert "Traceback" not in done.stderr
