"""Who may come in, decided without a server."""

import pytest

from tui.serve.gate import Gate, is_loopback, is_own_host, is_own_page, is_prefetch
from tui.serve.visit import cells


def test_a_token_opens_once() -> None:
    gate = Gate(8000)
    assert not gate.redeem("")
    assert not gate.redeem(gate.token[:-1])
    assert not gate.redeem("\udcff é")
    assert gate.redeem(gate.token)
    assert not gate.redeem(gate.token)


def test_two_servers_share_no_secret_and_no_cookie_name() -> None:
    one, two = Gate(8000), Gate(8001)
    assert len({one.token, one.cookie, two.token, two.cookie}) == 4
    assert not two.knows({one.cookie_name: one.cookie, two.cookie_name: one.cookie})
    assert one.knows({one.cookie_name: one.cookie})
    assert not one.knows({})


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost", "LOCALHOST:1", "[::1]:9000", "127.1.2.3:80"])
def test_names_of_this_machine(host: str) -> None:
    assert is_own_host(host)


@pytest.mark.parametrize(
    "host", ["", "evil.example", "localhost.evil.example:8000", "10.0.0.1", "127.0.0.1:80:80", "a@127.0.0.1", "[::1"]
)
def test_other_names_are_refused(host: str) -> None:
    assert not is_own_host(host)


@pytest.mark.parametrize(("name", "own"), [("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False)])
def test_which_hosts_can_be_served_on(name: str, own: bool) -> None:
    assert is_loopback(name) is own


@pytest.mark.parametrize(
    ("headers", "download", "websocket"),
    [
        ({"Origin": "http://localhost:8000"}, True, True),
        ({"Origin": "http://localhost:8001"}, False, False),
        ({"Origin": "https://localhost:8000"}, False, False),
        ({"Origin": "null"}, False, False),
        ({}, True, False),
        ({"Sec-Fetch-Site": "same-origin"}, True, False),
        ({"Sec-Fetch-Site": "same-site"}, False, False),
        ({"Sec-Fetch-Site": "cross-site"}, False, False),
    ],
)
def test_which_pages_may_ask(headers: dict[str, str], download: bool, websocket: bool) -> None:
    asked = {"Host": "localhost:8000", **headers}
    assert is_own_page(asked, must_say=False) is download
    assert is_own_page(asked, must_say=True) is websocket


def test_asking_ahead_is_told_apart() -> None:
    assert is_prefetch({"Sec-Purpose": "prefetch;prerender"})
    assert not is_prefetch({})


@pytest.mark.parametrize(("said", "size"), [("120", 120), ("0", 1), (10**9, 1000), ("x", 80), (None, 80)])
def test_sizes_that_a_terminal_can_have(said: object, size: int) -> None:
    assert cells(said, 80) == size
