"""What a trainer writes, as it writes it; held still or filtered when asked."""

from collections import deque
from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Log, Static

from tui.runs.line import status_words
from tui.runs.row import RunRow
from tui.widgets.saying import say
from workbench.report.plain import shorten

MOST_LINES = 20_000


class Output(Vertical):
    """Lines of one attempt. While it is held still, new ones are counted and wait."""

    ALLOW_MAXIMIZE = True
    DEFAULT_CSS = """
    Output {
        & Log { height: 1fr; }
        & #under-way { height: 1; color: $text-muted; display: none; }
        & #under-way.-said { display: block; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 (the name is Textual's)
        super().__init__(id=id)
        self._lines: deque[str] = deque(maxlen=MOST_LINES)
        self._wanted = ""
        self._held: list[str] | None = None
        self._row: RunRow | None = None

    @property
    def wanted(self) -> str:
        return self._wanted

    @property
    def state(self) -> str:
        """What is being done with new lines, in words."""
        held = "following" if self._held is None else f"held still, +{len(self._held)} lines"
        return held + (f", only lines with {self._wanted!r}" if self._wanted else "")

    def compose(self) -> ComposeResult:
        yield Log(id="output-lines", max_lines=MOST_LINES)
        yield Static("", id="under-way", markup=False)

    def on_resize(self) -> None:
        """Who follows sees the end, in whatever room there is."""
        if self._held is None:
            self.query_one(Log).scroll_end(animate=False)

    def name_run(self, row: RunRow | None) -> None:
        """Whose output it is; its state may be another one."""
        self._row = row
        self._title()

    def _title(self) -> None:
        row = self._row
        name = f"{shorten(row.name, 24)} · try {row.attempt} · {status_words(row)}" if row else "no run"
        self.border_title = Content(f"output · {name} · {self.state}")  # no markup: names are user text

    def begin(self) -> None:
        """Another attempt's output follows."""
        self._lines.clear()
        self._held = None
        self.query_one(Log).clear()
        self._say("")
        self._title()

    def add(self, lines: Sequence[str], under_way: str) -> None:
        self._lines.extend(lines)
        self._say(under_way)
        if self._held is not None:
            self._held.extend(lines)
            self._title()
        else:
            self._write(lines)

    def _say(self, under_way: str) -> None:
        line = self.query_one("#under-way", Static)
        say(line, under_way)
        line.set_class(bool(under_way), "-said")

    def hold(self) -> None:
        """Holds still, or shows what came meanwhile and follows again."""
        held, self._held = self._held, [] if self._held is None else None
        if held:
            self._write(held)
        self._title()

    def look_for(self, text: str) -> None:
        """Shows only lines with this text, whatever its case; all for an empty one."""
        self._wanted = text
        self.query_one(Log).clear()
        held = len(self._held or ())
        self._write(list(self._lines)[: len(self._lines) - held])
        self._title()

    def _write(self, lines: Sequence[str]) -> None:
        wanted = self._wanted.casefold()
        if found := [line for line in lines if wanted in line.casefold()]:
            # The widget would leave out empty lines.
            self.query_one(Log).write_lines([line or " " for line in found])
