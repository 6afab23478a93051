"""torch and bitsandbytes, as the trainer's own process finds them."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from workbench.doctor.check import Check, Place

# A Gaussian weight in NF4 with blocks of 64 is off by .092; bitsandbytes' fault with ragged rows gives .26.
_RIGHT_ERROR = (0.08, 0.105)
_REINSTALL = "pip install --force-reinstall torch bitsandbytes, at the versions of constraints.txt"


def check_libraries(place: Place) -> Iterator[Check]:
    """What the probe says; where it fails, runs would fail alike."""
    answer = place.probe()
    if answer.value is None:
        yield Check("torch", "failing", f"the trainer's libraries do not load: {answer.problem}", _REINSTALL)
        return
    yield judge_torch(answer.value["torch"])
    yield from judge_bitsandbytes(answer.value["bitsandbytes"])
    yield judge_repacking(answer.value["bitsandbytes"])


def judge_torch(found: Mapping[str, Any]) -> Check:
    """Version, threads, and the devices that can be used."""
    build = f"CUDA {found['cuda']}" if found["cuda"] else "CPU build"
    threads = f"{found['threads']} thread" + ("" if found["threads"] == 1 else "s")
    message = f"{found['version']} ({build}), {threads} unless a run sets its own"
    names = [f"{device['name']} {'with' if device['bf16'] else 'without'} bf16" for device in found["devices"]]
    message += f"; can use {', '.join(names)}" if names else ""
    if all(device["bf16"] for device in found["devices"]):
        return Check("torch", "ok", message)
    return Check("torch", "warning", message, "set compute_dtype: fp32 in recipes for the GPU without bf16")


def judge_bitsandbytes(found: Mapping[str, Any]) -> Iterator[Check]:
    """The native library, and whether 4-bit weights come back right."""
    if found["library"] is None:
        message = f"{found['version']}: its native library did not load"
        yield Check("bitsandbytes", "failing", message, "see python -m bitsandbytes; then " + _REINSTALL)
    else:
        yield Check("bitsandbytes", "ok", f"{found['version']} with {Path(found['library']).name}")
    low, high = _RIGHT_ERROR
    for device, error in found["nf4_error"].items():
        message = f"there and back on {device}: relative error {error:.4f}"
        if low < error < high:
            yield Check("nf4", "ok", message)
        else:
            yield Check("nf4", "failing", f"{message}, {low} to {high} is right", _REINSTALL)


def judge_repacking(found: Mapping[str, Any]) -> Check:
    """The trap that an evaluation re-packs 4-bit weights in place on CPUs with avx512_bf16."""
    if not found["kept"]:
        message = "an evaluation on the CPU re-packs 4-bit weights: training after it would be silently wrong"
        return Check("re-packing", "failing", message, "train on a GPU, and report this with the versions above")
    if found["avx512_bf16"]:
        return Check("re-packing", "ok", "the avx512_bf16 trap of bitsandbytes is there and is being avoided")
    return Check("re-packing", "ok", "no avx512_bf16: bitsandbytes would not re-pack 4-bit weights here")
