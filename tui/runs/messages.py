"""What the threads of the Runs screen say."""

from textual.message import Message

from tui.runs.feed import Batch


class Fed(Message):
    """Something happened to runs. None of these may be dropped: points come once."""

    def __init__(self, batch: Batch) -> None:
        super().__init__()
        self.batch = batch


class Unread(Message):
    """The runs could not be read; it is tried again."""

    def __init__(self, why: str) -> None:
        super().__init__()
        self.why = why


class Asked(Message):
    """What came of a wish."""

    def __init__(self, said: str, refused: bool) -> None:
        super().__init__()
        self.said, self.refused = said, refused
