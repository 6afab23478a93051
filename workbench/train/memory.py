"""Memory in use and its peak: the allocator's on CUDA, the process's resident set on the CPU."""

import os
from pathlib import Path

import torch

_PAGE = os.sysconf("SC_PAGE_SIZE")


def used_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.memory_allocated(device)
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE


def peak_bytes(device: torch.device) -> int:
    """The highest use since the process began. On the CPU it includes the interpreter and the libraries."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return used_bytes(device)
