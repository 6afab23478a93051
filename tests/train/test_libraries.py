"""What is loaded before a training run, and how."""

import subprocess
import sys

import pytest

CODE = """
import gc, sys
from workbench.train.libraries import prepare_libraries, uncollected
with uncollected():
    prepare_libraries()
    import workbench.train.train_run
    assert not gc.isenabled()
assert gc.isenabled()
import bitsandbytes.backends.default.ops as ops
import torch
from transformers.utils import is_scipy_available
print("scipy" in sys.modules, is_scipy_available(), gc.get_freeze_count() > 500_000)
print("torch._inductor.compile_fx" in sys.modules, hasattr(ops._dequantize_4bit_compute, "__wrapped__"))
print(torch.compile.__module__)
"""


@pytest.mark.slow
def test_a_trainer_loads_neither_the_compiler_nor_scipy_and_the_libraries_keep_theirs() -> None:
    """Fails when bitsandbytes no longer goes on with its plain functions, or transformers takes scipy elsewhere.

    Then a start takes a third longer again.
    """
    done = subprocess.run([sys.executable, "-P", "-c", CODE], text=True, capture_output=True, check=True)
    assert done.stdout.split() == ["False", "True", "True", "False", "False", "torch"]
