"""The screens in a real headless Chromium: what it shows, what a key does, and what it is refused."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.faults.processes import wait_until
from tests.tui.browser import CHROMIUM, Page, browsing
from tests.tui.serving import SMALL_APP, children_of, listening, served

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")]

REFUSED = "document.body.innerText"


def browse(folder: Path, steps: Callable[[Page], Awaitable[None]]) -> None:
    async def run() -> None:
        async with browsing(folder) as page:
            await steps(page)

    asyncio.run(run())


def test_the_grid_is_shown_and_a_key_changes_a_cell(tmp_path: Path) -> None:
    with served(tmp_path / "home") as (address, process):

        async def steps(page: Page) -> None:
            await page.open(address)
            assert ">L16 <" in await page.shows("6 blocks × 7 modules")
            await page.type("-")
            assert await page.shows("> L8 <")
            assert await page.run("location.href") == address.split("?")[0]
            assert await page.run("document.cookie") == ""
            assert await page.run("document.fonts.check('16px \"Roboto Mono\"')")
            own = urlsplit(address).netloc
            assert {urlsplit(asked).netloc for asked in page.addresses()} == {own}
            told = [event["params"]["entry"] for event in page.events if event["method"] == "Log.entryAdded"]
            assert [entry["text"] for entry in told if entry["source"] in ("security", "network")] == []
            await page.type("q")
            await page.until_true("document.body.classList.contains('-closed')")
            assert "Runs go on" in await page.run("document.querySelector('.closed').innerText")
            await page.run("document.getElementById('again').click()")
            assert await page.shows("> L8 <")  # what was typed is still there

        browse(tmp_path, steps)
        assert process.poll() is None


def test_a_wrong_token_and_a_missing_cookie_are_refused(tmp_path: Path) -> None:
    with served(tmp_path / "home") as (address, process):

        async def steps(page: Page) -> None:
            own = address.split("?")[0]
            for wrong in (f"{own}?token=wrong", own):
                await page.open(wrong)
                assert page.statuses("/")[-1] == 403
                assert (await page.run(REFUSED)).startswith("refused: ")
            await page.open(address)
            await page.shows("6 blocks × 7 modules")
            await page.ask("Network.clearBrowserCookies")
            await page.open(address)
            assert "was used before" in await page.run(REFUSED)

        browse(tmp_path, steps)
        wait_until(lambda: children_of(process.pid) == [], 30)


_KNOCK = """
new Promise((done) => {
  const socket = new WebSocket("ws://%s/ws?width=80&height=24");
  socket.onmessage = () => done("let in");
  socket.onclose = () => done("refused");
})
"""


def test_a_page_of_another_port_is_refused_although_the_cookie_goes_with_it(tmp_path: Path) -> None:
    """Ports share cookies and are one site to SameSite: the origin alone tells such a page from ours."""
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "index.html").write_text("<p>another program of this machine</p>")
    with served(tmp_path / "home") as (address, _), listening(tmp_path / "foreign") as foreign:
        own = urlsplit(address).netloc

        async def steps(page: Page) -> None:
            await page.open(address)
            await page.shows("6 blocks × 7 modules")
            assert await page.run(_KNOCK % own) == "let in"
            await page.open(foreign)
            assert await page.run(_KNOCK % own) == "refused"
            await page.run(f"location.href = 'http://{own}/download/x'")
            await page.until_true("document.body.innerText.startsWith('refused: another page')")

        browse(tmp_path, steps)


def test_a_file_that_the_app_gives_is_downloaded(tmp_path: Path) -> None:
    app = tmp_path / "small.py"
    app.write_text(SMALL_APP)
    with served(tmp_path / "home", app=app) as (address, _):

        async def steps(page: Page) -> None:
            await page.open(address)
            await page.shows("a small app")
            await page.type("d")
            target = tmp_path / "downloads" / "rows é.csv"
            await page.until(lambda: target.exists() and target.stat().st_size == 200_000)
            assert target.read_bytes() == b"1,2\n" * 50_000

        browse(tmp_path, steps)
