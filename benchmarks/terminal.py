"""A program in a terminal of its own: what it paints and when, which keys it is sent, what it costs."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

_QUIET = 0.05  # seconds without output after which a program is taken to have painted all


class Terminal:
    """A process on a pseudo-terminal. Nothing answers its questions to the terminal, as on the plainest of them."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], columns: int, rows: int) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self._began = time.perf_counter()
        self._process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", **environment},
            start_new_session=True,
        )
        os.close(slave)
        self._seen = b""

    def until(self, text: str, patience: float = 60.0) -> float:
        """Seconds from the start of the process until this stands in its output. Raises TimeoutError."""
        wanted, end = text.encode(), time.perf_counter() + patience
        while wanted not in self._seen:
            if time.perf_counter() > end:
                raise TimeoutError(f"{text!r} was not painted; the end of what was: {self._seen[-400:]!r}")
            self._read(0.2)
        return time.perf_counter() - self._began

    def answer(self, keys: str, text: str) -> float:
        """Seconds from these keys until this is painted anew."""
        self.settle()
        self._seen = b""
        began = time.perf_counter()
        os.write(self._master, keys.encode())
        self.until(text)
        return time.perf_counter() - began

    def echo(self, key: str) -> float:
        """Seconds from a key to the first thing painted after it. Raises TimeoutError when nothing is."""
        self.settle()
        began = time.perf_counter()
        os.write(self._master, key.encode())
        if not self._read(5.0):
            raise TimeoutError(f"nothing was painted after {key!r}")
        return time.perf_counter() - began

    def settle(self) -> None:
        """Reads until nothing more is painted for a moment."""
        end = time.perf_counter() + 10
        while self._read(_QUIET) and time.perf_counter() < end:
            pass

    def processor_share(self, seconds: float) -> float:
        """The share of one core that the process takes while nobody types."""
        before, began = self.processor_seconds(), time.perf_counter()
        while (left := began + seconds - time.perf_counter()) > 0:
            self._read(min(left, 0.2))
        return (self.processor_seconds() - before) / (time.perf_counter() - began)

    def peak_bytes(self) -> int:
        """The highest resident set so far."""
        lines = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii").splitlines()
        return 1024 * int(next(line for line in lines if line.startswith("VmHWM")).split()[1])

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._master)

    def _read(self, patience: float) -> bool:
        """Takes in what is painted next; False when nothing comes."""
        if not select.select([self._master], [], [], patience)[0]:
            return False
        self._seen += os.read(self._master, 1 << 16)
        return True

    def processor_seconds(self) -> float:
        """What the process has taken of the processor so far."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
