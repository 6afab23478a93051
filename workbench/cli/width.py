"""How wide text may be."""

import shutil

PIPE_WIDTH = 120


def text_width() -> int:
    """The columns of the terminal, or $COLUMNS; 120 where there is neither."""
    return shutil.get_terminal_size((PIPE_WIDTH, 24)).columns
