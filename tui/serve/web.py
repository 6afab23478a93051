"""The web application: a page, its files, a websocket and downloads, all of them behind the gate."""

import html
from collections.abc import Awaitable, Callable, Sequence
from importlib.resources import files
from pathlib import Path
from string import Template
from urllib.parse import quote

from aiohttp import web
from textual_serve.download_manager import DownloadManager

from tui.serve.gate import Gate, is_own_host, is_own_page, is_prefetch
from tui.serve.visit import Visit, cells, pump

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

# The terminal writes style elements as it draws; everything else comes from this server alone.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; font-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_PAGE = Path(str(files("tui.serve"))) / "page"
_THEIRS = Path(str(files("textual_serve"))) / "static"


def refused(why: str) -> web.Response:
    """A plain page that says why nothing is shown."""
    text = f"refused: {why}\n\nStart `workbench serve` anew for an address that opens once. Runs go on meanwhile.\n"
    return web.Response(text=text, status=403)


class Site:
    """What is served: `command` is run once for each tab."""

    def __init__(self, gate: Gate, command: Sequence[str]) -> None:
        self._gate, self._command = gate, command
        self._downloads = DownloadManager()
        self._open: set[web.WebSocketResponse] = set()

    def application(self) -> web.Application:
        app = web.Application(middlewares=[self._guard])
        app.router.add_get("/", self._page, allow_head=False)
        app.router.add_get("/ws", self._websocket, allow_head=False)
        app.router.add_get("/download/{key}", self._download, allow_head=False)
        app.router.add_static("/static", _THEIRS)
        app.router.add_static("/page", _PAGE)
        app.on_response_prepare.append(_add_headers)
        app.on_shutdown.append(self._close_all)
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if not is_own_host(request.headers.get("Host", "")):
            return refused("the address does not name this machine")
        if request.path == "/" and "token" in request.query:
            return self._let_in(request)
        if not self._gate.knows(request.cookies):
            return refused("this browser has not come in by the address that was printed")
        if _is_guarded(request.path) and not is_own_page(request.headers, must_say=request.path == "/ws"):
            return refused("another page asks for it")
        return await handler(request)

    def _let_in(self, request: web.Request) -> web.Response:
        """Turns the token into a cookie, and the address into one without the token."""
        known = self._gate.knows(request.cookies)
        if not known and (is_prefetch(request.headers) or not self._gate.redeem(request.query["token"])):
            return refused("the token is wrong or was used before")
        answer = web.Response(status=303, headers={"Location": "/"})
        gate = self._gate
        if not known:
            answer.set_cookie(gate.cookie_name, gate.cookie, httponly=True, samesite="Strict", path="/")
        return answer

    async def _page(self, request: web.Request) -> web.Response:
        text = Template((_PAGE / "index.html").read_text("utf-8")).substitute(
            websocket=html.escape(f"ws://{request.host}/ws"),
            font_size=min(40, cells(request.query.get("fontsize"), 16)),
        )
        return web.Response(text=text, content_type="text/html")

    async def _websocket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(heartbeat=15)
        await socket.prepare(request)
        visit = Visit(self._command, socket, self._downloads)
        self._open.add(socket)
        try:
            await visit.start(cells(request.query.get("width"), 80), cells(request.query.get("height"), 24))
            await pump(socket, visit)
        finally:
            self._open.discard(socket)
            await visit.end()
        return socket

    async def _download(self, request: web.Request) -> web.StreamResponse:
        key = request.match_info["key"]
        try:
            wanted = await self._downloads.get_download_metadata(key)
        except KeyError:
            return web.Response(text="this download is over, or there never was one\n", status=404)
        answer = web.StreamResponse()
        answer.content_type = "application/octet-stream"  # it is kept, never shown as a page of this server
        answer.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(wanted.file_name, safe='')}"
        await answer.prepare(request)
        async for chunk in self._downloads.download(key):
            await answer.write(chunk)
        await answer.write_eof()
        return answer

    async def _close_all(self, app: web.Application) -> None:
        for socket in list(self._open):
            await socket.close()


def _is_guarded(path: str) -> bool:
    return path == "/ws" or path.startswith("/download/")


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)
