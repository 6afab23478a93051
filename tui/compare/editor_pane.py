"""The editor with what it remembers: its text, the queries that were run, and what is said under it."""

from pathlib import Path

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from tui.compare.draft_keeper import DraftKeeper
from tui.compare.editor import SqlEditor
from tui.compare.history import History
from tui.compare.parameters import Values
from tui.compare.said import sql_title
from tui.widgets.outside_editor import edited_outside
from workbench.errors import WorkbenchError
from workbench.report.plain import visible


class EditorPane(Vertical):
    """`drafts` is the folder where text and history are kept."""

    DEFAULT_CSS = """
    EditorPane {
        height: auto;
        & #says { height: auto; max-height: 8; padding: 0 1; display: none; color: $text-muted; }
        & #says.-shown { display: block; }
        & #says.-problem { color: $text-error; }
    }
    """

    def __init__(self, drafts: Path, *, id: str | None = None) -> None:  # noqa: A002 (the name is Textual's)
        super().__init__(id=id)
        self._draft = DraftKeeper(self, drafts / "compare.sql", lambda why: self.say(why, problem=True))
        self._history = History(drafts / "sql.jsonl")

    def compose(self) -> ComposeResult:
        yield SqlEditor(self._draft.read(), id="sql")
        yield Static("", id="says", markup=False)

    def on_mount(self) -> None:
        self.show_values({})
        try:
            self._history = History.read(self._history.path)
        except OSError as error:
            self.say(f"the history cannot be read: {error.strerror}", problem=True)

    def on_unmount(self) -> None:
        self._draft.save()

    @property
    def editor(self) -> SqlEditor:
        return self.query_one(SqlEditor)

    def show_values(self, values: Values) -> None:
        """The values of parameters that the last query was asked with."""
        self.editor.border_title = Content(sql_title(values))

    def say(self, text: str, problem: bool = False) -> None:
        """Under the editor: an error in its own words, or notes on the result."""
        says = self.query_one("#says", Static)
        says.update(text)
        says.set_class(bool(text), "-shown")
        says.set_class(problem, "-problem")

    def put(self, text: str, keeping: bool) -> None:
        """Another text in the editor; `keeping` notes the one before in the history."""
        if keeping:
            self.remember(self.editor.text)
        self.editor.put(text)

    def edit_outside(self) -> None:
        """Has the text written in `$EDITOR`; it can be undone as one step."""
        try:
            text = edited_outside(self.app, self.editor.text, ".sql").rstrip("\n")
        except WorkbenchError as error:
            self.notify(visible(f"{error.title}; {error.hint}".rstrip("; ")), severity="error", markup=False)
            return
        if text != self.editor.text:
            self.put(text, keeping=True)

    def remember(self, text: str) -> None:
        """Notes a query in the history."""
        try:
            self._history.add(text)
        except OSError as error:
            self.say(f"the history cannot be written: {error.strerror}", problem=True)

    @on(SqlEditor.Changed)
    def _typed(self, event: SqlEditor.Changed) -> None:
        event.stop()
        self._draft.keep(event.text_area.text)

    @on(SqlEditor.Turned)
    def _turned(self, event: SqlEditor.Turned) -> None:
        event.stop()
        try:
            text = self._history.older(self.editor.text) if event.steps < 0 else self._history.newer()
        except OSError as error:
            self.say(f"the history cannot be written: {error.strerror}", problem=True)
            return
        if text is not None:
            self.editor.put(text)
