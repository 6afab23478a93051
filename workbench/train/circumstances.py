"""What the last bits of a result depend on beside the run itself: written into checkpoints, compared on resuming."""

import platform
from typing import Any

import torch

from workbench.run.repro import package_versions

_PACKAGES = ("adapter-workbench", "torch", "transformers", "peft", "bitsandbytes")


def machine_name(device: torch.device) -> str:
    """What the device is: a GPU's name, else the processor's architecture."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()


def circumstances(device: torch.device) -> dict[str, dict[str, Any]]:
    """Versions by package, and the machine: torch's name of the device, the processor, CPU threads."""
    return {
        "versions": {"python": platform.python_version(), **package_versions(_PACKAGES)},
        "machine": {"device": f"{device.type} {machine_name(device)}", "threads": torch.get_num_threads()},
    }
