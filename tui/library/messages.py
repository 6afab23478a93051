"""What the threads of the Library screen say."""

from textual.message import Message

from tui.library.preview import Preview
from tui.library.run_rows import Runs
from workbench.library.entry import Entry


class FilesRead(Message):
    """The names of studies, plans and recipes."""

    def __init__(self, files: tuple[Entry, ...]) -> None:
        super().__init__()
        self.files = files


class RunsRead(Message):
    """All runs."""

    def __init__(self, runs: Runs) -> None:
        super().__init__()
        self.runs = runs


class Previewed(Message):
    """The preview of an entry."""

    def __init__(self, entry: Entry, preview: Preview) -> None:
        super().__init__()
        self.entry, self.preview = entry, preview


class Unread(Message):
    """Something could not be listed."""

    def __init__(self, why: str) -> None:
        super().__init__()
        self.why = why


class Done(Message):
    """What came of something that was asked."""

    def __init__(
        self,
        said: str,
        problem: bool = False,
        key: tuple[str, str] | None = None,
        seconds: float | None = None,
        page_title: str = "",
    ) -> None:
        """`key` is what the cursor is to go to, `seconds` how long it is said; with a title it is a page to read."""
        super().__init__()
        self.said, self.problem, self.key, self.seconds, self.page_title = said, problem, key, seconds, page_title
