"""`attempt.<n>.json`: the terms of one attempt, as far as they may differ without making it another experiment."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from workbench import atomic
from workbench.run.layout import RunDir

# Keys of a recipe that an attempt may set for itself: none of them is part of the run's identity.
CHANGEABLE = ("batch", "accumulation", "gradient_checkpointing", "checkpoint_every", "checkpoint_keep")


class Terms(NamedTuple):
    """How attempt `attempt` is to be run.

    `resume`: from the last complete checkpoint, from step 0 where there is none. `changes` are recipe keys among
    CHANGEABLE that hold in place of the record's. `threads` of the trainer; `why` says in words what led to it.
    """

    attempt: int
    resume: bool = False
    changes: Mapping[str, Any] = {}
    threads: int | None = None
    why: str = ""
    jobs: int | None = None

    def write(self, run_dir: RunDir) -> None:
        """Writes the file whole. Raises OSError."""
        atomic.write_json(run_dir.terms(self.attempt), self._asdict())


def read_terms(run_dir: RunDir, attempt: int) -> Terms:
    """The terms of an attempt; the plain ones where none were written or the file is damaged."""
    try:
        raw = json.loads(run_dir.terms(attempt).read_text(encoding="utf-8"))
        changes = {key: value for key, value in raw["changes"].items() if key in CHANGEABLE}
        return Terms(attempt, bool(raw["resume"]), changes, raw["threads"], str(raw["why"]), raw["jobs"])
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return Terms(attempt)
