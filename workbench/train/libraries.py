"""What every program that trains or loads a model does before it does so: offline, threads, and no chatter."""

import gc
import importlib
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Lets what is imported meanwhile stay without ever being looked through for garbage.

    Libraries make some million objects that live as long as the process: looking through them again and again takes a
    seventh of what a trainer needs to start.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def prepare_offline() -> None:
    """Keeps bitsandbytes from looking for kernels on the hub and saying that it found none. Imports nothing slow."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)


def prepare_libraries() -> None:
    """The same, and torch's threads as OMP_NUM_THREADS has them; transformers and peft keep quiet too."""
    prepare_offline()
    _load_bitsandbytes()
    _load_losses()
    import torch
    from transformers.utils import logging as transformers_logging

    if threads := os.environ.get("OMP_NUM_THREADS"):
        torch.set_num_threads(int(threads))
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")  # peft reads an old attribute


def load_libraries() -> None:
    """All that the commands for adapters and weights import, as fast as a trainer does; at once where it was done."""
    with uncollected():
        prepare_libraries()
        importlib.import_module("peft")


def _load_bitsandbytes() -> None:
    """Imports it without torch's compiler, which takes a third of the time that a trainer needs to start.

    It wraps four of its plain functions in `torch.compile` and takes them as they are where that raises. Kernels of
    its own stand for them on CPUs and CUDA devices, so the wrappers would not be called there.
    """
    import torch

    if "bitsandbytes" in sys.modules:
        return
    compile_ = torch.compile
    torch.compile = _refuse  # type: ignore[assignment]
    try:
        importlib.import_module("bitsandbytes")
    finally:
        torch.compile = compile_


def _load_losses() -> None:
    """Imports transformers' losses without scipy, which those for object detection alone would use."""
    from transformers import utils

    known = utils.is_scipy_available
    utils.is_scipy_available = lambda: False
    try:
        importlib.import_module("transformers.loss.loss_utils")
    finally:
        utils.is_scipy_available = known


def _refuse(*_: object, **__: object) -> None:
    raise RuntimeError("nothing is compiled while bitsandbytes is imported")
