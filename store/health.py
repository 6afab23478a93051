"""What state the results database of a home is in, as JSON: `python -P -m store.health HOME`. Changes nothing.

`state` is `none`, `ok`, `stale` (damaged or of another format: made anew by whatever reads the logs next), `locked` or
`unreadable`; `message` and `hint` are the store's words for it.
"""

import json
import sys
from pathlib import Path

from store import schema
from store.connection import reading
from store.schema import StaleStoreError
from workbench.errors import LockedError, NotFoundError, WorkbenchError
from workbench.run.layout import Home


def look(home: Home) -> dict[str, str]:
    """Opens the database once, for reading."""
    try:
        with reading(home):
            return {"state": "ok", "message": f"store format {schema.FORMAT}", "hint": ""}
    except NotFoundError as error:
        return _said("none", error)
    except StaleStoreError as error:
        return _said("stale", error)
    except LockedError as error:
        return _said("locked", error)
    except WorkbenchError as error:
        return _said("unreadable", error)


def _said(state: str, error: WorkbenchError) -> dict[str, str]:
    return {"state": state, "message": error.title, "hint": error.hint}


if __name__ == "__main__":
    print(json.dumps(look(Home(Path(sys.argv[1]).absolute()))))
