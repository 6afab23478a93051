"""A `pynvml` of our own in the place of NVIDIA's, since there is no GPU here: the child that imports it is real."""

from pathlib import Path

SOURCE = """
import json, os, sys, time
from types import SimpleNamespace


class NVMLError(Exception):
    pass


class NVMLError_NotSupported(NVMLError):
    pass


class NVMLError_GpuIsLost(NVMLError):
    pass


NVML_TEMPERATURE_GPU = 0
SCENE = json.loads(os.environ["STAND_IN"])
GPUS = SCENE.get("gpus", [])


def _tell(gpu, key):
    if gpu.get("lost"):
        raise NVMLError_GpuIsLost("GPU is lost")
    if gpu.get(key) is None:
        raise NVMLError_NotSupported("Not Supported")
    return gpu[key]


def nvmlInit():
    if SCENE.get("hangs"):
        print("asked", file=sys.stderr, flush=True)
        time.sleep(600)
    if SCENE.get("fails"):
        raise NVMLError(SCENE["fails"])


def nvmlShutdown():
    pass


def nvmlSystemGetDriverVersion():
    return SCENE.get("driver", "580.95.05")


def nvmlSystemGetCudaDriverVersion_v2():
    return 13000


def nvmlDeviceGetCount():
    return len(GPUS)


def nvmlDeviceGetHandleByIndex(index):
    if GPUS[index].get("gone"):
        raise NVMLError_GpuIsLost("GPU is lost")
    return GPUS[index]


def nvmlDeviceGetHandleByUUID(uuid):
    for gpu in GPUS:
        if gpu["uuid"] == uuid:
            return gpu
    raise NVMLError("Not Found")


def nvmlDeviceGetUUID(gpu):
    return _tell(gpu, "uuid")


def nvmlDeviceGetName(gpu):
    return _tell(gpu, "name")


def nvmlDeviceGetMemoryInfo(gpu):
    total, used = _tell(gpu, "memory")
    return SimpleNamespace(total=total, used=used, free=total - used)


def nvmlDeviceGetUtilizationRates(gpu):
    percent, memory = _tell(gpu, "use")
    return SimpleNamespace(gpu=percent, memory=memory)


def nvmlDeviceGetTemperature(gpu, sensor):
    return _tell(gpu, "celsius")


def nvmlDeviceGetPowerUsage(gpu):
    return _tell(gpu, "milliwatts")


def nvmlDeviceGetComputeRunningProcesses(gpu):
    return [SimpleNamespace(pid=pid, usedGpuMemory=used) for pid, used in _tell(gpu, "processes")]
"""

H200 = {
    "uuid": "GPU-a1",
    "name": "NVIDIA H200",
    "memory": [150_000, 50_000],
    "use": [97, 41],
    "celsius": 61,
    "milliwatts": 512_500,
    "processes": [[4711, 49_000], [4712, None]],
}
SPLIT = {"uuid": "GPU-b1", "name": "NVIDIA A100", "memory": [80_000, 1_000]}  # by MIG: the rest is not told
SHARED = {"uuid": "GPU-c1", "name": "NVIDIA GB10", "use": [0, 0]}
GONE = {"uuid": "GPU-d1", "name": "NVIDIA H200", "gone": True}


def write_stand_in(folder: Path) -> Path:
    """Writes the module; the folder belongs on PYTHONPATH, and what it plays, as JSON, in STAND_IN."""
    (folder / "pynvml.py").write_text(SOURCE)
    return folder
