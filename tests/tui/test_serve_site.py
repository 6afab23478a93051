"""The web application itself, asked by a client: what it lets in, what it refuses, and what it hands out."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import CookieJar, WSServerHandshakeError
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from tests.tui.serving import SMALL_APP
from tui.serve.gate import Gate
from tui.serve.web import Site

Steps = Callable[["Visitor"], Awaitable[None]]


class Visitor:
    """A client that keeps cookies, the gate it stands before, and the origin that a page of the server has."""

    def __init__(self, client: TestClient, gate: Gate) -> None:  # type: ignore[type-arg]
        self.client, self.gate = client, gate
        self.origin = {"Origin": f"http://{client.host}:{client.port}"}

    async def come_in(self) -> None:
        answer = await self.client.get("/", params={"token": self.gate.token})
        assert answer.status == 200

    async def status(self, path: str, **headers: str) -> int:
        answer = await self.client.get(path, headers=headers, allow_redirects=False)
        if answer.status == 403:
            assert answer.content_type == "text/plain"
            assert (await answer.text()).startswith("refused: ")
        return answer.status

    async def websocket_status(self, headers: dict[str, str]) -> int:
        try:
            socket = await self.client.ws_connect("/ws", headers=headers)
        except WSServerHandshakeError as refused:
            return refused.status
        await socket.close()
        return 101


def visit(steps: Steps, command: tuple[str, ...] = ("cat",)) -> None:
    async def run() -> None:
        gate, jar = Gate(8000), CookieJar(unsafe=True)  # one that takes cookies of bare addresses, as browsers do
        server = TestServer(Site(gate, command).application())
        async with TestClient(server, cookie_jar=jar) as client:
            await steps(Visitor(client, gate))

    asyncio.run(run())


def test_the_token_becomes_a_cookie_that_scripts_and_other_sites_do_not_get() -> None:
    async def steps(visitor: Visitor) -> None:
        gate = visitor.gate
        answer = await visitor.client.get("/", params={"token": gate.token}, allow_redirects=False)
        assert (answer.status, answer.headers["Location"]) == (303, "/")
        cookie = answer.headers["Set-Cookie"]
        assert cookie.startswith(f"{gate.cookie_name}={gate.cookie};")
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert gate.token not in cookie
        assert await visitor.status("/") == 200

    visit(steps)


def test_a_token_cannot_be_used_twice_but_its_own_browser_is_not_sent_away() -> None:
    async def steps(visitor: Visitor) -> None:
        await visitor.come_in()
        assert await visitor.status(f"/?token={visitor.gate.token}") == 303
        visitor.client.session.cookie_jar.clear()
        assert await visitor.status(f"/?token={visitor.gate.token}") == 403

    visit(steps)


def test_a_wrong_token_is_refused_and_does_not_use_up_the_right_one() -> None:
    async def steps(visitor: Visitor) -> None:
        assert await visitor.status("/?token=wrong") == 403
        assert await visitor.status("/?token=") == 403
        assert await visitor.status(f"/?token={visitor.gate.token}", **{"Sec-Purpose": "prefetch"}) == 403
        assert await visitor.status(f"/?token={visitor.gate.token}") == 303

    visit(steps)


def test_without_the_cookie_nothing_is_handed_out() -> None:
    async def steps(visitor: Visitor) -> None:
        for path in ("/", "/static/js/textual.js", "/page/page.js", "/download/x", "/nothing"):
            assert await visitor.status(path) == 403
        assert await visitor.websocket_status(visitor.origin) == 403
        visitor.client.session.cookie_jar.update_cookies(
            {visitor.gate.cookie_name: "guess"}, visitor.client.make_url("/")
        )
        assert await visitor.status("/") == 403

    visit(steps)


def test_foreign_pages_are_refused_although_the_browser_has_the_cookie() -> None:
    async def steps(visitor: Visitor) -> None:
        await visitor.come_in()
        foreign = {"Origin": "http://evil.example"}
        assert await visitor.websocket_status(foreign) == 403
        assert await visitor.websocket_status({}) == 403
        assert await visitor.websocket_status({"Origin": f"http://localhost:{visitor.client.port}1"}) == 403
        assert await visitor.status("/download/x", **foreign) == 403
        assert await visitor.status("/download/x", **{"Sec-Fetch-Site": "same-site"}) == 403
        assert await visitor.status("/download/x", **visitor.origin) == 404

    visit(steps)


def test_a_foreign_name_for_this_machine_is_refused_before_the_token_is_looked_at() -> None:
    async def steps(visitor: Visitor) -> None:
        token = visitor.gate.token
        assert await visitor.status(f"/?token={token}", Host="evil.example") == 403
        assert await visitor.status(f"/?token={token}") == 303
        assert await visitor.status("/", Host="evil.example") == 403

    visit(steps)


def test_the_page_links_to_nothing_outside_and_is_kept_by_a_policy() -> None:
    async def steps(visitor: Visitor) -> None:
        await visitor.come_in()
        answer = await visitor.client.get("/", params={"fontsize": '20"><script>'})
        text = await answer.text()
        own = f"ws://{visitor.client.host}:{visitor.client.port}/ws"
        assert own in text
        assert "://" not in text.replace(own, "")
        assert "<script>" not in text
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'; script-src 'self';" in policy
        assert answer.headers["Cache-Control"] == "no-store"
        styles = await (await visitor.client.get("/page/page.css")).text()
        assert "://" not in styles

    visit(steps)


@pytest.mark.parametrize("path", ["/page/../gate.py", "/page/%2e%2e/gate.py", "/static/../server.py", "/page/"])
def test_files_beside_the_page_are_not_handed_out(path: str) -> None:
    async def steps(visitor: Visitor) -> None:
        await visitor.come_in()
        address = URL(f"{visitor.origin['Origin']}{path}", encoded=True)
        answer = await visitor.client.session.get(address)
        assert answer.status in (403, 404)

    visit(steps)


@pytest.mark.slow
def test_the_app_draws_takes_keys_gives_a_file_and_ends_with_the_page(tmp_path: Path) -> None:
    app = tmp_path / "small.py"
    app.write_text(SMALL_APP)

    async def steps(visitor: Visitor) -> None:
        await visitor.come_in()
        socket = await visitor.client.ws_connect("/ws?width=60&height=10", headers=visitor.origin)
        seen = b""
        while b"a small app" not in seen:
            seen += await socket.receive_bytes(timeout=30)
        for nonsense in ("[", "7", "[]", '["stdin"]', '["resize", 3]', '["resize", {"width": "x"}]', '["stdin", "d"]'):
            await socket.send_str(nonsense)
        key = ""
        while not key:
            message = await socket.receive(timeout=30)
            key = message.json()[1] if isinstance(message.data, str) else ""
        answer = await visitor.client.get(f"/download/{key}")
        assert answer.headers["Content-Disposition"] == "attachment; filename*=UTF-8''rows%20%C3%A9.csv"
        assert answer.content_type == "application/octet-stream"
        assert await answer.read() == b"1,2\n" * 50_000
        assert await visitor.status(f"/download/{key}") == 404
        await socket.close()

    visit(steps, (sys.executable, "-P", str(app)))


@pytest.mark.slow
def test_an_app_that_dies_closes_its_page(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    async def steps(visitor: Visitor) -> None:
        await visitor.come_in()
        socket = await visitor.client.ws_connect("/ws", headers=visitor.origin)
        await socket.receive(timeout=30)
        assert socket.closed

    visit(steps, (sys.executable, "-P", "-c", "raise SystemExit('the model is gone')"))
    assert "the model is gone" in capfd.readouterr().out
