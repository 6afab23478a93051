"""What is loaded before a training run, and how."""

import subprocess
import sys

import pytest

CODE = """
import sys
from workbench.train.libraries import prepare_libraries
prepare_libraries()
import bitsandbytes.backends.default.ops as ops
import torch
print("torch._inductor.compile_fx" in sys.modules, hasattr(ops._dequantize_4bit_compute, "__wrapped__"))
print(torch.compile.__module__)
"""


@pytest.mark.slow
def test_bitsandbytes_comes_without_the_compiler_and_torch_keeps_its_own() -> None:
    """Fails when bitsandbytes no longer goes on with its plain functions: then a start takes a third longer again."""
    done = subprocess.run([sys.executable, "-P", "-c", CODE], text=True, capture_output=True, check=True)
    assert done.stdout.split() == ["False", "False", "torch"]
