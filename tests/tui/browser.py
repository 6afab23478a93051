"""A real headless Chromium, told what to do over its debugging protocol, and what its terminal shows."""

import asyncio
import contextlib
import json
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SECONDS = 40
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
    "--window-size=1300,900",
)
# The page keeps its terminal in a closure; the first object that is given a `terminal` tells where it is.
_CATCH = """
Object.defineProperty(Object.prototype, "terminal", {
  configurable: true,
  set(value) {
    window.__terminal = value;
    Object.defineProperty(this, "terminal", { value, writable: true, configurable: true, enumerable: true });
  },
});
"""
_TEXT = """
(() => {
  const buffer = window.__terminal?.buffer.active;
  return buffer ? [...Array(window.__terminal.rows).keys()].map(
    (row) => buffer.getLine(buffer.viewportY + row)?.translateToString(true) ?? "").join("\\n") : "";
})()
"""


class Page:
    """One tab."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket, self._last = socket, 0
        self.events: list[dict[str, Any]] = []

    async def ask(self, method: str, **params: Any) -> Any:
        """The answer to a command of the protocol; events that come meanwhile are kept."""
        self._last += 1
        await self._socket.send_json({"id": self._last, "method": method, "params": params})
        while True:
            message = json.loads((await self._socket.receive(SECONDS)).data)
            if message.get("id") == self._last:
                assert "error" not in message, message
                return message["result"]
            self.events.append(message)

    async def run(self, script: str) -> Any:
        answer = await self.ask("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def open(self, address: str) -> None:
        """Opens an address and waits until it is loaded."""
        self.events.clear()
        await self.ask("Page.navigate", url=address)
        await self.until(lambda: any(event.get("method") == "Page.loadEventFired" for event in self.events))

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(SECONDS):
            while not holds():
                await self.run("0")
                await asyncio.sleep(0.05)

    async def until_true(self, script: str) -> None:
        async with asyncio.timeout(SECONDS):
            while not await self.run(script):
                await asyncio.sleep(0.1)

    async def screen(self) -> str:
        """The text that the terminal in the page holds."""
        return str(await self.run(_TEXT))

    async def shows(self, text: str) -> str:
        """Waits until the terminal shows this text."""
        seen = ""
        try:
            async with asyncio.timeout(SECONDS):
                while text not in (seen := await self.screen()):
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise AssertionError(f"{text!r} is not on the screen:\n{seen}") from None
        return seen

    async def type(self, text: str) -> None:
        for char in text:
            await self.ask("Input.dispatchKeyEvent", type="keyDown", key=char, text=char)
            await self.ask("Input.dispatchKeyEvent", type="keyUp", key=char)

    def statuses(self, path: str) -> list[int]:
        """What the server said to requests for this path since the page was opened."""
        answers = [
            event["params"]["response"] for event in self.events if event["method"] == "Network.responseReceived"
        ]
        return [answer["status"] for answer in answers if path in answer["url"]]

    def addresses(self) -> list[str]:
        """All that was asked for since the page was opened."""
        sent = [event["params"] for event in self.events if event["method"] == "Network.requestWillBeSent"]
        return [params["request"]["url"] for params in sent]


@contextlib.asynccontextmanager
async def browsing(folder: Path) -> AsyncIterator[Page]:
    """A tab of a browser that has its profile, and its downloads, in this folder."""
    assert CHROMIUM is not None
    command = [CHROMIUM, *_FLAGS, f"--user-data-dir={folder / 'profile'}", "about:blank"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        async with aiohttp.ClientSession() as session:
            address = await _address(session, folder / "profile" / "DevToolsActivePort")
            async with session.ws_connect(address, max_msg_size=0) as socket:
                page = Page(socket)
                for domain in ("Page", "Network", "Runtime", "Log"):
                    await page.ask(f"{domain}.enable")
                await page.ask("Page.addScriptToEvaluateOnNewDocument", source=_CATCH)
                downloads = str(folder / "downloads")
                await page.ask("Browser.setDownloadBehavior", behavior="allow", downloadPath=downloads)
                yield page
    finally:
        process.terminate()
        process.wait()


async def _address(session: aiohttp.ClientSession, port_file: Path) -> str:
    """Where the tab that was opened with the browser listens."""
    async with asyncio.timeout(SECONDS):
        while not (port_file.exists() and len(port_file.read_text().split()) == 2):
            await asyncio.sleep(0.05)
        port = port_file.read_text().split()[0]
        while True:
            async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
                for target in await answer.json():
                    if target["type"] == "page":
                        return str(target["webSocketDebuggerUrl"])
            await asyncio.sleep(0.05)
