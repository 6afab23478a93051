"""How an expected error looks on the command line: on stderr, with its place and what to do."""

import sys

from workbench.errors import WorkbenchError


def show_error(error: WorkbenchError) -> None:
    """Prints the title, every problem, and the hint to stderr."""
    print(f"error: {error.title}", file=sys.stderr)
    for problem in error.problems:
        print(_indented(str(problem)), file=sys.stderr)
    if error.hint:
        print(_indented(error.hint), file=sys.stderr)


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
