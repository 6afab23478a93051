"""GPUs as the driver tells of them: the real child process with a stand-in for NVIDIA's library."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.unit.run.nvml_stand_in import GONE, H200, SHARED, SPLIT, write_stand_in
from workbench.run import gpus
from workbench.run.gpus import Gpu, GpuProcess, ask_driver, gpus_now, list_gpus, parse_torch_version, visible

A = Gpu(
    "GPU-a1", "NVIDIA H200", 150_000, 100_000, 97, 41, 61, 512.5, (GpuProcess(4711, 49_000), GpuProcess(4712, None))
)
B = Gpu("GPU-b1", "NVIDIA A100", 80_000, 79_000)


class Machine:
    """A machine with a driver, which plays what it is given."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch
        (folder / "nvidiactl").touch()
        patch.setattr(gpus, "_DRIVER_MARKS", (folder / "nvidiactl",))
        patch.setattr(gpus, "torch_cuda", lambda: "13.0")
        patch.setenv("PYTHONPATH", str(write_stand_in(folder)))
        patch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        gpus.list_gpus.cache_clear()

    def plays(self, *found: dict[str, Any], **rest: Any) -> None:
        self._patch.setenv("STAND_IN", json.dumps({"gpus": found, **rest}))


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


def test_everything_that_the_driver_tells_is_read(machine: Machine) -> None:
    machine.plays(H200, SPLIT)
    report = ask_driver()
    assert (report.driver, report.cuda, report.problems) == ("580.95.05", "13.0", ())
    assert report.gpus == (A, B)


def test_a_gpu_that_falls_off_does_not_take_the_others_along(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.plays(GONE, H200, {**SPLIT, "lost": True}, SHARED, SPLIT)
    report = ask_driver()
    assert report.gpus == (A, B)
    assert report.problems == (
        "GPU 0: GPU is lost",
        "GPU 2: GPU is lost",
        "GPU 3: NVIDIA GB10 does not tell its memory",
    )
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,1")
    assert gpus_now() == (B, A)  # places keep their numbers


def test_the_list_is_asked_once_and_now_is_asked_again(machine: Machine) -> None:
    machine.plays(H200)
    assert list_gpus() == gpus_now() == (A,)
    machine.plays({**H200, "memory": [150_000, 0], "processes": []})
    assert list_gpus() == (A,)
    [now] = gpus_now()
    assert (now.free_bytes, now.processes) == (150_000, ())


def test_a_driver_that_hangs_is_given_up(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.plays(hangs=True)
    monkeypatch.setattr(gpus, "_SECONDS", 0.5)
    report = ask_driver()
    assert (report.gpus, report.problems) == ((), ("the driver did not answer within 0.5 s",))


def test_a_driver_that_refuses_is_quoted(machine: Machine) -> None:
    machine.plays(fails="Driver Not Loaded")
    assert ask_driver().problems == ("Driver Not Loaded",)
    assert gpus_now() == ()


def test_without_the_library_there_is_no_gpu(machine: Machine, tmp_path: Path) -> None:
    machine.plays(H200)
    (tmp_path / "pynvml.py").write_text("raise ImportError('no such module')")
    assert ask_driver().problems == ("nvidia-ml-py is not installed (no such module)",)


def test_the_real_library_says_that_there_is_no_driver_here() -> None:
    if any(mark.exists() for mark in gpus._DRIVER_MARKS):
        pytest.skip("there is a driver here")
    done = subprocess.run([sys.executable, "-P", "-m", "workbench.run.nvml"], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "NVML Shared Library Not Found\n")


def test_no_child_is_started_where_there_is_no_driver_or_no_cuda(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.plays(H200)
    monkeypatch.setattr(gpus, "_COMMAND", ("/no/such/program",))
    monkeypatch.setattr(gpus, "torch_cuda", lambda: None)
    assert gpus_now() == ()
    monkeypatch.setattr(gpus, "torch_cuda", lambda: "13.0")
    monkeypatch.setattr(gpus, "_DRIVER_MARKS", (tmp_path / "none",))
    assert gpus_now() == ()


@pytest.mark.parametrize(
    ("text", "cuda"),
    [
        ("__version__ = '2.13.0+cpu'\ncuda: Optional[str] = None\nhip: Optional[str] = None\n", None),
        ("__version__ = '2.13.0'\ndebug = False\ncuda: Optional[str] = '13.0'\n", "13.0"),
        ("cuda = '12.8'\n", "12.8"),
        ("__version__ = '2.13.0'\n", None),
    ],
)
def test_torch_says_in_a_file_what_it_was_built_for(tmp_path: Path, text: str, cuda: str | None) -> None:
    (tmp_path / "version.py").write_text(text)
    assert parse_torch_version(tmp_path / "version.py") == cuda
    assert parse_torch_version(tmp_path / "gone.py") is None


def test_the_installed_torch_is_asked_without_importing_it() -> None:
    code = "import sys; from workbench.run.gpus import torch_cuda; print(torch_cuda(), 'torch' in sys.modules)"
    found = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, env={**os.environ})
    import torch

    assert found.stdout.split() == [str(torch.version.cuda), "False"]


@pytest.mark.parametrize(
    ("wanted", "uuids"),
    [
        (None, ["GPU-a1", "GPU-a2", "GPU-b1"]),
        ("", []),
        ("3,0", ["GPU-b1", "GPU-a1"]),
        ("GPU-b", ["GPU-b1"]),
        ("GPU-a", []),  # fits two
        ("1,7,0", ["GPU-a2"]),
        ("1,2,0", ["GPU-a2"]),  # the third is not there any more
        ("0,0", ["GPU-a1"]),
        ("-1", []),
    ],
)
def test_only_visible_gpus_count(wanted: str | None, uuids: list[str]) -> None:
    first, second, last = (Gpu(uuid, "a GPU", 1, 1) for uuid in ("GPU-a1", "GPU-a2", "GPU-b1"))
    assert [gpu.uuid for gpu in visible((first, second, None, last), wanted)] == uuids
