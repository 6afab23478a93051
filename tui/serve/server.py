"""Binds, prints the address, and serves until it is told to end."""

import asyncio
import errno
import signal
import socket
import sys
from collections.abc import Callable, Sequence

from aiohttp import web

from tui.serve.gate import Gate, is_loopback
from tui.serve.web import Site
from workbench.errors import LockedError, UsageError, WorkbenchError
from workbench.run.layout import Home

_FAREWELL = 12.0


def command_of(home: Home, model: str, only_ascii: bool = False, sample: bool = False) -> list[str]:
    """The command that each tab runs."""
    flags = [*(["--ascii"] if only_ascii else []), *(["--sample"] if sample else [])]
    return [sys.executable, "-P", "-m", "tui.serve.child", str(home.path), model, *flags]


def serve(command: Sequence[str], host: str, port: int, say: Callable[[str], None]) -> None:
    """Serves the screens until SIGINT, SIGTERM or SIGHUP. Raises UsageError, LockedError, WorkbenchError."""
    with bound(host, port) as listening:
        asyncio.run(_serve(command, listening, say))


def bound(host: str, port: int) -> socket.socket:
    """A socket that listens on this machine alone. Raises UsageError, LockedError, WorkbenchError."""
    if not is_loopback(host):
        raise UsageError(
            f"--host {host}: the screens are served to this machine alone, as 127.0.0.1, localhost or ::1",
            f"from another machine, forward the port and open the printed address there: "
            f"ssh -L {port or 8000}:127.0.0.1:{port or 8000} THIS-MACHINE",
        )
    if not 0 <= port <= 65535:
        raise UsageError(f"--port {port}: a port is a number from 1 to 65535", "0 takes any free one")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host.strip("[]"), port), family=family)
    except OSError as error:
        raise _no_port(host, port, error) from error


def _no_port(host: str, port: int, error: OSError) -> WorkbenchError:
    if error.errno == errno.EADDRINUSE:
        return LockedError(
            f"port {port} of {host} is in use", "choose another: --port NUMBER, or --port 0 for any free one"
        )
    return WorkbenchError(f"cannot listen on {host}, port {port}: {error.strerror}", "choose another: --port 0")


async def _serve(command: Sequence[str], listening: socket.socket, say: Callable[[str], None]) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    host, port = listening.getsockname()[:2]
    gate = Gate(port)
    runner = web.AppRunner(Site(gate, command).application(), access_log=None, shutdown_timeout=_FAREWELL)
    await runner.setup()
    try:
        await web.SockSite(runner, listening).start()
        say(f"http://{f'[{host}]' if ':' in host else host}:{port}/?token={gate.token}")
        await ended.wait()
    finally:
        await runner.cleanup()
