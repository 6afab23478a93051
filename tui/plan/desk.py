"""The draft on the desk: its text, its journal, its file, and what was done to it last. It knows of no widget."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from itertools import count
from pathlib import Path

from tui.plan.brush import DEFAULTS, OFF, assignments_of, brush_of
from tui.plan.draft import Draft, read_draft, with_rule, with_text
from tui.plan.journal import Journal
from tui.twin import command_line
from workbench import atomic
from workbench.errors import InvalidError, NotFoundError, WorkbenchError
from workbench.plan.compact import compact
from workbench.plan.document import read_document
from workbench.plan.edit import new_plan_text
from workbench.plan.edit_groups import with_groups
from workbench.plan.files import built_in_plans, read_text
from workbench.plan.model_map import load_map
from workbench.plan.plan import Plan, PlannedSite
from workbench.plan.selector import parse_rule
from workbench.plan.site import Site
from workbench.plan.sources import DEMO
from workbench.run.layout import Home

_RANK = 16  # what a new plan begins with
_UNFIT = re.compile(r"[^\w.-]+")


@dataclass(frozen=True, slots=True)
class Edit:
    """What was done last: rules and groups as `plan set` takes them, and what they set, for the next selection."""

    rules: tuple[str, ...] = ()
    groups: tuple[tuple[str, str], ...] = ()
    assignments: str | None = None

    def words(self, plan: str) -> list[str]:
        """The words after `workbench`."""
        rules = [word for rule in self.rules for word in ("--rule", rule)]
        groups = [word for name, selector in self.groups for word in ("--group", f"{name}={selector}")]
        return ["plan", "set", plan, *groups, *rules]


class Desk:
    """One draft; each edit is in its journal before it is anywhere else, and its file changes only by `write`."""

    def __init__(self, home: Home, journal: Journal, draft: Draft, known: str | None) -> None:
        """`known` is the text of the file as it was last seen here, None where there was none."""
        self.home, self._journal, self._known = home, journal, known
        self.draft = draft
        self.baseline: Plan = draft.plan
        self.brush = DEFAULTS
        self.last: Edit | None = None
        self.unkept = ""

    # -- edits

    def assign(self, sites: Sequence[Site], assignments: str) -> None:
        """As few rules as say it for exactly these sites. Raises WorkbenchError; then nothing is changed."""
        rules = [f"{selector} {assignments}".strip() for selector in compact(sites, self.draft.plan.map)]
        self.add(rules, assignments)

    def add(self, rules: Sequence[str], assignments: str | None = None) -> None:
        """Adds rules to the plan. `assignments` is what `.` repeats; None takes that of the last rule."""
        parsed = parse_rule(rules[-1])
        self._take(with_rule(self.draft, rules, self.home))
        told = assignments_of(parsed) if assignments is None else assignments
        self.last = Edit(tuple(rules), assignments=told)

    def name_group(self, name: str, sites: Sequence[Site]) -> None:
        """The sites as a layer group of the plan file. Sites that one selector cannot say become a group of groups."""
        selectors = compact(sites, self.draft.plan.map)
        groups = {name: selectors[0]}
        if len(selectors) > 1:
            parts = {f"{name}.{number}": selector for number, selector in enumerate(selectors, start=1)}
            groups = {**parts, name: ",".join(f"@{part}" for part in parts)}
        text = with_groups(self.draft.text, str(self.draft.path), groups)
        draft = with_text(self.draft, text, self.home)
        if new := [problem for problem in draft.errors if problem not in self.draft.errors]:
            raise InvalidError(new[0].message, new[0].hint)
        self._take(draft)
        self.last = Edit(groups=tuple(groups.items()))

    def replace_text(self, text: str) -> None:
        """Another text for the whole file, such as an editor gives it."""
        self._take(with_text(self.draft, text, self.home))

    def pick(self, planned: PlannedSite) -> None:
        """What `space` paints from now on."""
        self.brush = brush_of(planned)

    def dip(self, sites: Sequence[Site]) -> None:
        """After an edit the brush is what came of it at the first of these sites that is adapted."""
        plan = self.draft.plan
        adapted = next((planned for site in sites if (planned := plan.site(site.name)).adapter), None)
        if adapted and self.last and self.last.assignments not in (None, OFF):
            self.pick(adapted)

    def undo(self) -> None:
        self._step(self._journal.undo)

    def redo(self) -> None:
        self._step(self._journal.redo)

    def _take(self, draft: Draft) -> None:
        self.draft = draft
        self._step(lambda: self._journal.push(draft.text))

    def _step(self, step: Callable[[], object]) -> None:
        """A home that cannot be written to keeps no drafts: what was done is done, and `unkept` says so."""
        self.unkept = ""
        try:
            step()
        except OSError as error:
            self.unkept = f"not kept: {error.strerror or error}"
        if self._journal.text not in (None, self.draft.text):
            self.draft = with_text(self.draft, self._journal.text or "", self.home)

    # -- the file

    @property
    def is_written(self) -> bool:
        """Whether the file, as far as known, says what the draft says."""
        return self._known == self.draft.text

    def outside(self) -> str | None:
        """The text of the file where someone else changed it since it was seen here."""
        text = _file_text(self.draft.path)
        if text is None or text in (self._known, self.draft.text):
            return None
        return text

    def keep(self, outside: str) -> None:
        """The file has been seen as it is; the draft stays, and may be written over it."""
        self._known = outside

    def stay(self) -> None:
        """The file says something else and is left so: the draft is not what is written, and is not written unasked."""
        self._known = None

    def reload(self, outside: str) -> None:
        """The draft says what the file says; undo gives back what it said before."""
        self._known = outside
        self.replace_text(outside)

    def write(self) -> None:
        """Writes the text as it is: an invalid plan is still the person's work. Raises OSError."""
        self.draft.path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write_text(self.draft.path, self.draft.text)
        self._known = self.draft.text

    # -- as commands

    def command(self, words: Sequence[str]) -> str:
        return command_line(self.home, words)

    def last_command(self) -> str | None:
        """The command that does the last edit to the file."""
        return self.command(self.last.words(str(self.draft.path))) if self.last else None


def open_model(home: Home, model: str, name: str = "") -> Desk:
    """The draft for that model as it was left, or a new one. Raises NotFoundError, InvalidError."""
    name = name or ("draft" if model == DEMO else _draft_name(home, model))
    path = home.plans / f"{name}.yaml"
    there = _file_text(path)
    try:
        return _opened(home, path, name, there or new_plan_text(name, model))
    except InvalidError:
        rank = _least_side(model)
        if there or rank >= _RANK:
            raise
        return _opened(home, path, name, new_plan_text(name, model, defaults={"r": rank}))


def _least_side(model: str) -> int:
    """Of all layers: models to try things out with have very small ones, for which the usual rank is too high."""
    return min((min(site.in_features, site.out_features) for site in load_map(model).sites), default=_RANK)


def _draft_name(home: Home, model: str) -> str:
    """By the model's last name; models of one name in several places are told apart."""
    name = f"draft-{_fit(Path(model).name)}"
    there = Journal.read(_journal(home, name)).text or _file_text(home.plans / f"{name}.yaml")
    return name if there is None or _model_of(there) in (None, model) else f"{name}-{_short_hash(model)}"


def _model_of(text: str) -> object:
    """None where the text does not say."""
    try:
        return read_document("", text).data.get("model")
    except InvalidError:
        return None


def open_plan(home: Home, path: Path | None, text: str | None, name: str) -> Desk:
    """The draft of a plan file, or of a text that has no file yet. Raises InvalidError, NotFoundError, OSError."""
    if path is not None and path.parent == built_in_plans():  # stays as it is
        name, text, path = path.stem, read_text(path), None
    if path is not None:
        return _opened(home, path, _journal_name(home, path), read_text(path))
    text = text or new_plan_text(name, DEMO)
    name = _free(home, _fit(name), text)
    return _opened(home, home.plans / f"{name}.yaml", name, text)


def open_left(home: Home, path: Path, admit: Callable[[object], None] | None = None) -> Desk:
    """The draft of a plan file as it was left, also where the file was never written.

    `admit` raises where its model is not to be read. Raises as that and as `open_plan`.
    """
    name = _journal_name(home, path)
    journal = Journal.read(_journal(home, name))
    text = journal.text or _file_text(path)
    if text is None:
        raise NotFoundError(f"{path} is gone, and so is its draft", "O opens another plan")
    if admit:
        admit(_model_of(text))
    return _as_left(home, path, journal, text)


def _free(home: Home, name: str, text: str) -> str:
    """That name, or with a number where another plan or draft has it; what says the same is the same draft."""
    for number in count(1):
        free = name if number == 1 else f"{name}-{number}"
        there = {_file_text(home.plans / f"{free}.yaml"), Journal.read(_journal(home, free)).text} - {None}
        if there <= {text}:
            return free
    raise AssertionError("numbers never end")


def _opened(home: Home, path: Path, name: str, text: str) -> Desk:
    return _as_left(home, path, Journal.read(_journal(home, name)), text)


def _as_left(home: Home, path: Path, journal: Journal, text: str) -> Desk:
    """As the journal has it, where it has anything; a file that was never in it has been changed outside."""
    on_disk = _file_text(path)
    if journal.text is None:
        desk = Desk(home, journal, read_draft(text, path, home), on_disk)
        desk.replace_text(text)
        return desk
    known = on_disk if on_disk in journal.texts else None
    return Desk(home, journal, _left(journal, path, home), known)


def _journal(home: Home, name: str) -> Path:
    return home.path / "drafts" / f"{name}.jsonl"


def _left(journal: Journal, path: Path, home: Home) -> Draft:
    """The draft as it was left; where its text comes to no plan, the last one that did is on the map."""
    assert journal.text is not None
    try:
        return read_draft(journal.text, path, home)
    except WorkbenchError:
        before = next(_plans(journal, path, home), None)
    return read_draft(journal.text, path, home, before)


def _plans(journal: Journal, path: Path, home: Home) -> Iterator[Plan]:
    """What the texts came to, the newest first."""
    for text in reversed(journal.texts):
        with suppress(WorkbenchError):
            yield read_draft(text, path, home).plan


def _file_text(path: Path) -> str | None:
    """None where there is no file; what is no UTF-8 in it is marked, as it is still someone's file."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


def _journal_name(home: Home, path: Path) -> str:
    """Plans of the home have their own name; files of one name elsewhere are told apart by their folder."""
    if path.absolute().parent == home.plans.absolute():
        return path.stem
    return f"{_fit(path.stem)}-{_short_hash(str(path.absolute()))}"


def _short_hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:6]


def _fit(name: str) -> str:
    return _UNFIT.sub("-", name).strip("-.") or "plan"
