"""Memory limits, read from files as the kernel writes them."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.memory_group import memory_group
from workbench.run import endings, host_memory
from workbench.run.cgroups import MemoryGroup, memory_groups, unescaped
from workbench.run.endings import oom_kills
from workbench.run.host_memory import available_memory, memory_limits, total_memory

GB = 1_000_000_000
UNLIMITED_1 = "9223372036854771712"


def _proc(folder: Path, cgroup: str, *mounts: str) -> Path:
    """A /proc/self with these groups and mounts; `{at}` stands for the folder of the hierarchies."""
    proc = folder / "proc"
    proc.mkdir()
    (proc / "cgroup").write_text(cgroup)
    (proc / "mountinfo").write_text("".join(line.format(at=folder) + "\n" for line in mounts))
    return proc


def _group(folder: Path, version: int, limit: str, used: int, cached: int = 0) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    names = {1: ("limit_in_bytes", "usage_in_bytes", "total_inactive_file"), 2: ("max", "current", "inactive_file")}
    limit_name, used_name, key = names[version]
    (folder / f"memory.{limit_name}").write_text(f"{limit}\n")
    (folder / f"memory.{used_name}").write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 1\n{key} {cached}\nslab 7\n")


V1 = "35 31 0:32 {root} {{at}}/memory rw,relatime - cgroup cgroup rw,memory"
V2 = "30 23 0:26 {root} {{at}}/unified rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate"
OTHER = "31 31 0:29 / {at}/cpu rw,relatime - cgroup cgroup rw,cpu,cpuacct"


def test_version_2_counts_the_tightest_group_on_the_way_up(tmp_path: Path) -> None:
    proc = _proc(tmp_path, "0::/user.slice/runs\n", OTHER, V2.format(root="/"))
    top = tmp_path / "unified"
    _group(top / "user.slice", 2, str(4 * GB), 3 * GB, cached=GB)
    _group(top / "user.slice/runs", 2, "max", 2 * GB)
    [group] = memory_groups(proc)
    assert group == MemoryGroup(2, top / "user.slice/runs", top)
    [limit] = memory_limits([group])
    assert (limit.group, limit.limit_bytes, limit.used_bytes) == (top / "user.slice", 4 * GB, 2 * GB)
    assert limit.free_bytes == 2 * GB
    _group(top / "user.slice/runs", 2, str(2 * GB), 3 * GB)
    assert [limit.free_bytes for limit in memory_limits([group])] == [0, 2 * GB]


def test_version_1_knows_its_own_word_for_no_limit(tmp_path: Path) -> None:
    proc = _proc(tmp_path, "4:memory:/job/one\n3:cpuset:/\n", OTHER, V1.format(root="/"))
    top = tmp_path / "memory"
    _group(top, 1, UNLIMITED_1, 9 * GB)
    _group(top / "job", 1, str(GB), GB // 2)
    _group(top / "job/one", 1, UNLIMITED_1, GB // 2)
    [group] = memory_groups(proc)
    assert [limit.group for limit in memory_limits([group])] == [top / "job"]
    assert memory_limits([group])[0].free_bytes == GB // 2


def test_a_hybrid_host_has_the_controller_in_one_of_both(tmp_path: Path) -> None:
    proc = _proc(tmp_path, "4:memory:/job\n0::/job\n", V1.format(root="/"), V2.format(root="/"))
    (tmp_path / "unified/job").mkdir(parents=True)
    _group(tmp_path / "memory/job", 1, str(GB), 0)
    assert [group.version for group in memory_groups(proc)] == [1, 2]
    assert [limit.group for limit in memory_limits(memory_groups(proc))] == [tmp_path / "memory/job"]


@pytest.mark.parametrize(
    ("path", "root", "folder"),
    [
        ("/", "/", ""),  # a namespace of its own
        ("/docker/abc", "/docker/abc", ""),  # the host's path, of which a part is mounted
        ("/docker/abc/inner", "/docker/abc", "inner"),
        ("/elsewhere", "/docker/abc", ""),  # not to be seen from here: the mounted one limits us at least
        ("/../outside", "/", ""),
        ("/gone", "/", ""),
    ],
)
def test_a_container_sees_its_group_where_it_is_mounted(tmp_path: Path, path: str, root: str, folder: str) -> None:
    proc = _proc(tmp_path, f"0::{path}\n", V2.format(root=root))
    (tmp_path / "unified/inner").mkdir(parents=True)
    assert [group.folder for group in memory_groups(proc)] == [tmp_path / "unified" / folder]


def test_without_groups_the_machine_is_the_limit(tmp_path: Path) -> None:
    assert memory_groups(tmp_path) == []
    assert memory_groups(_proc(tmp_path, "3:cpuset:/\n0::/\n", OTHER)) == []
    assert memory_limits([]) == []
    assert memory_limits([MemoryGroup(2, tmp_path, tmp_path)]) == []
    assert unescaped(r"/a\040b\134c") == r"/a b\c"


def test_this_machine_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert 0 < available_memory() <= total_memory()
    _group(tmp_path, 2, str(GB), GB - 1000)
    monkeypatch.setattr(host_memory, "memory_groups", lambda: [MemoryGroup(2, tmp_path, tmp_path)])
    assert available_memory() == 1000


@pytest.mark.parametrize(("version", "name"), [(1, "memory.oom_control"), (2, "memory.events")])
def test_kills_for_memory_are_counted_in_either_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: int, name: str
) -> None:
    group = MemoryGroup(1 if version == 1 else 2, tmp_path, tmp_path)
    monkeypatch.setattr(endings, "memory_groups", lambda: [MemoryGroup(2, tmp_path / "gone", tmp_path), group])
    (tmp_path / name).write_text("under_oom 0\noom 9\noom_kill 3\n")
    assert oom_kills() == 3


# The parent of the process that is killed looks before and after, as the shim does.
REAL = """
import subprocess, sys
from workbench.run.endings import oom_kills
from workbench.run.host_memory import available_memory
before = oom_kills()
killed = subprocess.run([sys.executable, "-c", "x = bytearray(400_000_000)"]).returncode
print(available_memory(), oom_kills() - before, killed)
"""


def test_a_real_group_limits_and_kills() -> None:
    limit = 200_000_000
    with memory_group(limit) as enter:
        if enter is None:
            pytest.skip("no control group can be made here")
        done = subprocess.run([sys.executable, "-P", "-c", REAL], capture_output=True, text=True, preexec_fn=enter)
    available, kills, killed = map(int, done.stdout.split())
    assert limit / 2 < available < limit
    assert (kills, killed) == (1, -9)
