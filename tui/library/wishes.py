"""What the keys ask of the entry under the cursor: what can be asked of which kind, and by which commands."""

from functools import partial
from pathlib import Path

from textual.screen import Screen

from tui.library import commands
from tui.library.line import Purpose
from tui.library.marks import MOST, Marks
from tui.library.messages import Done
from tui.library.run_rows import Runs
from tui.library.twins import Outcome, Twins
from tui.opening import OpenPlan, OpenRuns
from tui.widgets.outside_editor import edit_file
from workbench.errors import UsageError
from workbench.library.entry import Entry, Kind
from workbench.library.templates import plan_template
from workbench.library.trash import Item, items
from workbench.run.layout import Home
from workbench.study.members import members_file, read_members
from workbench.study.study import FILE_NAME

UNDO_SECONDS = 10.0
_FILES = (Kind.PLAN, Kind.RECIPE, Kind.STUDY)


class Wishes:
    """Says at once why something cannot be asked; the commands post `Done` to the screen."""

    def __init__(self, screen: Screen[None], home: Home, model: str) -> None:
        self._screen, self._home, self._model = screen, home, model
        self._twins = Twins(screen, home)

    def is_study(self, template: Entry) -> bool:
        return plan_template(template.name) is None

    def open(self, entry: Entry, runs: Runs) -> None:
        """On the screen that is made for it; a recipe has none."""
        match entry.kind:
            case Kind.PLAN:
                self._open_plan(entry)
            case Kind.RUN:
                self._screen.post_message(OpenRuns((entry.path.name,)))
            case Kind.STUDY:
                self._open_members(entry, runs)
            case Kind.TEMPLATE:
                if template := plan_template(entry.name):
                    self._screen.post_message(OpenPlan(None, template.text(self._model), template.name))

    def edit(self, entry: Entry | None) -> bool:
        """Opens a file of one's own in `$EDITOR`; False where there is nothing to read anew."""
        if entry is None or entry.built_in or entry.kind not in _FILES:
            self._refuse("e opens plans, recipes and studies of your own; c makes a copy of a built-in one")
            return False
        try:
            edit_file(self._screen.app, entry.path, _INSTEAD.get(entry.kind, _BY_HAND))
        except UsageError as error:
            self._refuse(f"{entry.path}: {error.title}; {error.hint}")
        return True

    def diff(self, marks: Marks, current: Entry | None) -> None:
        """Of the two that are marked; of one that is marked and the one under the cursor."""
        pair = marks.entries if len(marks.entries) == MOST or current is None else (*marks.entries, current)
        if len(pair) != MOST or pair[0] == pair[1]:
            self._refuse("mark two of a kind with space, then d shows how they differ")
        elif pair[0].kind is not pair[1].kind or pair[0].kind in (Kind.STUDY, Kind.TEMPLATE):
            self._refuse("plans, recipes and runs can be compared, each with its like")
        else:
            title = f"{pair[0].name} → {pair[1].name}"
            self._twins.run([commands.diff(*pair)], partial(_page, title))

    def run_missing(self, entry: Entry | None) -> None:
        if study := self._only(entry, (Kind.STUDY,), "R runs what a study misses: go to a study"):
            self._screen.notify("looking for what is missing …", markup=False)
            self._twins.run([commands.run_missing(study)], _queued)

    def reports(self, study: Entry) -> None:
        self._screen.notify(f"writing the report of {study.name} …", markup=False)
        self._twins.run(commands.reports(study), _wrote)

    def asked_text(self, purpose: Purpose, entry: Entry, runs: Runs) -> str | None:
        """What the line begins with; None where this cannot be asked of this kind."""
        known = self._asked(purpose, entry, runs)
        if known is None:
            self._refuse(f"not of a {entry.kind}: {_MEANT[purpose]}")
        return known

    def entered(self, purpose: Purpose, text: str, entry: Entry | None, pasted: str = "") -> None:
        """What was written in the line is done; `pasted` are the lines that came with it."""
        if purpose is Purpose.IMPORT:
            self._twins.answer([commands.import_file(str(Path(text).expanduser()))])
        elif purpose is Purpose.PASTE:
            self._twins.answer([commands.import_text(text)], text=pasted)
        elif entry is not None and (text or purpose is Purpose.TAGS):
            words = self._words(purpose, text, entry)
            key = self._key_after(purpose, text, entry)
            self._twins.answer([words], partial(_at, key))

    def trash(self, entry: Entry | None) -> None:
        if found := self._only(entry, (*_FILES, Kind.RUN), "a template is the program's own"):
            if found.built_in:
                self._refuse(f"{found.name} is built-in and stays; c makes a copy of your own")
                return
            before = {item.id for item in items(self._home)}
            self._twins.run([commands.trash(found)], partial(self._trashed, before))

    def undo(self) -> None:
        if newest := next(iter(items(self._home)), None):
            self._twins.run([commands.restore(newest.id)], partial(_at, self._key_of(newest)))
        else:
            self._refuse("the trash is empty")

    def words_for(self, entry: Entry | None) -> str | None:
        """The command of what was done last; else of what is shown."""
        return self._twins.command(commands.show(entry, self._model)) if entry else None

    def forget(self) -> None:
        """Another entry is looked at: what was done to the last one is not what is shown."""
        self._twins.note([])

    def _open_plan(self, entry: Entry) -> None:
        """One of one's own is edited in its file; a built-in one is the text of a new one."""
        try:
            text = entry.path.read_text(encoding="utf-8") if entry.built_in else None
        except (OSError, UnicodeDecodeError) as error:
            self._refuse(str(error))
            return
        self._screen.post_message(OpenPlan(None if entry.built_in else entry.path, text, entry.name))

    def _open_members(self, entry: Entry, runs: Runs) -> None:
        known = {str(row["run_id"]) for row in runs.rows}
        members = read_members(members_file(self._home, entry.name)).current
        if found := tuple(member.run_id for member in members if member.run_id in known):
            self._screen.post_message(OpenRuns(found))
        else:
            self._refuse(f"{entry.name} has no runs yet: R puts them into the queue")

    def _asked(self, purpose: Purpose, entry: Entry, runs: Runs) -> str | None:
        if purpose is Purpose.TAGS:
            return " ".join(runs.tags.get(entry.path.name, ())) if entry.kind is Kind.RUN else None
        if purpose is Purpose.CLONE:
            return f"{entry.name}-copy" if entry.kind in _FILES else None
        if purpose is Purpose.RENAME:
            return entry.name if entry.kind is Kind.RUN or (entry.kind in _FILES and not entry.built_in) else None
        if entry.kind is Kind.RUN:
            return f"{entry.path.name}.zip"
        return f"{entry.name}.yaml" if entry.kind in (Kind.PLAN, Kind.RECIPE) else None

    def _words(self, purpose: Purpose, text: str, entry: Entry) -> commands.Words:
        match purpose:
            case Purpose.CLONE:
                return commands.clone(entry, text)
            case Purpose.RENAME:
                return commands.rename(entry, text)
            case Purpose.TAGS:
                return commands.set_tags(entry, text.replace(",", " ").replace("#", " ").split())
            case Purpose.STUDY:
                return commands.new_study(entry.name, text.split())
        return commands.export(entry, str(Path(text).expanduser().absolute()))

    def _key_after(self, purpose: Purpose, text: str, entry: Entry) -> tuple[str, str] | None:
        """What the cursor goes to: what has come."""
        if purpose is Purpose.STUDY:
            return Kind.STUDY, str(self._home.studies / entry.name / FILE_NAME)
        if purpose not in (Purpose.CLONE, Purpose.RENAME) or entry.kind is Kind.RUN:
            return None
        folder = {Kind.PLAN: self._home.plans, Kind.RECIPE: self._home.recipes}.get(entry.kind)
        path = folder / f"{text}.yaml" if folder else self._home.studies / text / FILE_NAME
        return entry.kind, str(path)

    def _key_of(self, item: Item) -> tuple[str, str]:
        place = self._home.path / item.origin
        return item.kind, str(place / FILE_NAME if item.kind == Kind.STUDY else place)

    def _trashed(self, before: set[str], outcome: Outcome) -> Done:
        """In the command's thread."""
        if outcome.code or not {item.id for item in items(self._home)} - before:
            return Done(outcome.said, problem=bool(outcome.code))
        return Done(f"{outcome.out.strip()}\nu takes it back", seconds=UNDO_SECONDS)

    def _only(self, entry: Entry | None, kinds: tuple[Kind, ...], otherwise: str) -> Entry | None:
        if entry is not None and entry.kind in kinds:
            return entry
        self._refuse(otherwise)
        return None

    def _refuse(self, why: str) -> None:
        self._screen.notify(why, severity="warning", markup=False)


_BY_HAND = "open the file with an editor of the machine that shows this, or take in another one with I"
_INSTEAD = {Kind.PLAN: f"enter opens the plan on the Plan screen; or {_BY_HAND}"}
_MEANT = {
    Purpose.CLONE: "plans, recipes and studies can be cloned; of a run, c on the Runs screen goes on from its plan",
    Purpose.RENAME: "what is built-in keeps its name; c makes a copy",
    Purpose.TAGS: "runs have tags",
    Purpose.EXPORT: "plans and recipes go to a .yaml, runs to a .zip, studies write their report",
}


def _page(title: str, outcome: Outcome) -> Done:
    if outcome.code:
        return Done(outcome.said, problem=True)
    return Done(outcome.out.strip() or "they do not differ", page_title=title)


def _queued(outcome: Outcome) -> Done:
    """`study run` answers in JSON, and says in words where the study stands."""
    words = [line for line in outcome.err.splitlines() if line.strip()]
    return Done(outcome.said if outcome.code else words[-1] if words else "nothing was missing", bool(outcome.code))


def _wrote(outcome: Outcome) -> Done:
    if outcome.code:
        return Done(outcome.said, problem=True)
    return Done(f"wrote {' and '.join(outcome.out.split(chr(10)))}", seconds=UNDO_SECONDS)


def _at(key: tuple[str, str] | None, outcome: Outcome) -> Done:
    return Done(outcome.said, problem=bool(outcome.code), key=None if outcome.code else key)
