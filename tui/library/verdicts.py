"""What the finished runs of a study say to its claims, told by a child process: the statistics slow no key down."""

import json
import subprocess
from collections.abc import Iterator
from typing import Any

from tui.library.preview import Part
from tui.plan.launch import PROGRAM
from workbench.errors import NotFoundError
from workbench.run.layout import Home

_MOST_SAID = 400


class Verdicts:
    """One command at a time, which can be ended from another thread."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._process: subprocess.Popen[str] | None = None
        self._is_over = False

    def parts(self, study: str) -> tuple[Part, ...]:
        """For a thread. Reads the store, and the data of the study; never raises."""
        line = [*PROGRAM, "--home", str(self._home.path), "study", "report", study, "--json"]
        pipes: dict[str, Any] = {stream: subprocess.PIPE for stream in ("stdout", "stderr")}
        with subprocess.Popen(line, stdin=subprocess.DEVNULL, text=True, **pipes) as process:
            self._process = process
            if self._is_over:
                process.kill()
            out, err = process.communicate()
        if process.returncode == NotFoundError.exit_code:
            return ()
        if process.returncode:
            said = err.strip().removeprefix("error: ") or f"study report ended with {process.returncode}"
            return (Part("verdicts", ("cannot be told:", *said[:_MOST_SAID].splitlines())),)
        return (Part("verdicts", tuple(_lines(json.loads(out)))),)

    def end(self) -> None:
        """Nobody looks any more."""
        self._is_over = True
        if self._process is not None:
            self._process.kill()


def _lines(answer: Any) -> Iterator[str]:
    """Each claim with what the runs say to it, and the numbers with their n."""
    for verdict in answer["verdicts"]:
        yield f"{verdict['text']}: {verdict['says']}"
        if verdict["numbers"]:
            yield f"  {verdict['numbers']}"
