"""The rows of `runs list` in JSON, for a program that does not want the store in its own memory.

`python -P -m workbench.cli.run_list_aside HOME` prints `{"rows": [...], "locked": [title, hint] or null}`, or
`{"failed": [title, hint]}`.
"""

import json
import sys
from pathlib import Path
from typing import Any

from workbench.cli.run_list import listed_runs
from workbench.errors import LockedError, WorkbenchError
from workbench.run.layout import Home


def answer(home: Home) -> dict[str, Any]:
    """The rows, and who holds the database where new results had to be left out."""
    held: list[LockedError] = []
    try:
        rows = listed_runs(home, held.append)
    except WorkbenchError as error:
        return {"failed": [error.title, error.hint]}
    return {"rows": rows, "locked": [held[0].title, held[0].hint] if held else None}


if __name__ == "__main__":
    print(json.dumps(answer(Home(Path(sys.argv[1])))))
