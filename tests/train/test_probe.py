"""The probe of the trainer's libraries, on the libraries themselves."""

import json
import subprocess
import sys

import pytest
import torch

from workbench.train import four_bit, probe


@pytest.mark.slow
def test_the_probe_tells_what_is_installed() -> None:
    done = subprocess.run([sys.executable, "-P", "-m", "workbench.train.probe"], capture_output=True, text=True)
    found = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert found["torch"]["version"] == torch.__version__
    assert found["bitsandbytes"]["library"].endswith(".so")
    assert found["bitsandbytes"]["kept"] is True
    assert found["bitsandbytes"]["nf4_error"]["cpu"] == pytest.approx(0.092, abs=0.002)


def test_our_layers_survive_an_evaluation_and_plain_ones_are_seen_to_change(monkeypatch: pytest.MonkeyPatch) -> None:
    assert probe.survives_evaluation()

    def pack(layer: torch.nn.Module) -> None:
        layer.support_avx512bf16_for_cpu = True

    monkeypatch.setattr(four_bit, "keep_unpacked", pack)
    assert not probe.survives_evaluation()
