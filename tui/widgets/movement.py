"""The keys that move in a grid, the same ones in each."""

from dataclasses import dataclass

from textual.binding import Binding, BindingType


@dataclass(frozen=True, slots=True)
class Words:
    """What the rows and the columns of a grid are called in its help."""

    row: str
    column: str


def movement(prefix: str, words: Words) -> list[BindingType]:
    """Bindings to the actions `move(rows, columns)`, `page(pages)` and `to_row(row)`; -1 is the last row."""
    row, column = words.row, words.column

    def key(keys: str, action: str, label: str, name: str, tooltip: str) -> Binding:
        return Binding(keys, action, label, show=False, id=f"{prefix}.{name}", tooltip=tooltip)

    return [
        key("up,k", "move(-1, 0)", "Up", "up", f"One {row} up"),
        key("down,j", "move(1, 0)", "Down", "down", f"One {row} down"),
        key("left,h", "move(0, -1)", "Left", "left", f"One {column} to the left"),
        key("right,l", "move(0, 1)", "Right", "right", f"One {column} to the right"),
        key("pageup", "page(-1)", "Page up", "page_up", f"A page of {row}s up"),
        key("pagedown", "page(1)", "Page down", "page_down", f"A page of {row}s down"),
        key("g,ctrl+home", "to_row(0)", "First", "first", f"To the first {row}"),
        key("G,ctrl+end", "to_row(-1)", "Last", "last", f"To the last {row}"),
    ]
