import os
from pathlib import Path

import pytest

from workbench.errors import UsageError
from workbench.run import slots
from workbench.run.gpus import Gpu
from workbench.run.handoff import Handoff, outer_environment, read_handoff, trainer_environment
from workbench.run.layout import Home
from workbench.run.slots import Slot, acquire, cpu_slots, machine_slots


def _with_gpus(patch: pytest.MonkeyPatch, *uuids: str) -> None:
    patch.setattr(slots, "list_gpus", lambda: [Gpu(uuid, "a GPU", 1, 1) for uuid in uuids])


def test_gpus_are_taken_one_run_each_before_they_are_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    _with_gpus(monkeypatch, "GPU-a", "GPU-b")
    labels = [slot.label for slot in machine_slots(3)]
    assert labels == ["GPU-a.0", "GPU-b.0", "GPU-a.1", "GPU-b.1"]
    assert machine_slots(1, "cpu") == cpu_slots(1)


def test_without_a_gpu_there_are_cpu_slots(monkeypatch: pytest.MonkeyPatch) -> None:
    _with_gpus(monkeypatch)
    assert machine_slots(2) == [Slot("cpu", 0, "cpu"), Slot("cpu", 1, "cpu")]
    with pytest.raises(UsageError, match="no GPU"):
        machine_slots(1, "gpu")
    with pytest.raises(UsageError, match="at least 1"):
        machine_slots(0)


def test_a_slot_is_leased_to_one(tmp_path: Path) -> None:
    home = Home(tmp_path)
    first, second = (acquire(home, cpu_slots(2)) for _ in range(2))
    assert first is not None
    assert second is not None
    assert [first.slot.label, second.slot.label] == ["cpu.0", "cpu.1"]
    assert acquire(home, cpu_slots(2)) is None
    first.close()
    again = acquire(home, cpu_slots(2))
    assert again is not None
    assert again.slot == first.slot
    again.close()
    second.close()


def test_what_is_handed_to_a_shim_arrives() -> None:
    handoff = Handoff("cpu.1", 7, 8, 2, 3, True, 10**9, command="workbench run 'my plan'")
    assert read_handoff(handoff.environment()) == handoff
    assert read_handoff({}) == Handoff()
    assert read_handoff({"WORKBENCH_GRACE": "1.5"}).grace == 1.5


@pytest.mark.parametrize("devices", [None, "", "0,1"])
def test_what_a_trainer_has_started_sees_every_device_again(
    devices: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if devices is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", devices)
    before = outer_environment(os.environ)
    slot = Slot("GPU-1", 0, "gpu").environment
    trainer = {**trainer_environment(tmp_path, 3), **slot, **Handoff("GPU-1.0").environment()}
    assert trainer["WORKBENCH_ATTEMPT"] == "3"
    assert outer_environment(trainer).get("CUDA_VISIBLE_DEVICES") == devices
    assert set(outer_environment(trainer)) - set(before) == {"CUDA_DEVICE_ORDER"}
