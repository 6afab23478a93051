"""What the last bits of a result depend on beside the run itself: written into checkpoints, compared on resuming."""

import platform
from typing import Any

import torch

from workbench.run.repro import package_versions

_PACKAGES = ("adapter-workbench", "torch", "transformers", "peft", "bitsandbytes")


def circumstances(device: torch.device) -> dict[str, dict[str, Any]]:
    """Versions by package, and the machine: torch's name of the device, the processor, CPU threads."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    return {
        "versions": {"python": platform.python_version(), **package_versions(_PACKAGES)},
        "machine": {"device": f"{device.type} {name}", "threads": torch.get_num_threads()},
    }
