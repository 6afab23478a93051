"""What all tests share: properties have no deadline, since a busy machine is not a fault, and GPUs are out of sight.

Expected figures, and what is compared bit by bit, are those of the CPU; `benchmarks/gpu.py` is for GPUs. Whoever sets
CUDA_VISIBLE_DEVICES has the tests on one all the same.
"""

import os

from hypothesis import settings

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
settings.register_profile("workbench", deadline=None)
settings.load_profile("workbench")
