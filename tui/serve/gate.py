"""Who may come in: the token that is printed once, the cookie that it becomes, and the pages that may ask."""

import hmac
import re
import secrets
from collections.abc import Mapping
from ipaddress import ip_address

_HOST = re.compile(r"(?P<name>\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+)(?::\d{1,5})?")


class Gate:
    """Holds the secrets of one server. A token opens once; the cookie holds as long as the server runs."""

    def __init__(self, port: int) -> None:
        # Cookies know no ports: two servers on this machine need two names.
        self.cookie_name = f"workbench-{port}"
        self.token = secrets.token_urlsafe(32)
        self.cookie = secrets.token_urlsafe(32)
        self._used = False

    def redeem(self, token: str) -> bool:
        """Whether this is the token and nobody has used it before; from now on it opens nothing."""
        fits = not self._used and _same(token, self.token)
        self._used = self._used or fits
        return fits

    def knows(self, cookies: Mapping[str, str]) -> bool:
        return _same(cookies.get(self.cookie_name, ""), self.cookie)


def is_loopback(name: str) -> bool:
    """Whether this names the machine itself: `localhost`, 127.0.0.1, ::1 and their like."""
    if name.lower() == "localhost":
        return True
    try:
        return ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def is_own_host(host: str) -> bool:
    """Whether a Host header names this machine; any port, as SSH may forward another one.

    A foreign name that resolves to this machine (DNS rebinding) is not its name.
    """
    found = _HOST.fullmatch(host)
    return found is not None and is_loopback(found["name"])


def is_own_page(headers: Mapping[str, str], must_say: bool) -> bool:
    """Whether the request comes from a page of this very server, by Origin, or else by Sec-Fetch-Site.

    `must_say` refuses what has no Origin: every browser sends it with a websocket.
    """
    origin = headers.get("Origin")
    if origin is not None or must_say:
        return origin == f"http://{headers.get('Host', '')}"
    return headers.get("Sec-Fetch-Site", "none") in ("same-origin", "none")


def is_prefetch(headers: Mapping[str, str]) -> bool:
    """Whether a browser asks ahead, without a person having opened the address."""
    return "prefetch" in headers.get("Sec-Purpose", headers.get("Purpose", "")).lower()


def _same(given: str, right: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), right.encode())
