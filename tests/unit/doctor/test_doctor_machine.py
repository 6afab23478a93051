"""What the checks make of the machine: parsing and judging, on written files."""

import os
from pathlib import Path
from typing import Any

import pytest

from workbench.doctor.disk import hub_cache, judge_mount, space_state
from workbench.doctor.gpu import describe_gpu, judge_driver
from workbench.doctor.libraries import judge_bitsandbytes, judge_repacking, judge_torch
from workbench.doctor.logind import LogoutRules, read_rules
from workbench.doctor.logout import Session, judge_logout, systemd_group
from workbench.doctor.mounts import Mount, mount_of
from workbench.doctor.processor import cpu_features
from workbench.doctor.python import judge_packages, read_tested
from workbench.doctor.system import is_wsl1, judge_clock, judge_limits
from workbench.doctor.terminal import judge_terminal
from workbench.run.gpus import DriverReport, Gpu, GpuProcess
from workbench.run.layout import Home

GPU = Gpu(
    "GPU-a", "NVIDIA H200", 150_000_000_000, 100_000_000_000, 97, None, 61, 512.5, (GpuProcess(1 << 30, 5 << 20),)
)


def test_packages_are_held_against_their_pins() -> None:
    wanted = ["rich>=14", "typer<0.1", "no-such-package>=1", "pytest>=99; extra == 'dev'", "ruff; python_version<'3'"]
    first, second, rest = judge_packages(wanted, {"rich": "1.0"})
    assert (first.state, first.fix) == ("failing", "pip install 'typer<0.1'")
    assert first.message.endswith("is installed, <0.1 is needed")
    assert second.message == "no-such-package is not installed, >=1 is needed"
    assert rest.state == "ok"
    assert rest.message.startswith("1 are as pinned: rich ")
    assert rest.message.endswith("(tested with 1.0)")


def test_tested_versions_are_known_where_the_file_is(tmp_path: Path) -> None:
    (tmp_path / "constraints.txt").write_text("# torch==1\nruamel.yaml==0.19.1\nhuggingface_hub==2.4.0\n")
    assert read_tested(tmp_path / "constraints.txt") == {"ruamel-yaml": "0.19.1", "huggingface-hub": "2.4.0"}
    assert read_tested(tmp_path / "gone.txt") == {}


@pytest.mark.parametrize(
    ("report", "cuda", "state", "words"),
    [
        (DriverReport(), None, "ok", "no GPU, and a torch for the CPU"),
        (DriverReport(), "13.0", "warning", "torch is built for CUDA 13.0, and no GPU answers"),
        (DriverReport("580", "13.0", (GPU,)), None, "warning", "torch is built without CUDA"),
        (DriverReport("535", "12.2", (GPU,)), "13.0", "failing", "535, runs CUDA up to 12.2; torch needs CUDA 13.0"),
        (DriverReport("580", "13.1", (GPU,)), "13.0", "ok", "torch is built for CUDA 13.0"),
        (DriverReport("580", None, (GPU,)), "13.0", "ok", "an unknown version"),
    ],
)
def test_torch_and_driver_must_fit(report: DriverReport, cuda: str | None, state: str, words: str) -> None:
    check = judge_driver(report, cuda)
    assert check.state == state
    assert words in check.message
    assert bool(check.fix) == (state != "ok")


def test_a_gpu_is_described_with_its_users() -> None:
    check = describe_gpu(GPU, seen=True)
    assert check.message == (
        "NVIDIA H200 (GPU-a): 100 GB of 150 GB free, 97 % busy, 61 °C, 512 W; used by pid 1073741824 5.24 MB"
    )
    assert describe_gpu(GPU, seen=False).fix == "change or unset CUDA_VISIBLE_DEVICES"


def test_libraries_are_judged_by_what_they_do() -> None:
    torch = {"version": "2.13.0", "cuda": "13.0", "threads": 1, "devices": [{"name": "GTX 1080", "bf16": False}]}
    assert judge_torch(torch).state == "warning"
    assert judge_torch({**torch, "devices": []}).message == "2.13.0 (CUDA 13.0), 1 thread unless a run sets its own"
    found: dict[str, Any] = {"version": "0.50", "library": None, "nf4_error": {"cpu": 0.092, "cuda:0": 0.258}}
    assert [check.state for check in judge_bitsandbytes(found)] == ["failing", "ok", "failing"]
    [good, *_] = judge_bitsandbytes({**found, "library": "/somewhere/lib_cpu.so"})
    assert (good.state, good.message) == ("ok", "0.50 with lib_cpu.so")
    assert judge_repacking({"kept": False, "avx512_bf16": True}).state == "failing"
    assert "is being avoided" in judge_repacking({"kept": True, "avx512_bf16": True}).message


def test_flags_of_the_processor() -> None:
    assert cpu_features("processor : 0\nflags\t\t: fpu avx2 avx512_bf16\n\nflags : other\n") == {
        *("fpu", "avx2", "avx512_bf16"),
    }
    assert cpu_features("Features : fp asimd\n") == {"fp", "asimd"}
    assert cpu_features("") == set()


def test_the_mount_of_a_path_is_the_deepest_and_latest(tmp_path: Path) -> None:
    real = Path(os.path.realpath(tmp_path))
    (real / "a b/inner").mkdir(parents=True)
    info = real / "mountinfo"
    blank = str(real / "a b").replace(" ", "\\040")
    info.write_text(
        "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"
        f"30 27 0:40 / {blank} rw,relatime shared:1 - ext4 /dev/vdb rw\n"
        f"31 27 0:41 / {blank} ro,relatime - nfs4 server:/x rw\n"
        f"32 27 0:42 / {real}/other rw - tmpfs tmpfs rw\n"
    )
    assert mount_of(real / "a b/inner", info) == Mount(real / "a b", "nfs4", True)
    assert mount_of(real, info) == Mount(Path("/"), "ext4", False)
    info.write_text("")
    assert mount_of(real, info) is None


@pytest.mark.parametrize(
    ("kind", "read_only", "state"),
    [
        *(("ext4", False, "ok"), ("overlay", False, "ok"), ("ext4", True, "failing")),
        *(("nfs4", False, "warning"), ("9p", False, "warning"), ("fuse.sshfs", False, "warning")),
        ("tmpfs", False, "warning"),
    ],
)
def test_homes_belong_on_local_disks(kind: str, read_only: bool, state: str) -> None:
    check = judge_mount(Mount(Path("/data"), kind, read_only), Home(Path("/data/.workbench")))
    assert check.state == state
    assert bool(check.fix) == (state != "ok")


def test_space() -> None:
    assert [space_state(n) for n in (10**8, 10**9, 10**10)] == ["failing", "warning", "ok"]


def test_the_hub_cache_is_where_the_library_puts_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    assert hub_cache(os.environ) == Path(constants.HF_HUB_CACHE)
    monkeypatch.setenv("HOME", "/h")
    assert hub_cache({"HF_HUB_CACHE": "/a", "HF_HOME": "/b"}) == Path("/a")
    assert hub_cache({"HF_HOME": "~/b", "XDG_CACHE_HOME": "/c"}) == Path("/h/b/hub")
    assert hub_cache({"XDG_CACHE_HOME": "/c"}) == Path("/c/huggingface/hub")
    assert hub_cache({}) == Path("/h/.cache/huggingface/hub")


@pytest.mark.parametrize(
    ("size", "environment", "is_utf8", "fix"),
    [
        ((80, 24), {"TERM": "xterm-256color", "COLORTERM": "truecolor", "TMUX": "x"}, True, ""),
        ((79, 24), {"TERM": "xterm"}, True, "make the window at least 80×24"),
        ((200, 50), {"TERM": "dumb"}, True, "set TERM, for instance to xterm-256color"),
        ((200, 50), {"TERM": "xterm"}, False, "use a UTF-8 locale: export LANG=C.UTF-8"),
        (None, {}, True, ""),
    ],
)
def test_terminals(size: tuple[int, int] | None, environment: dict[str, str], is_utf8: bool, fix: str) -> None:
    check = judge_terminal(size, environment, is_utf8)
    assert (check.fix, check.state) == (fix, "warning" if fix else "ok")


def test_a_terminal_in_words() -> None:
    assert judge_terminal((120, 40), {"TERM": "xterm", "STY": "1"}, True).message == (
        "120×40, colours of xterm, UTF-8, in screen"
    )
    assert "no colours" in judge_terminal(None, {"TERM": "xterm", "NO_COLOR": "1"}, True).message


def _conf(folder: Path, name: str, *lines: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("[Login]\n" + "".join(f"{line}\n" for line in lines))


def test_the_rules_of_logind_by_rank_and_name(tmp_path: Path) -> None:
    etc, usr = tmp_path / "etc", tmp_path / "usr"
    assert read_rules((etc, usr)) == LogoutRules(None)
    _conf(usr, "logind.conf", "#KillUserProcesses=no", "#KillExcludeUsers=root")
    assert read_rules((etc, usr)) == LogoutRules(False)
    _conf(usr, "logind.conf.d/50-kill.conf", "KillUserProcesses = yes", "KillExcludeUsers=root ada")
    assert read_rules((etc, usr)) == LogoutRules(True, (), ("root", "ada"))
    _conf(etc, "logind.conf.d/50-kill.conf", "KillUserProcesses=1", "KillOnlyUsers=eve")  # in the other's place
    assert read_rules((etc, usr)) == LogoutRules(True, ("eve",))
    _conf(usr, "logind.conf.d/90-late.conf", "KillUserProcesses=off")
    assert read_rules((etc, usr)) == LogoutRules(False, ("eve",))
    _conf(etc, "logind.conf", "KillExcludeUsers=")
    assert read_rules((etc, usr)).spared_users == ()


def test_whom_a_logout_hits() -> None:
    assert LogoutRules(True).hits("root") is False
    assert LogoutRules(True).hits("ada") is True
    assert LogoutRules(True, ("eve",)).hits("ada") is False
    assert LogoutRules(None).hits("ada") is None


LOGIN, SERVICE = (
    "/user.slice/user-1000.slice/session-3.scope",
    "/user.slice/user-1000.slice/user@1000.service/app.slice",
)


@pytest.mark.parametrize(
    ("kills", "group", "lingers", "state"),
    [
        (True, LOGIN, True, "warning"),  # lingering alone does not keep what is in the session's scope
        (False, LOGIN, False, "ok"),
        (None, LOGIN, False, "warning"),
        (True, SERVICE, True, "ok"),
        (False, SERVICE, False, "warning"),
        (True, "/system.slice/cron.service", False, "ok"),
    ],
)
def test_what_a_logout_does_depends_on_where_one_is(kills: bool | None, group: str, lingers: bool, state: str) -> None:
    check = judge_logout(LogoutRules(kills), Session("ada", lingers, group))
    assert check.state == state
    assert ("enable-linger" in check.fix) == (state != "ok")


def test_the_group_that_systemd_knows() -> None:
    assert systemd_group("4:memory:/other\n1:name=systemd:/user.slice/session-1.scope\n0::/x\n").endswith("1.scope")
    assert systemd_group(f"0::{SERVICE}\n") == SERVICE
    assert systemd_group("") == ""


def test_limits() -> None:
    assert judge_limits(4096, -1, -1, 0).message == "4,096 open files, no core files"
    assert judge_limits(-1, -1, -1, -1).message == "no limit on open files, core files are written"
    tight = judge_limits(256, 10**9, 10**6, 0)
    assert (tight.state, tight.fix) == ("warning", "ulimit -n 4096; ulimit -v unlimited; ulimit -f unlimited")


def test_clock_and_kernel() -> None:
    assert judge_clock(2e9, 1e9, "0123456789").message == "2033-05-18 03:33 UTC, boot id 01234567"
    assert judge_clock(1e9, 2e9, "0123456789").state == "warning"
    assert is_wsl1("4.4.0-19041-Microsoft")
    assert not is_wsl1("5.15.90.1-microsoft-standard-WSL2")
