"""A table as aligned text, markdown or CSV."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

GAP = "  "
_DASHES = "–—…"


class Column(NamedTuple):
    """A heading and the side its cells are aligned to."""

    heading: str
    align: Literal["left", "right"] = "right"


class Table(NamedTuple):
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
        rule = GAP.join("─" * widths[i] for i in chosen)
        columns = list(zip(self._headings(), *self.rows, strict=True))
        padded = [_padded(columns[i], widths[i], self.columns[i].align) for i in chosen]
        lines = [GAP.join(cells).rstrip() for cells in zip(*padded, strict=True)]
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


def _padded(cells: Sequence[str], width: int, align: Literal["left", "right"]) -> list[str]:
    pad = str.ljust if align == "left" else str.rjust
    if _is_plain("".join(cells)):
        return [pad(cell, width) for cell in cells]
    return [pad(cell, width + len(cell) - _cells(cell)) for cell in cells]  # some take more than they have characters


def _is_plain(text: str) -> bool:
    """Whether each character takes one terminal cell, as can be told without a table of widths."""
    return text.isprintable() and (text.isascii() or all(char < "\u0300" or char in _DASHES for char in text))


def _cells(text: str) -> int:
    """How many terminal cells it takes."""
    if _is_plain(text):
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)
