"""What is said before runs go into the queue: memory and disk that may not do. Estimates, so nothing is refused."""

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from workbench.run.checkpoints import estimated_bytes
from workbench.run.record import RunRecord

if TYPE_CHECKING:
    from workbench.run.layout import Home


def check_memory(records: Sequence[RunRecord], jobs: int) -> None:
    """Warns when the largest estimate does not fit into what is free for each of `jobs` runs at once."""
    from workbench.report.numbers import size
    from workbench.run.gpus import list_gpus
    from workbench.run.host_memory import available_memory

    gpus = list_gpus()
    free = min(gpu.free_bytes for gpu in gpus) if gpus else available_memory() // jobs
    largest = max(records, key=lambda record: record.predicted_bytes["total"])
    if (needed := largest.predicted_bytes["total"]) > free:
        print(
            f"warning: {largest.name} is estimated to need {size(needed)}, and {size(free)} are free for it: lower "
            "batch and raise accumulation, set gradient_checkpointing: true, or lower max_length",
            file=sys.stderr,
        )


def check_disk(home: "Home", records: Sequence[RunRecord]) -> None:
    """Warns when adapters and checkpoints of all these runs may not fit on the disk of the home."""
    from workbench.report.numbers import size

    needed, disk = sum(map(disk_bytes, records)), os.statvfs(home.path)
    if needed > (free := disk.f_bavail * disk.f_frsize):
        print(
            f"warning: {len(records)} runs may write {size(needed)} of adapters and checkpoints, and {size(free)} are "
            f"free in {home.path}: lower checkpoint_keep, or make room with `workbench runs rm --checkpoints RUN`",
            file=sys.stderr,
        )


def disk_bytes(record: RunRecord) -> int:
    """About what a run writes at most: its adapter in fp32, the checkpoints that it keeps and one that is on its way.

    A run that is shorter than `checkpoint_every` writes one only when it is stopped.
    """
    recipe, params = record.recipe, record.trainable_params
    every = recipe.get("checkpoint_every", 0)
    checkpoints = recipe.get("checkpoint_keep", 1) + 1 if 0 < every < (recipe.get("steps") or 0) else 0
    return 4 * params + checkpoints * estimated_bytes(params, recipe["optimizer"]) if params else 0
