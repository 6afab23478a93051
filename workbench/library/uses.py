"""What still uses a plan, a recipe or a study that is to go: a person is told, and nothing is held up."""

from collections.abc import Iterator
from pathlib import Path

from workbench.errors import InvalidError
from workbench.library.entry import Kind
from workbench.plan.document import read_document
from workbench.plan.files import SUFFIX, read_text
from workbench.run.at_work import runs_at_work
from workbench.run.layout import Home
from workbench.run.record import read_record
from workbench.study.members import members_file, read_members
from workbench.study.study import home_file, known_studies


def uses(home: Home, kind: Kind, name: str, path: Path) -> list[str]:
    """A line for what is queued or at work with it, and for every study that names it."""
    at_work = {view.run_id for _, view in runs_at_work(home)}
    if kind is Kind.STUDY:
        own = {member.run_id for member in read_members(members_file(home, name)).current} & at_work
        return _said(len(own), "queued or at work; they go on")
    used = sum(_names(home, run_id, kind, name) for run_id in at_work)
    studies = [study for study in known_studies(home) if _study_names(home, study, name, path)]
    return [
        *_said(used, "queued or at work; they have copies of their own"),
        *(f"study {study} names it: it cannot go on before it is back" for study in studies),
    ]


def _said(count: int, what: str) -> list[str]:
    return [f"{count} run{'s' if count > 1 else ''} of it {'are' if count > 1 else 'is'} {what}"] if count else []


def _names(home: Home, run_id: str, kind: Kind, name: str) -> bool:
    try:
        record = read_record(home.run_dir(run_id).record)
    except (OSError, InvalidError):
        return False
    return name == (record.plan if kind is Kind.PLAN else record.recipe_name)


def _study_names(home: Home, study: str, name: str, path: Path) -> bool:
    """Whether its file names this recipe or plan: by its name, its file's name or its path."""
    place = home_file(home, study)
    try:
        data = read_document(str(place), read_text(place)).data
    except InvalidError:
        return False
    named = [value for key in ("recipe", "plan") if isinstance(value := data.get(key), str)]
    return bool({name, f"{name}{SUFFIX}", str(path), str(path.absolute())} & {*_strings(named)})


def _strings(values: list[str]) -> Iterator[str]:
    for value in values:
        yield value
        yield str(Path(value).expanduser())
