"""A small server on 127.0.0.1 with the routes of the Hugging Face hub that huggingface_hub asks for models.

GET       /api/models/ID[/revision/REVISION]    commit and files, as JSON
GET       /api/models/ID/tree/REVISION          files with their sizes
HEAD, GET /ID/resolve/REVISION/FILE             contents, with range requests
"""

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

_INFO = re.compile(r"/api/models/([^/]+/[^/]+)(?:/revision/([^/?]+))?(?:\?.*)?")
_TREE = re.compile(r"/api/models/([^/]+/[^/]+)/tree/([^/?]+).*")
_FILE = re.compile(r"/([^/]+/[^/]+)/resolve/([^/]+)/([^?]+)(?:\?.*)?")


@dataclass
class Repo:
    """A model on the server. `refs` maps branches and tags to commits; `refuses` is an error code with its name."""

    folder: Path
    commit: str
    refs: dict[str, str] = field(default_factory=dict)
    refuses: tuple[int, str] | None = None

    def names(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())


@dataclass
class Hub:
    """What the server holds, and how many bytes of files it has sent."""

    url: str
    repos: dict[str, Repo] = field(default_factory=dict)
    sent: int = 0
    asked: list[str] = field(default_factory=list)

    def add(self, model_id: str, folder: Path, revision: str = "main", **more: Any) -> Repo:
        commit = hashlib.sha1(f"{model_id} {revision}".encode()).hexdigest()
        self.repos[model_id] = Repo(folder, commit, {revision: commit}, **more)
        return self.repos[model_id]


@contextmanager
def serve() -> Iterator[Hub]:
    """Runs the server on a free port until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.hub = Hub(f"http://127.0.0.1:{server.server_port}")  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.hub  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def log_message(self, *_: Any) -> None:
        """Says nothing."""

    def _answer(self, body: bool) -> None:
        hub: Hub = self.server.hub  # type: ignore[attr-defined]
        hub.asked.append(f"{self.command} {self.path}")
        if match := _FILE.fullmatch(self.path):
            self._with_repo(hub, match[1], match[2], lambda repo: self._file(hub, repo, match[3], body), contents=True)
        elif match := _TREE.fullmatch(self.path):
            self._with_repo(hub, match[1], match[2], self._tree)
        elif match := _INFO.fullmatch(self.path):
            model_id, revision = match[1], match[2] or "main"
            self._with_repo(hub, model_id, revision, lambda repo: self._info(model_id, repo))
        else:
            self._send(404, b"{}")

    def _with_repo(self, hub: Hub, model_id: str, revision: str, answer: Any, contents: bool = False) -> None:
        if (repo := hub.repos.get(model_id)) is None:
            self._send(401, b"{}", {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Invalid username or password."})
        elif repo.refuses and (contents or repo.refuses[0] >= 500):
            self._send(repo.refuses[0], b"{}", {"X-Error-Code": repo.refuses[1]})
        elif revision not in (*repo.refs, repo.commit):
            self._send(404, b"{}", {"X-Error-Code": "RevisionNotFound", "X-Error-Message": "Invalid rev id"})
        else:
            answer(repo)

    def _info(self, model_id: str, repo: Repo) -> None:
        siblings = [{"rfilename": name} for name in repo.names()]
        self._send_json({"id": model_id, "sha": repo.commit, "siblings": siblings, "private": False, "tags": []})

    def _tree(self, repo: Repo) -> None:
        files = ((name, (repo.folder / name).read_bytes()) for name in repo.names())
        self._send_json([{"type": "file", "path": n, "size": len(raw), "oid": _etag(raw)} for n, raw in files])

    def _file(self, hub: Hub, repo: Repo, name: str, body: bool) -> None:
        path = repo.folder / name
        if not path.is_file():
            self._send(404, b"{}", {"X-Error-Code": "EntryNotFound", "X-Error-Message": "Entry not found"})
            return
        raw = path.read_bytes()
        headers = {"ETag": f'"{_etag(raw)}"', "X-Repo-Commit": repo.commit, "Accept-Ranges": "bytes"}
        code = 200
        if wanted := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or ""):
            start, end = int(wanted[1]), min(int(wanted[2] or len(raw)), len(raw) - 1)
            headers["Content-Range"], code = f"bytes {start}-{end}/{len(raw)}", 206
            raw = raw[start : end + 1]
        hub.sent += len(raw) if body else 0
        self._send(code, raw, headers, body)

    def _send_json(self, value: Any) -> None:
        self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _send(self, code: int, raw: bytes, headers: dict[str, str] | None = None, body: bool = True) -> None:
        self.send_response(code)
        for key, value in {**(headers or {}), "Content-Length": str(len(raw))}.items():
            self.send_header(key, value)
        self.end_headers()
        if body and self.command != "HEAD":
            self.wfile.write(raw)


def _etag(raw: bytes) -> str:
    return hashlib.sha1(raw).hexdigest()
