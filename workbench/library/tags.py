"""Tags and names of runs: what a person calls them, in their `meta.json`, which changes no result."""

import json
from typing import Any

from workbench import atomic
from workbench.errors import UsageError
from workbench.run.layout import RunDir
from workbench.run.record import read_record
from workbench.sample.mark import require_own


def tags_of(run_dir: RunDir) -> tuple[str, ...]:
    """The tags of a run; none where its file has none or cannot be read."""
    tags = _meta(run_dir).get("tags")
    return tuple(map(str, tags)) if isinstance(tags, list) else ()


def change_tags(run_dir: RunDir, add: tuple[str, ...], remove: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Adds and removes tags, and returns those it has then. Raises UsageError for a text that is no tag, OSError."""
    for tag in add:
        _require_tag(tag)
    kept = tuple(dict.fromkeys(tag for tag in (*tags_of(run_dir), *add) if tag not in remove))
    _write(run_dir, {"tags": list(kept)})
    return kept


def rename_run(run_dir: RunDir, name: str) -> None:
    """Gives a run another name. Its identifier and what it wrote stay. Raises UsageError, OSError."""
    if not name.strip() or not name.isprintable() or name != name.strip():
        raise UsageError(f"{name!r} is no name of a run", "printable characters, without spaces at the ends")
    _write(run_dir, {"name": name})


def _require_tag(tag: str) -> None:
    if not tag or not tag.isprintable() or any(char in tag for char in ", #"):
        raise UsageError(f"{tag!r} is no tag", "one word without commas and #, such as debug")


def _meta(run_dir: RunDir) -> dict[str, Any]:
    try:
        found = json.loads(run_dir.meta.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(run_dir: RunDir, changes: dict[str, Any]) -> None:
    require_own(run_dir.home)
    before = _meta(run_dir) or {"name": read_record(run_dir.record).name, "tags": [], "pinned": False}
    atomic.write_json(run_dir.meta, {**before, **changes})
