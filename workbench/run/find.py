"""Finds runs by what a person calls them, from the run directories alone: no database has to be at hand."""

import json
from collections.abc import Sequence

from workbench.errors import NotFoundError, UsageError
from workbench.nearest import nearest
from workbench.run.layout import Home, RunDir

PREFIX_LENGTH = 4
_MOST_SHOWN = 8


def find_run(home: Home, word: str) -> RunDir:
    """The run with this identifier, this name, or the one whose identifier starts so (4 or more digits).

    Raises NotFoundError with the nearest name, UsageError with the runs where several fit.
    """
    exact = home.run_dir(word)
    if word and "/" not in word and exact.record.is_file():
        return exact
    run_dirs = home.run_dirs()
    if not run_dirs:
        raise NotFoundError(f"no run '{word}': there are no runs in {home.path}", "workbench run, or workbench demo")
    names = {run_dir: name_of(run_dir) for run_dir in run_dirs}
    found = [run_dir for run_dir, name in names.items() if name == word]
    if not found and len(word) >= PREFIX_LENGTH:
        found = [run_dir for run_dir in run_dirs if run_dir.run_id.startswith(word)]
    if len(found) > 1:
        raise UsageError(f"'{word}' fits {len(found)} runs", f"name one of them: {_listed(found, names)}")
    if not found:
        known = dict.fromkeys(text for run_dir, name in names.items() for text in (name, run_dir.run_id))
        hint = nearest(word, known)
        raise NotFoundError(f"no run is called '{word}'", hint if len(hint) < 200 else "see: workbench runs list")
    return found[0]


def find_runs(home: Home, words: Sequence[str]) -> list[RunDir]:
    """The run of every word, each once, in their order. Errors as `find_run`."""
    return list(dict.fromkeys(find_run(home, word) for word in words))


def name_of(run_dir: RunDir) -> str:
    """The run's name as its meta.json has it, else its run.json; its identifier where neither can be read."""
    for path in (run_dir.meta, run_dir.record):
        try:
            return str(json.loads(path.read_text(encoding="utf-8"))["name"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return run_dir.run_id


def _listed(found: Sequence[RunDir], names: dict[RunDir, str]) -> str:
    shown = ", ".join(f"{run_dir.run_id} ({names[run_dir]})" for run_dir in found[:_MOST_SHOWN])
    return shown + (f" and {len(found) - _MOST_SHOWN} more" if len(found) > _MOST_SHOWN else "")
