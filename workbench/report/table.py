"""A table as aligned text, markdown or CSV."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

GAP = "  "
_DASHES = "–—…"


@dataclass(frozen=True, slots=True)
class Column:
    """A heading and the side its cells are aligned to."""

    heading: str
    align: Literal["left", "right"] = "right"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of finished text; every row has one cell per column. The first `keys` columns tell rows apart."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    keys: int = 1

    def text(self, width: int | None = None) -> str:
        """Columns padded to their widest cell and separated by two spaces, a rule below the headings.

        Where that is wider than `width` terminal cells, the columns are laid out in several parts below each other,
        each of which starts with the key columns.
        """
        lines = (self._headings(), *self.rows)
        widths = [_widest(column) for column in zip(*lines, strict=True)]
        return "\n\n".join(self._part(part, widths) for part in self._parts(widths, width))

    def _parts(self, widths: Sequence[int], width: int | None) -> list[list[int]]:
        """Which columns each part shows; a part has at least one beside the keys."""
        if width is None:
            return [list(range(len(self.columns)))]
        keys = list(range(self.keys))
        parts = [keys]
        for column in range(self.keys, len(self.columns)):
            longer = [*parts[-1], column]
            fits = sum(widths[i] for i in longer) + len(GAP) * (len(longer) - 1) <= width
            if fits or parts[-1] == keys:
                parts[-1] = longer
            else:
                parts.append([*keys, column])
        return parts

    def _part(self, chosen: Sequence[int], widths: Sequence[int]) -> str:
        sides = [(i, widths[i], str.ljust if self.columns[i].align == "left" else str.rjust) for i in chosen]
        rule = GAP.join("─" * width for _, width, _ in sides)
        rows = (self._headings(), *self.rows)
        lines = [GAP.join([pad(row[i], w - _beyond(row[i])) for i, w, pad in sides]).rstrip() for row in rows]
        return "\n".join([lines[0], rule, *lines[1:]])

    def markdown(self) -> str:
        marks = tuple("---:" if column.align == "right" else "---" for column in self.columns)
        rows = (tuple(cell.replace("|", "\\|") for cell in row) for row in (self._headings(), marks, *self.rows))
        return "\n".join("| " + " | ".join(row) + " |" for row in rows)

    def csv(self) -> str:
        import csv
        import io

        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows((self._headings(), *self.rows))
        return out.getvalue().rstrip("\n")

    def _headings(self) -> tuple[str, ...]:
        return tuple(column.heading for column in self.columns)


def _widest(cells: Sequence[str]) -> int:
    return max(map(len if _is_plain("".join(cells)) else _cells, cells), default=0)


def _beyond(text: str) -> int:
    """How many more terminal cells it takes than it has characters."""
    return 0 if _is_plain(text) else _cells(text) - len(text)


def _is_plain(text: str) -> bool:
    """Whether each character takes one terminal cell, as can be told without a table of widths."""
    return text.isprintable() and (text.isascii() or all(char < "\u0300" or char in _DASHES for char in text))


def _cells(text: str) -> int:
    """How many terminal cells it takes."""
    if _is_plain(text):
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)
