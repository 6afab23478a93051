"""GPUs and their driver, against what torch was built for."""

import os
from collections.abc import Iterator

from workbench.doctor.check import Check, Place
from workbench.report.numbers import size
from workbench.run.gpus import DriverReport, Gpu, ask_driver, torch_cuda, visible
from workbench.run.lock_holders import describe_process

_CUDA_TORCH = "pip install --force-reinstall torch (what PyPI has for Linux is built for CUDA)"
_BINDING = "pip install nvidia-ml-py"
_DRIVER = (
    "see nvidia-smi and the kernel's words: dmesg | grep -i nvrm; a container needs its GPUs passed in (--gpus all)"
)
_CPU_TORCH = "pip install --force-reinstall torch --index-url https://download.pytorch.org/whl/cpu"


def check_gpus(place: Place) -> Iterator[Check]:
    """The driver, and every GPU with who uses it."""
    report, cuda = ask_driver(), torch_cuda()
    for problem in report.problems:
        yield Check("gpu", "failing", problem, _BINDING if "nvidia-ml-py" in problem else _DRIVER)
    yield judge_driver(report, cuda)
    seen = visible(report.places, os.environ.get("CUDA_VISIBLE_DEVICES"))
    for gpu in report.gpus:
        yield describe_gpu(gpu, gpu in seen)


def judge_driver(report: DriverReport, cuda: str | None) -> Check:
    """`cuda`: what torch was built for."""
    if not report.gpus:
        if cuda is None:
            return Check("gpu driver", "ok", "no GPU, and a torch for the CPU: runs use the CPU")
        fix = f"install NVIDIA's driver and see nvidia-smi; without a GPU a smaller torch will do: {_CPU_TORCH}"
        return Check("gpu driver", "warning", f"torch is built for CUDA {cuda}, and no GPU answers", fix)
    found = f"{report.driver}, runs CUDA up to {report.cuda or 'an unknown version'}"
    if cuda is None:
        return Check("gpu driver", "warning", f"{found}; but torch is built without CUDA", _CUDA_TORCH)
    if report.cuda and _major(report.cuda) < _major(cuda):
        fix = f"install a newer driver, or a torch for CUDA {report.cuda}"
        return Check("gpu driver", "failing", f"{found}; torch needs CUDA {cuda}", fix)
    return Check("gpu driver", "ok", f"{found}; torch is built for CUDA {cuda}")


def describe_gpu(gpu: Gpu, seen: bool) -> Check:
    """A line for one GPU. `seen`: whether CUDA_VISIBLE_DEVICES leaves it to runs."""
    parts = [f"{gpu.name} ({gpu.uuid}): {size(gpu.free_bytes)} of {size(gpu.memory_bytes)} free"]
    loads = ((gpu.gpu_percent, "% busy"), (gpu.celsius, "°C"), (gpu.watts, "W"))
    parts += [f"{value:.0f} {unit}" for value, unit in loads if value is not None]
    users = [f"{describe_process(p.pid)} {size(p.memory_bytes)}" for p in gpu.processes]
    message = ", ".join(parts) + (f"; used by {', '.join(users)}" if users else "")
    if not seen:
        return Check("gpu", "warning", f"{message}; hidden from runs", "change or unset CUDA_VISIBLE_DEVICES")
    return Check("gpu", "ok", message)


def _major(version: str) -> int:
    return int(version.split(".")[0])
