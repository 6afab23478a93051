"""`workbench serve` as a process: the address, a taken port, and what is left when it ends."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from tests.faults.processes import wait_until
from tests.tui.serving import children_of, is_alive, served
from tui.serve.server import bound
from workbench.errors import LockedError, UsageError


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "workstation.example"])
def test_other_machines_are_told_how_to_forward_the_port(host: str) -> None:
    with pytest.raises(UsageError) as refused:
        bound(host, 9000)
    assert host in refused.value.title
    assert "ssh -L 9000:127.0.0.1:9000" in refused.value.hint


def test_a_port_in_use_is_named_with_a_way_out() -> None:
    with bound("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(LockedError) as refused:
            bound("127.0.0.1", port)
    assert f"port {port} of 127.0.0.1" in refused.value.title
    assert "--port 0" in refused.value.hint


def test_a_port_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="from 1 to 65535"):
        bound("127.0.0.1", 70000)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_the_apps_end_with_the_server(tmp_path: Path, number: signal.Signals) -> None:
    async def look(address: str, process: "subprocess.Popen[str]") -> list[int]:
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(cookie_jar=jar) as session:
            page = await session.get(address)
            assert page.status == 200
            origin = f"{page.url.scheme}://{page.url.host}:{page.url.port}"
            async with session.ws_connect(f"{origin}/ws?width=100&height=30", headers={"Origin": origin}) as pipe:
                seen = b""
                while b"6 blocks" not in seen:
                    seen += await pipe.receive_bytes(timeout=60)
                apps = children_of(process.pid)
                os.kill(process.pid, number)
                await asyncio.to_thread(process.wait, 30)
                return apps

    with served(tmp_path / "home") as (address, process):
        apps = asyncio.run(look(address, process))
        assert len(apps) == 1
        assert process.returncode == (-signal.SIGKILL if number == signal.SIGKILL else 0)
        wait_until(lambda: not any(map(is_alive, apps)), 30)


@pytest.mark.slow
def test_a_tab_begins_as_the_flags_say(tmp_path: Path) -> None:
    async def look(address: str) -> str:
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(cookie_jar=jar) as session:
            page = await session.get(address)
            origin = f"{page.url.scheme}://{page.url.host}:{page.url.port}"
            async with session.ws_connect(f"{origin}/ws?width=120&height=36", headers={"Origin": origin}) as pipe:
                seen = b""
                while b"SAMPLE study" not in seen or b"esc" not in seen:
                    seen += await pipe.receive_bytes(timeout=60)
        return seen.decode()

    with served(tmp_path / "home", flags=("--ascii", "--sample")) as (address, _):
        assert asyncio.run(look(address)).isascii()


@pytest.mark.slow
def test_the_command_says_what_is_wrong_with_a_host(tmp_path: Path) -> None:
    command = [sys.executable, "-P", "-m", "workbench.cli.main", "serve", "--host", socket.gethostname() + ".example"]
    done = subprocess.run(command, text=True, capture_output=True, cwd=tmp_path, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "ssh -L" in done.stderr
