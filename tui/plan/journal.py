"""What was edited, as it was edited: undo and redo without end, also after the program was closed or killed.

`drafts/NAME.jsonl` of the home holds a line per step: a text, an undo or a redo. Lines are only ever added.
"""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

VERSION = 1


@dataclass(slots=True)
class Journal:
    """The texts of a draft, and which of them holds. `path` need not exist."""

    path: Path
    texts: list[str] = field(default_factory=list)
    position: int = -1

    @classmethod
    def read(cls, path: Path) -> "Journal":
        """Replays the lines; a torn or foreign one is passed over."""
        journal = cls(path)
        try:
            lines = path.read_bytes().decode("utf-8", "replace").split("\n")
        except OSError:  # none yet, or none that can be read
            return journal
        for line in lines:
            journal._replay(line)
        return journal

    @property
    def text(self) -> str | None:
        """The text that holds; None before the first."""
        return self.texts[self.position] if self.position >= 0 else None

    @property
    def can_undo(self) -> bool:
        return self.position > 0

    @property
    def can_redo(self) -> bool:
        return self.position + 1 < len(self.texts)

    def push(self, text: str) -> None:
        """A new text; what was undone before is gone. Raises OSError where it is held, but was not written."""
        if text == self.text:
            return
        self._push(text)
        self._write({"kind": "text", "text": text})

    def undo(self) -> str | None:
        """The text before; None where there is none. Raises OSError as `push`."""
        if not self.can_undo:
            return None
        self.position -= 1
        self._write({"kind": "undo"})
        return self.text

    def redo(self) -> str | None:
        """The text that was undone last; None where there is none. Raises OSError as `push`."""
        if not self.can_redo:
            return None
        self.position += 1
        self._write({"kind": "redo"})
        return self.text

    def _push(self, text: str) -> None:
        del self.texts[self.position + 1 :]
        self.texts.append(text)
        self.position += 1

    def _replay(self, line: str) -> None:
        try:
            step = json.loads(line)
            kind = step["kind"]
        except (ValueError, KeyError, TypeError):
            return
        if kind == "text" and isinstance(step.get("text"), str):
            self._push(step["text"])
        elif kind == "undo" and self.can_undo:
            self.position -= 1
        elif kind == "redo" and self.can_redo:
            self.position += 1

    def _write(self, step: dict[str, str]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            size = os.fstat(descriptor).st_size
            torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
            line = json.dumps({"v": VERSION, **step}, ensure_ascii=False)
            os.write(descriptor, ("\n" * torn + line + "\n").encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
