"""The error of a rule that cannot be read, or that does not fit the model."""

from workbench.errors import InvalidError


class SelectorError(InvalidError):
    """A rule that cannot be read, or that does not fit the model.

    `column` (from 1) is where, `expected` what could stand there; the hint shows the text with a caret.
    """

    def __init__(self, text: str, column: int, message: str, expected: str, near: str = "") -> None:
        advice = "; ".join(part for part in (f"expected {expected}" if expected else "", near) if part)
        super().__init__(message, f"{text}\n{' ' * (column - 1)}^\n{advice}")
        self.column, self.expected, self.near = column, expected, near
