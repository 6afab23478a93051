"""What torch and bitsandbytes can do here, really tried, as JSON: `python -P -m workbench.train.probe`.

For `workbench doctor`, which starts it as a child: a library that crashes or hangs brings nothing else down.
"""

import json
import sys
from typing import Any

import torch

from workbench.train.libraries import prepare_offline

_BLOCKSIZE = 64
_FEATURES = 256


def main() -> int:
    prepare_offline()
    print(json.dumps({"torch": read_torch(), "bitsandbytes": read_bitsandbytes()}))
    return 0


def read_torch() -> dict[str, Any]:
    """Version, the CUDA that it was built for, threads, and the devices that it really can use."""
    devices = range(torch.cuda.device_count()) if torch.cuda.is_available() else ()
    return {
        "version": torch.__version__,
        "cuda": torch.version.cuda,
        "threads": torch.get_num_threads(),
        "devices": [{"name": torch.cuda.get_device_name(index), "bf16": _has_bf16(index)} for index in devices],
    }


def _has_bf16(index: int) -> bool:
    with torch.cuda.device(index):
        return torch.cuda.is_bf16_supported(including_emulation=False)


def read_bitsandbytes() -> dict[str, Any]:
    """Version, the native library in use (null: none could be loaded), and an NF4 round trip on every kind of device.

    `avx512_bf16` and `kept` tell of the re-packing of 4-bit weights: whether it would happen on this CPU, and whether
    a layer as the workbench makes it came through an evaluation unchanged.
    """
    import bitsandbytes as bnb
    from bitsandbytes.cextension import lib
    from bitsandbytes.functional import has_avx512bf16

    devices = ["cpu", *(["cuda:0"] if torch.cuda.is_available() else [])]
    return {
        "version": bnb.__version__,
        "library": getattr(getattr(lib, "_lib", None), "_name", None),
        "nf4_error": {device: nf4_error(torch.device(device)) for device in devices},
        "avx512_bf16": bool(has_avx512bf16()),
        "kept": survives_evaluation(),
    }


def nf4_error(device: torch.device) -> float:
    """The relative error ‖W−Ŵ‖/‖W‖ of a Gaussian weight after its way into NF4 and back; .09 is right."""
    from bitsandbytes.functional import dequantize_4bit, quantize_4bit

    weight = _weight().to(device)
    stored, state = quantize_4bit(weight, blocksize=_BLOCKSIZE, quant_type="nf4")
    return float((weight - dequantize_4bit(stored, state)).norm() / weight.norm())


def survives_evaluation() -> bool:
    """Whether the stored bytes of one of our 4-bit layers are the same after an evaluation on the CPU."""
    import bitsandbytes as bnb

    from workbench.train.four_bit import make_4bit

    layer = make_4bit(_FEATURES, _FEATURES, False, _BLOCKSIZE, compute_dtype=torch.float32, quant_type="nf4")
    layer.weight = bnb.nn.Params4bit(_weight(), requires_grad=False, blocksize=_BLOCKSIZE, quant_type="nf4")
    layer = layer.to("cpu").eval()
    before = layer.weight.data.clone()
    with torch.no_grad():
        layer(torch.ones(2, _FEATURES))
    return torch.equal(before, layer.weight.data)


def _weight() -> torch.Tensor:
    return torch.randn(_FEATURES, _FEATURES, generator=torch.Generator().manual_seed(0))


if __name__ == "__main__":
    sys.exit(main())
