import os

import pytest

from workbench.run.process import ProcessId, ProcessStat, boot_id, identify, is_alive, parse_stat, stat_of


@pytest.mark.parametrize("name", ["python", "a) S 1 (b", "two words", "()"])
def test_the_stat_is_read_whatever_the_process_is_called(name: str) -> None:
    rest = " ".join(["Z", "17", *map(str, range(5, 22)), "4711", "0", "0"])
    assert parse_stat(f"123 ({name}) {rest}\n") == ProcessStat("Z", 17, 4711)


def test_this_process_is_itself() -> None:
    this = identify(os.getpid())
    stat = stat_of(os.getpid())
    assert stat is not None
    assert stat.parent == os.getppid()
    assert is_alive(this)
    assert not is_alive(ProcessId(this.pid, this.start_ticks + 1, this.boot_id))
    assert this.boot_id == boot_id()


def test_no_process_has_no_identity() -> None:
    assert stat_of(2**22 + 1) is None
    with pytest.raises(ProcessLookupError):
        identify(2**22 + 1)
