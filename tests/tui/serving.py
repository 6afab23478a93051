"""`workbench serve` as a process of its own, and a small app to serve."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from subprocess import PIPE
from threading import Thread

_SERVE_APP = """
import sys
from tui.serve.server import serve
serve([sys.executable, "-P", sys.argv[1]], "127.0.0.1", 0, lambda address: print(address, flush=True))
"""


@contextmanager
def served(
    home: Path, app: Path | None = None, flags: Sequence[str] = ()
) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """The address that was printed, and the process that serves the screens, or this app instead of them."""
    screens = [sys.executable, "-P", "-m", "workbench.cli.main", "--home", str(home), "serve", "--port", "0", *flags]
    command = [sys.executable, "-P", "-c", _SERVE_APP, str(app)] if app else screens
    with subprocess.Popen(command, stdout=PIPE, text=True, cwd=home.parent, env=dict(os.environ)) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        try:
            yield address, process
        finally:
            process.terminate()
            process.wait()


@contextmanager
def listening(folder: Path) -> Iterator[str]:
    """The address of a server of another program, which shows this folder."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(folder))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def children_of(pid: int) -> list[int]:
    """The processes that this one started and that are there."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_alive(pid: int) -> bool:
    """Whether the process is there and is more than an entry that nobody has read."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


SMALL_APP = """
from io import BytesIO
from textual.app import App
from textual.widgets import Static


class Small(App):
    BINDINGS = [("d", "give", "Give")]

    def compose(self):
        yield Static("a small app")

    def action_give(self):
        self.deliver_binary(BytesIO(b"1,2\\n" * 50_000), save_filename="rows \\u00e9.csv", mime_type="text/html")


Small().run()
"""
