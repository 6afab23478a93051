"""The line for the tags of a run."""

from textual.message import Message

from tui.widgets.said_line import SaidLine

_HINT = "tags with spaces between them; enter sets them"


class TagLine(SaidLine):
    """Hidden until `T` is pressed."""

    class Left(Message):
        """The line was closed; `tags` are None where nothing is to change."""

        def __init__(self, run_id: str, tags: tuple[str, ...] | None = None) -> None:
            super().__init__()
            self.run_id, self.tags = run_id, tags

    def __init__(self) -> None:
        super().__init__("tags")
        self._run_id = ""

    def open(self, run_id: str, tags: tuple[str, ...]) -> None:
        self._run_id = run_id
        self.show(" ".join(tags))
        self.say(_HINT)

    def entered(self, text: str) -> None:
        self.close()
        words = text.replace(",", " ").replace("#", " ").split()
        self.post_message(self.Left(self._run_id, tuple(dict.fromkeys(words))))

    def left(self) -> None:
        self.post_message(self.Left(self._run_id))
