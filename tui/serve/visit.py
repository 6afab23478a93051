"""One tab of a browser: a process of the app, and the end of it."""

import asyncio
import contextlib
import os
import shlex
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence

from aiohttp import WSMsgType, web
from textual_serve.app_service import AppService
from textual_serve.download_manager import DownloadManager

GRACE = 5.0
_LARGEST = 1000


class Visit(AppService):
    """A process of the app that talks with one websocket and does not outlive it."""

    def __init__(self, command: Sequence[str], socket: web.WebSocketResponse, downloads: DownloadManager) -> None:
        super().__init__(
            shlex.join(command),
            write_bytes=socket.send_bytes,
            write_str=socket.send_str,
            close=self._close,
            download_manager=downloads,
        )
        self._words, self._socket = command, socket

    async def _close(self) -> None:
        await self._socket.close()

    async def _open_app_process(self, width: int = 80, height: int = 24) -> Process:
        """Without a shell in between, and in a session of its own: Ctrl-C at the server is not for it."""
        self._process = process = await asyncio.create_subprocess_exec(
            *self._words,
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            env=self._build_environment(width, height),
            start_new_session=True,
        )
        self._stdin = process.stdin
        return process

    async def run(self) -> None:
        """As the base does; an app that died without a word closes the page, too."""
        try:
            await super().run()
        except ConnectionError:
            pass  # the tab is gone: the websocket's own handler ends the process
        finally:
            await self._close()

    async def end(self) -> None:
        """Asks the app to leave, waits a little, then kills it. Runs are in sessions of their own and go on.

        A server that does not wait for this either leaves no process and no pipe behind.
        """
        process = self._process
        try:
            with contextlib.suppress(TimeoutError, ConnectionError):
                await asyncio.wait_for(self.stop(), GRACE)
            if process is not None:
                self.stdin.close()
                await asyncio.wait_for(process.wait(), GRACE)
        except TimeoutError:
            pass
        finally:
            if process is not None:
                await self._bury(process)

    async def _bury(self, process: Process) -> None:
        self.stdin.close()
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        with contextlib.suppress(ConnectionError, TimeoutError):
            await asyncio.wait_for(process.communicate(), GRACE)


async def pump(socket: web.WebSocketResponse, visit: Visit) -> None:
    """Hands what the page sends to the app until the page is closed; what makes no sense is left out."""
    async for message in socket:
        if message.type is not WSMsgType.TEXT:
            continue
        try:
            kind, *rest = message.json()
            await _hand_over(socket, visit, str(kind), rest)
        except (ValueError, TypeError, KeyError, IndexError):
            continue


async def _hand_over(socket: web.WebSocketResponse, visit: Visit, kind: str, rest: list[object]) -> None:
    if kind == "stdin":
        await visit.send_bytes(str(rest[0]).encode("utf-8", "replace"))
    elif kind == "resize" and isinstance(size := rest[0], dict):
        await visit.set_terminal_size(cells(size["width"], 80), cells(size["height"], 24))
    elif kind == "ping":
        await socket.send_json(["pong", rest[0]])
    elif kind == "blur":
        await visit.blur()
    elif kind == "focus":
        await visit.focus()


def cells(said: object, otherwise: int) -> int:
    """A width or height that a terminal can have."""
    try:
        return max(1, min(_LARGEST, int(str(said))))
    except ValueError:
        return otherwise
