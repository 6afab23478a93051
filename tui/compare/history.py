"""The SQL that was run, kept in the home: `drafts/sql.jsonl`, a line per query, only ever added to."""

import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

VERSION = 1
_SHOWN = 1000


@dataclass(slots=True)
class History:
    """The queries by age, the newest last. `place` is the one that stands in the editor; len(queries) for none."""

    path: Path
    queries: list[str] = field(default_factory=list)
    place: int = 0

    @classmethod
    def read(cls, path: Path) -> "History":
        """The newest queries of the file; torn and foreign lines are passed over. Raises OSError."""
        try:
            lines = path.read_bytes().decode("utf-8", "replace").split("\n")
        except FileNotFoundError:
            lines = []
        queries = [query for line in lines if (query := _query(line)) is not None][-_SHOWN:]
        return cls(path, queries, len(queries))

    def add(self, sql: str) -> None:
        """Notes a query; one that is the last already is not noted again. Raises OSError."""
        if sql.strip() and sql != (self.queries[-1] if self.queries else None):
            self.queries.append(sql)
            self._write(sql)
        self.place = len(self.queries)

    def older(self, shown: str) -> str | None:
        """The query before the one shown, None where there is none. What is shown is noted when it is new."""
        if self.place >= len(self.queries):
            self.add(shown)
            self.place = len(self.queries) - 1 if self.queries and self.queries[-1] == shown else len(self.queries)
        return self._go(-1)

    def newer(self) -> str | None:
        """The query after the one shown, None where there is none."""
        return self._go(1)

    def _go(self, steps: int) -> str | None:
        if not 0 <= self.place + steps < len(self.queries):
            return None
        self.place += steps
        return self.queries[self.place]

    def _write(self, sql: str) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            size = os.fstat(descriptor).st_size
            torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
            line = json.dumps({"v": VERSION, "t": time.time(), "sql": sql})
            os.write(descriptor, ("\n" * torn + line + "\n").encode())
        finally:
            os.close(descriptor)


def _query(line: str) -> str | None:
    try:
        sql = json.loads(line)["sql"]
    except (ValueError, KeyError, TypeError):
        return None
    return sql if isinstance(sql, str) else None
