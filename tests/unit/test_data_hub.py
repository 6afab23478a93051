"""Hub data sets, from a cache that `datasets` itself wrote, without a network."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from workbench.data.hub import HubName, hub_name
from workbench.data.source import is_hub

pytestmark = pytest.mark.slow

OLD, NEW = "0" * 40, "1" * 40
READ = """
import json, sys
from workbench.data.load import read_source
from workbench.errors import WorkbenchError
from workbench.run.recipe import Recipe
answers = []
for data, revision in json.loads(sys.argv[1]):
    try:
        source = read_source(data, Recipe(data, revision=revision))
        answers.append({"pairs": [[e.prompt, e.completion] for e in source.examples], **source.record()})
    except WorkbenchError as error:
        answers.append({"code": error.exit_code, "title": error.title, "hint": error.hint})
print(json.dumps(answers))
"""
READ_CHOICES = """
import json
from workbench.data.choices import read_choices
from workbench.run.recipe import Recipe
sources = read_choices(Recipe("data.jsonl", choices=("acme/sums#test",))).values()
print(json.dumps([
    {"questions": [[q.question, q.choices, q.answer, q.subject] for q in source.questions], **source.record()}
    for source in sources
]))
"""
# Builds in the cache what a download of acme/sums leaves there.
FILL = """
import sys
from pathlib import Path
from datasets.data_files import DataFilesDict
from datasets.packaged_modules.json.json import Json, JsonConfig
cache, *builds = sys.argv[1:]
for data, commit in zip(builds[::2], builds[1::2]):
    files = DataFilesDict.from_patterns({"train": [data], "test": [data]})
    builder = type("Sums", (Json,), {"BUILDER_CONFIGS": [JsonConfig(name="main", data_files=files)]})
    builder(cache, "sums", "main", hash=commit).download_and_prepare()
Path(cache, "sums").rename(Path(cache, "acme___sums"))
"""


def _run(code: str, cache: Path, *arguments: str) -> str:
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(cache), "HF_DATASETS_CACHE": str(cache)}
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, *arguments], env=environment, text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _read(cache: Path, *asked: tuple[str, str | None]) -> list[dict[str, Any]]:
    return json.loads(_run(READ, cache, json.dumps(asked)))


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hub")
    for name in ("old", "new"):
        rows = [{"prompt": f"{i}+1=", "completion": name} for i in range(3)]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    files = [str(folder / "old.jsonl"), OLD, str(folder / "new.jsonl"), NEW]
    _run(FILL, folder / "cache", str(folder / "cache"), *files)
    return folder / "cache"


def test_a_cached_data_set_is_read_offline_and_anything_else_refused(cache: Path) -> None:
    asked: list[tuple[str, str | None]] = [("acme/sums:main", OLD), ("acme/sums#test", NEW), ("acme/sums", None)]
    asked += [("acme/sums", "f" * 40), ("acme/sums", "v2"), ("acme/sums#dev", None), ("acme/sums:other", None)]
    asked += [("nobody/nothing", None)]
    old, new, newest, *refused = _read(cache, *asked)
    assert (old["pairs"][0], old["hub"], old["revision"]) == (["0+1=", "old"], "acme/sums:main#train", OLD)
    assert (new["pairs"][0], new["hub"], new["revision"]) == (["0+1=", "new"], "acme/sums#test", NEW)
    assert newest == {**new, "hub": "acme/sums#train"}
    assert old["sha256"] != new["sha256"]
    assert [answer["code"] for answer in refused] == [4, 4, 3, 3, 4]
    words = (NEW, NEW, "Unknown split", "Available configs in the cache: ['main']", "the hub cannot be reached")
    assert all(word in answer["title"] for word, answer in zip(words, refused, strict=True))


def test_questions_are_read_from_the_hub_too(tmp_path: Path) -> None:
    rows = [
        {"question": f"{i} + 1?", "choices": ["1", str(i + 1)], "answer": 1, "subject": "sums"} for i in range(3, 6)
    ]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    cache = tmp_path / "cache"
    _run(FILL, cache, str(cache), str(tmp_path / "a.jsonl"), NEW)
    (found,) = json.loads(_run(READ_CHOICES, cache))
    assert found["questions"] == [[row["question"], row["choices"], 1, "sums"] for row in rows]
    assert (found["hub"], found["revision"], found["examples"]) == ("acme/sums#test", NEW, 3)


def test_hub_names_and_paths_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert hub_name("tatsu-lab/alpaca") == HubName("tatsu-lab/alpaca", None, "train")
    assert hub_name("openai/gsm8k:main#test") == HubName("openai/gsm8k", "main", "test")
    assert str(HubName("openai/gsm8k", "main", "test")) == "openai/gsm8k:main#test"
    for path in ("alpaca", "a/b/c", "/a/b", "./a", "~/a", "a/b.jsonl", "a/b.CSV"):
        assert is_hub(path) is None
    (tmp_path / "a").mkdir()
    (tmp_path / "a/b").mkdir()
    monkeypatch.chdir(tmp_path)
    assert is_hub("a/b") is None
