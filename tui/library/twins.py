"""Commands of the program, run as child processes in threads, with the words that repeat the last one."""

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from textual.widget import Widget

from tui.library.commands import Words
from tui.library.messages import Done
from tui.plan.launch import PROGRAM
from tui.shell.held import hold_keys
from tui.shell.in_turn import Hold, LetGo
from tui.twin import command_line
from workbench.run.layout import Home

Tell = Callable[["Outcome"], Done]
_MOST_SAID = 600


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended, with what it printed."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """What went wrong, else the first line of the answer."""
        if self.code:
            return self.err.strip().removeprefix("error: ")[:_MOST_SAID] or f"ended with {self.code}"
        return (self.out.strip() or self.err.strip()).partition("\n")[0][:_MOST_SAID]


class Twins:
    """Runs them, and posts what `tell` makes of the outcome to `widget`."""

    def __init__(self, widget: Widget, home: Home) -> None:
        self._widget, self._home = widget, home
        self._last: Words = []

    def run(self, commands: Sequence[Words], tell: Tell | None = None, text: str | None = None) -> None:
        """One after the other, until one fails; `text` is what they read from standard input."""
        self._start(partial(self._in_thread, list(commands), tell or _told, text), commands)

    def answer(self, commands: Sequence[Words], tell: Tell | None = None, text: str | None = None) -> None:
        """As `run`, for what was entered in a line: keys typed behind it wait until the line is closed."""
        hold = hold_keys(self._widget)
        self._start(partial(self._answered, hold, list(commands), tell or _told, text), commands)

    def command(self, words: Words) -> str:
        """Of what was run last; else of these words."""
        return command_line(self._home, self._last or words)

    def note(self, words: Words) -> None:
        """What was done just now by other means; nothing for what is shown only."""
        self._last = words

    def _start(self, work: Callable[[], None], commands: Sequence[Words]) -> None:
        self._last = commands[0]
        self._widget.run_worker(work, thread=True, group="twin", exit_on_error=False)

    def _answered(self, hold: Hold, commands: list[Words], tell: Tell, text: str | None) -> None:
        try:
            self._in_thread(commands, tell, text)
        finally:
            self._widget.post_message(LetGo(hold))

    def _in_thread(self, commands: list[Words], tell: Tell, text: str | None) -> None:
        said = []
        for words in commands:
            outcome = self._outcome(words, text)
            said.append(outcome.said)
            if outcome.code:
                break
        last = Outcome(outcome.code, "\n".join(said) if len(commands) > 1 else outcome.out, outcome.err)
        self._widget.post_message(tell(last))

    def _outcome(self, words: Words, text: str | None) -> Outcome:
        line = [*PROGRAM, "--home", str(self._home.path), *words]
        done = subprocess.run(line, input=text or "", text=True, capture_output=True, check=False)
        return Outcome(done.returncode, done.stdout, done.stderr)


def _told(outcome: Outcome) -> Done:
    return Done(outcome.said, problem=bool(outcome.code))
