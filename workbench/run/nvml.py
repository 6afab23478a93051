"""What NVML says of the GPUs of this machine, as JSON: `python -P -m workbench.run.nvml`.

A process of its own, so that the driver's library never enters a long-lived one, and a driver that hangs hangs this.
The answer: `driver`, `cuda` (the newest CUDA that the driver runs), and under `gpus`, in the order of the PCI bus, the
fields of `workbench.run.gpus.Gpu`, or `error` alone for a GPU that fell off. What a GPU does not tell is null.
Exit code 1, with the reason on stderr, where NVML cannot be used at all.
"""

import ctypes
import json
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

# On WSL2 it is often not on the library path. Once it is loaded, pynvml finds it by its name.
_WSL_LIBRARY = "/usr/lib/wsl/lib/libnvidia-ml.so.1"


def main() -> int:
    try:
        import pynvml
    except ImportError as error:
        print(f"nvidia-ml-py is not installed ({error})", file=sys.stderr)
        return 1
    with suppress(OSError):
        ctypes.CDLL(_WSL_LIBRARY, mode=ctypes.RTLD_GLOBAL)
    try:
        pynvml.nvmlInit()
        found = read_driver(pynvml)
    except pynvml.NVMLError as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(found))
    return 0


def read_driver(nvml: Any) -> dict[str, Any]:
    """The driver and its GPUs. Raises NVMLError when the driver itself does not answer."""
    return {
        "driver": nvml.nvmlSystemGetDriverVersion(),
        "cuda": _told(nvml, lambda: _cuda(nvml.nvmlSystemGetCudaDriverVersion_v2())),
        "gpus": [_read_or_error(nvml, index) for index in range(nvml.nvmlDeviceGetCount())],
    }


def _read_or_error(nvml: Any, index: int) -> dict[str, Any]:
    """One GPU that fell off its bus must not take the others with it."""
    try:
        return read_gpu(nvml, nvml.nvmlDeviceGetHandleByIndex(index))
    except nvml.NVMLError as error:
        return {"error": str(error)}


def read_gpu(nvml: Any, handle: Any) -> dict[str, Any]:
    """One GPU by its handle. Raises NVMLError when it does not even say what it is."""
    return {
        "uuid": nvml.nvmlDeviceGetUUID(handle),
        "name": nvml.nvmlDeviceGetName(handle),
        **read_memory(nvml, handle),
        **read_load(nvml, handle),
        "processes": _processes(nvml, handle),
    }


def read_memory(nvml: Any, handle: Any) -> dict[str, int | None]:
    """Bytes; null on GPUs that share the machine's memory. Raises NVMLError when the GPU is gone."""
    try:
        memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    except nvml.NVMLError_NotSupported:
        return {"memory_bytes": None, "used_bytes": None, "free_bytes": None}
    return {"memory_bytes": memory.total, "used_bytes": memory.used, "free_bytes": memory.free}


def read_load(nvml: Any, handle: Any) -> dict[str, float | None]:
    """How busy and how hot. Utilisation is not told of GPUs that are split by MIG."""
    use = _told(nvml, lambda: nvml.nvmlDeviceGetUtilizationRates(handle))
    power = _told(nvml, lambda: nvml.nvmlDeviceGetPowerUsage(handle))
    return {
        "gpu_percent": use.gpu if use else None,
        "memory_percent": use.memory if use else None,
        "celsius": _told(nvml, lambda: nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU)),
        "watts": power / 1000 if power is not None else None,
    }


def _processes(nvml: Any, handle: Any) -> list[dict[str, int | None]]:
    """Who computes on the GPU. The pids are those of the host, whatever container this runs in."""
    found = _told(nvml, lambda: nvml.nvmlDeviceGetComputeRunningProcesses(handle))
    return [{"pid": process.pid, "bytes": process.usedGpuMemory} for process in found or ()]


def _told(nvml: Any, ask: Callable[[], Any]) -> Any:
    """An answer that a GPU or a driver may not have."""
    try:
        return ask()
    except nvml.NVMLError:
        return None


def _cuda(version: int) -> str:
    """12040 is CUDA 12.4."""
    return f"{version // 1000}.{version % 1000 // 10}"


if __name__ == "__main__":
    sys.exit(main())
