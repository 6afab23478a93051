"""The Library screen: all that the home holds in a tree, with a preview. Threads read; the keys run commands."""

from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.notifications import SeverityLevel
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Static
from textual.worker import Worker, WorkerState

from tui.library import commands
from tui.library.branches import branches, closed_at_first, is_empty, no_match, title_of
from tui.library.keys import KEYS
from tui.library.line import LibraryLine, Purpose
from tui.library.marks import Marks
from tui.library.messages import Done, FilesRead, Previewed, RunsRead, Unread
from tui.library.preview import Preview, page_text
from tui.library.reader import Reader
from tui.library.run_rows import Runs
from tui.library.tree import Branch, LibraryTree
from tui.library.wishes import Wishes
from tui.widgets.copying import copy_text
from tui.widgets.key_line import KeyLine
from workbench.library.entry import Entry, Kind
from workbench.plan.sources import DEMO
from workbench.report.plain import shorten, visible
from workbench.run.layout import Home

LOOK_SECONDS = 0.06
READ_SECONDS = 3.0
_WIDE = 100
_WIDTHS = [(0, "-narrow"), (_WIDE, "-wide")]
_HEIGHTS = [(0, "-tiny"), (12, "-tall")]
EMPTY = "Nothing here yet: enter on a template opens it as a draft, R on the Plan screen (1) launches it."


class LibraryScreen(Screen[None]):
    """`model` is what templates are shown on and begin with; the demo where none was named."""

    HORIZONTAL_BREAKPOINTS = _WIDTHS
    VERTICAL_BREAKPOINTS = _HEIGHTS
    CSS_PATH = "screen.tcss"
    BINDINGS: ClassVar[list[BindingType]] = KEYS

    def __init__(self, home: Home, model: str = "") -> None:
        super().__init__()
        self._home, self._model = home, model or DEMO
        self._reader = Reader(self, home, self._model)
        self._wishes = Wishes(self, home, self._model)
        self._files: tuple[Entry, ...] = ()
        self._runs = Runs()
        self._shown_branches: tuple[Branch, ...] = ()
        self._loaded = False
        self._filter, self._marks = "", Marks()
        self._look_timer: Timer | None = None
        self._filter_timer: Timer | None = None
        self._shown: Entry | None = None
        self._page_at: Entry | None = None  # where the cursor was when a page came that is no preview, as a diff
        self._wanted_key: tuple[str, str] | None = None

    @property
    def _tree(self) -> LibraryTree:
        return self.query_one(LibraryTree)

    @property
    def current(self) -> Entry | None:
        """The entry under the cursor."""
        return self._tree.current

    @property
    def _line(self) -> LibraryLine:
        return self.query_one(LibraryLine)

    def compose(self) -> ComposeResult:
        yield Static("Library: reading …", id="title", markup=False)
        yield Static(EMPTY, id="says-empty", markup=False)
        with Horizontal(id="panes"):
            yield LibraryTree(id="tree")
            with VerticalScroll(id="preview"):
                yield Static("", id="preview-text", markup=False)
        yield LibraryLine()
        yield KeyLine()

    def on_mount(self) -> None:
        self._tree.focus()
        self.set_interval(READ_SECONDS, self._read_again)

    def on_screen_resume(self) -> None:
        self._reader.read()

    def on_unmount(self) -> None:
        self._reader.end()

    def _read_again(self) -> None:
        if self.is_current:
            self._reader.read()

    # -- what the threads say

    @on(FilesRead)
    def _files_read(self, event: FilesRead) -> None:
        if event.files != self._files or not self._loaded:
            self._files = event.files
            self._show_tree()
        self._go_to_wanted()

    @on(RunsRead)
    def _runs_read(self, event: RunsRead) -> None:
        first, changed = not self._loaded, event.runs is not self._runs
        self._loaded, self._runs = True, event.runs
        if first or changed:
            self._show_tree()
        self._look()

    @on(Previewed)
    def _previewed(self, event: Previewed) -> None:
        if event.entry == self.current and event.entry == self._shown and event.entry != self._page_at:
            self._show_preview(event.entry, event.preview)

    @on(Unread)
    def _unread(self, event: Unread) -> None:
        self.query_one("#title", Static).update(f"Library: cannot be read: {visible(event.why)}; trying again")

    @on(Done)
    def _done(self, event: Done) -> None:
        self._wanted_key = event.key or self._wanted_key
        if event.key:
            self._filter = ""  # which may hide what has come
        if event.page_title:
            self._page_at = self._shown = self.current
            self._show_page(event.page_title, page_text(event.said))
            self.add_class("-drawer")
        elif event.problem and self._line.is_open:
            self._line.say(event.said)
        else:
            self._close_line()
            self._tell(event)
        if not event.problem and not event.page_title:
            self._reader.read()

    def _tell(self, event: Done) -> None:
        said = "\n".join(map(visible, event.said.splitlines()))
        kind: SeverityLevel = "error" if event.problem else "information"
        self.notify(said, severity=kind, markup=False, timeout=event.seconds)

    @on(Worker.StateChanged)
    def _worker_failed(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.ERROR:
            said = f"unexpected: {type(event.worker.error).__name__}: {event.worker.error}"
            self.notify(visible(said), severity="error", markup=False)

    # -- what is shown

    def _show_tree(self) -> None:
        shown = branches(self._home, self._files, self._runs if self._loaded else None, self._filter)
        self._marks = self._marks.among(leaf.entry for branch in shown for leaf in branch.leaves)
        closed = closed_at_first(self._files, self._runs)
        self._tree.show_branches(shown, self._marks.signs, closed, all_open=bool(self._filter.strip()))
        self.set_class(self._loaded and is_empty(self._files, self._runs), "-empty")
        self._go_to_wanted()
        self._shown_branches = shown
        self._show_title()
        if self.current is None:
            self._look()  # a tree without lines tells of no cursor

    def _show_title(self) -> None:
        title = title_of(self._shown_branches, self._filter, narrow=self.app.size.width < _WIDE)
        self.query_one("#title", Static).update(title if self._loaded else f"{title} · reading runs …")

    def on_resize(self) -> None:
        if self._shown_branches:
            self._show_title()

    def _go_to_wanted(self) -> None:
        if self._wanted_key and self._tree.go_to(self._wanted_key):
            self._wanted_key = None

    @on(LibraryTree.NodeHighlighted)
    def _moved(self) -> None:
        """What is passed over quickly is not read."""
        if self.current != self._shown:
            self._wishes.forget()
        if self._look_timer is not None:
            self._look_timer.stop()
        self._look_timer = self.set_timer(LOOK_SECONDS, self._look_at_other)

    def _look_at_other(self) -> None:
        if self.current != self._shown:
            self._look()

    def _look(self) -> None:
        """A page stays until the cursor leaves its entry, or escape leaves it."""
        entry = self.current
        if entry is not None and entry == self._page_at:
            return
        self._page_at = None
        if entry is None:
            self._shown = None
            self._show_page("", Text(self._nothing_text()))
            return
        fresh, self._shown = entry != self._shown, entry
        kept = self._reader.look(entry, self._runs)
        if kept is not None:
            self._show_preview(entry, kept)
        elif fresh:
            self._show_page(f"{entry.kind} {entry.name}", Text("reading …"))

    def _nothing_text(self) -> str:
        if self._shown_branches:
            return "an entry of the tree shows itself here"
        return no_match(self._filter) if self._loaded else "reading …"

    def _show_preview(self, entry: Entry, preview: Preview) -> None:
        text = preview.text()
        if preview.more_to_come:
            text.append("\n\nverdicts: reading …")
        self._show_page(f"{entry.kind} {entry.name}{' (built-in)' if entry.built_in else ''}", text)

    def _show_page(self, title: str, text: Text) -> None:
        pane = self.query_one("#preview", VerticalScroll)
        if pane.border_title != (said := Content(shorten(title, 60))):
            pane.border_title = said
            pane.scroll_home(animate=False)
        self.query_one("#preview-text", Static).update(text)

    # -- marks and filter

    def action_mark(self) -> None:
        if entry := self.current:
            self._marks = self._marks.marking(entry)
            self._show_tree()
            self._tree.action_cursor_down()

    def action_diff(self) -> None:
        self._wishes.diff(self._marks, self.current)

    def action_filter(self) -> None:
        self._line.open(Purpose.FILTER, self._filter)

    @on(LibraryLine.Typed)
    def _typed(self, event: LibraryLine.Typed) -> None:
        """Letters that come quickly are shown together: none of them waits for the tree."""
        self._filter = event.text
        if self._filter_timer is not None:
            self._filter_timer.stop()
        self._filter_timer = self.set_timer(LOOK_SECONDS, self._show_tree)

    @on(LibraryLine.Left)
    def _left(self, event: LibraryLine.Left) -> None:
        if event.purpose is Purpose.FILTER:
            self._filter = ""
            self._show_tree()
        self._close_line()

    def _close_line(self) -> None:
        self._line.close()
        self._tree.focus()

    # -- what is done with the entry under the cursor

    def action_open(self) -> None:
        if self.current is None:
            self._tree.action_toggle_node()
        elif self.current.kind is Kind.TEMPLATE and self._wishes.is_study(self.current):
            self._line.open(Purpose.STUDY, self._model)
        elif self.current.kind is Kind.RECIPE and self.current.built_in:
            self.action_ask("CLONE")
        elif self.current.kind is Kind.RECIPE:
            self.action_edit()
        else:
            self._wishes.open(self.current, self._runs)

    def action_run_missing(self) -> None:
        self._wishes.run_missing(self.current)

    def action_ask(self, purpose: str) -> None:
        """Opens the line with what stands there now; `purpose` is the name of one."""
        if (entry := self.current) and (
            text := self._wishes.asked_text(Purpose[purpose], entry, self._runs)
        ) is not None:
            self._line.open(Purpose[purpose], text)

    def action_import(self) -> None:
        self._line.open(Purpose.IMPORT, "")

    def action_export(self) -> None:
        if self.current is not None and self.current.kind is Kind.STUDY:
            self._wishes.reports(self.current)
        else:
            self.action_ask("EXPORT")

    @on(LibraryLine.Entered)
    def _entered(self, event: LibraryLine.Entered) -> None:
        if event.purpose is Purpose.FILTER:
            self._filter = event.text
            self._show_tree()
            self._close_line()
        else:
            self._wishes.entered(event.purpose, event.text, self.current, event.pasted)

    def action_edit(self) -> None:
        if self._wishes.edit(self.current):
            self._reader.read()

    def action_trash(self) -> None:
        self._wishes.trash(self.current)

    def action_undo(self) -> None:
        self._wishes.undo()

    def action_copy(self) -> None:
        if entry := self.current:
            copy_text(self, commands.word_of(entry))

    def action_copy_command(self) -> None:
        if (words := self._wishes.words_for(self.current)) is not None:
            copy_text(self, words)

    # -- panes

    def action_drawer(self) -> None:
        self.toggle_class("-drawer")

    def action_zoom(self) -> None:
        preview = self.query_one("#preview")
        name = "-zoomed" if self.focused is preview else "-zoomed-tree"
        self.toggle_class(name)

    def action_back(self) -> None:
        """Out of a zoomed pane, a page, the drawer, the filter; then the tree."""
        opened = next((name for name in ("-zoomed", "-zoomed-tree", "-drawer") if self.has_class(name)), None)
        if opened:
            self.remove_class(opened)
        if self._page_at is not None and opened in ("-drawer", None):
            self._leave_page()
        elif self._filter and not opened:
            self._filter = ""
            self._show_tree()
        self._tree.focus()

    def _leave_page(self) -> None:
        self._page_at = None
        self._wishes.forget()
        self._look()
