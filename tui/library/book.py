"""Previews, each made once for what its files and runs are: for threads. The screen asks by entry."""

import os
from dataclasses import dataclass, field

from tui.library.plan_preview import plan_preview
from tui.library.preview import Part, Preview, problem_preview
from tui.library.recipe_preview import recipe_preview
from tui.library.run_preview import run_preview
from tui.library.run_rows import Runs
from tui.library.study_preview import study_preview
from tui.library.template_preview import template_preview
from tui.library.verdicts import Verdicts
from workbench.errors import WorkbenchError
from workbench.library.entry import Entry, Kind
from workbench.run.layout import Home
from workbench.study.members import FILE_NAME

Stamp = tuple[object, ...]
_MOST_KEPT = 200


@dataclass(slots=True)
class Book:
    """Keeps previews until what they were made of is another. `model` is what templates are shown on."""

    home: Home
    model: str
    _kept: dict[tuple[str, str], tuple[Stamp, Preview]] = field(default_factory=dict)
    verdicts: Verdicts = field(init=False)
    _told: dict[tuple[str, str], tuple[Stamp, tuple[Part, ...]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.verdicts = Verdicts(self.home)

    def kept(self, entry: Entry, runs: Runs) -> Preview | None:
        """What was made before, if it still holds. Looks at the times of files alone."""
        found = self._kept.get(entry.key)
        return found[1] if found and found[0] == self._stamp(entry, runs) else None

    def preview(self, entry: Entry, runs: Runs) -> Preview:
        """Reads and makes it. What cannot be read says so in its preview."""
        stamp = self._stamp(entry, runs)
        try:
            made = self._made(entry, runs)
        except (WorkbenchError, OSError) as error:
            made = problem_preview(error)
        return self._keep(entry, stamp, made)

    def complete(self, entry: Entry, runs: Runs, begun: Preview) -> Preview:
        """With the part that takes long: verdicts on the claims of a study."""
        stamp = self._stamp(entry, runs)
        asked = (_changed(entry.path), _changed(entry.path.with_name(FILE_NAME)), begun.finished)
        known = self._told.get(entry.key)
        parts = known[1] if known and known[0] == asked else self.verdicts.parts(entry.name)
        self._told[entry.key] = (asked, parts)
        return self._keep(entry, stamp, begun.completed(parts))

    def _keep(self, entry: Entry, stamp: Stamp, made: Preview) -> Preview:
        if len(self._kept) >= _MOST_KEPT:
            self._kept.pop(next(iter(self._kept)), None)
        self._kept[entry.key] = (stamp, made)
        return made

    def _made(self, entry: Entry, runs: Runs) -> Preview:
        match entry.kind:
            case Kind.PLAN:
                return plan_preview(self.home, entry.path, runs)
            case Kind.RECIPE:
                return recipe_preview(self.home, entry.path, runs)
            case Kind.STUDY:
                return study_preview(self.home, entry.path, runs)
            case Kind.TEMPLATE:
                return template_preview(self.home, entry.name, self.model)
            case Kind.RUN:
                row = runs.row(entry.path.name)
                if row is None:
                    return Preview((Part("gone", ("this run is not there any more",)),), problem=True)
                return run_preview(self.home, entry.path.name, row, runs)

    def _stamp(self, entry: Entry, runs: Runs) -> Stamp:
        if entry.kind is Kind.TEMPLATE:
            return (self.model,)
        if entry.kind is Kind.RUN:
            return (_changed(entry.path), str(runs.row(entry.path.name)), runs.tags.get(entry.path.name))
        members = _changed(entry.path.with_name(FILE_NAME)) if entry.kind is Kind.STUDY else 0
        return (_changed(entry.path), members, _changed(self.home.groups_file), runs.version)


def _changed(path: os.PathLike[str]) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0
