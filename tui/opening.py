"""What one screen asks of the app that another one shows. The app alone knows all screens."""

from pathlib import Path

from textual.message import Message


class OpenPlan(Message):
    """A plan is to be composed on: the file, or where `path` is None the text of one that has no file yet."""

    def __init__(self, path: Path | None, text: str | None, name: str) -> None:
        super().__init__()
        self.path, self.text, self.name = path, text, name


class OpenRuns(Message):
    """These runs are to be watched, the first of them under the cursor."""

    def __init__(self, run_ids: tuple[str, ...]) -> None:
        super().__init__()
        self.run_ids = run_ids


class OpenSample(Message):
    """The study that ships with the program is to be looked at, in a home of its own."""


class Pinned(Message):
    """This run is the baseline now, None for none."""

    def __init__(self, run_id: str | None) -> None:
        super().__init__()
        self.run_id = run_id
