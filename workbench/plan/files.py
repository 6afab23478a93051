"""Plans on disk: finding them by name, loading them, checking them."""

from pathlib import Path
from typing import Any

from workbench.errors import InvalidError, NotFoundError, Problem
from workbench.nearest import nearest
from workbench.plan.check import PlanCheck, check_document
from workbench.plan.document import Document, read_document
from workbench.plan.plan import Plan
from workbench.run.layout import Home

SUFFIX = ".yaml"


def find_plan(ref: str | Path, home: Home) -> Path:
    """The plan file that `ref` means: an existing path, else a name in the home, else a built-in one.

    Raises NotFoundError with the nearest name and the places looked at.
    """
    if Path(ref).expanduser().is_file():
        return Path(ref).expanduser()
    folders = (home.plans, built_in_plans())
    for folder in folders:
        for name in (str(ref), f"{ref}{SUFFIX}"):
            if (folder / name).is_file():
                return folder / name
    known = [path.stem for folder in folders for path in sorted(folder.glob(f"*{SUFFIX}"))]
    hint = f"{nearest(str(ref), known)}; " if known else ""
    raise NotFoundError(
        f"no plan '{ref}'", f"{hint}looked for that file, in {home.plans}, and among the built-in plans"
    )


def built_in_plans() -> Path:
    """The folder of the plans that ship with the program."""
    from importlib.resources import files

    return Path(str(files("workbench.demo") / "plans"))


def load_plan(ref: str | Path, home: Home, model: str | None = None) -> Plan:
    """The resolved plan; `model` takes the place of the file's own.

    Raises NotFoundError where there is no such plan, and one InvalidError with all problems of the file.
    """
    return plan_or_raise(check_plan(ref, home, model), str(ref))


def check_plan(ref: str | Path, home: Home, model: str | None = None) -> PlanCheck:
    """The plan with its warnings, or all that is wrong with it. Raises NotFoundError where there is no such plan."""
    path = find_plan(ref, home)
    try:
        text = read_text(path)
    except InvalidError as error:
        return PlanCheck(None, errors=error.problems)
    return check_text(text, path, home, model)


def check_text(text: str, path: Path, home: Home, model: str | None = None, before: Plan | None = None) -> PlanCheck:
    """Checks the text of a plan file that stands, or will stand, at `path`. See `check_document`."""
    try:
        document, groups = read_document(str(path), text), home_groups(home)
    except InvalidError as error:
        return PlanCheck(None, errors=error.problems)
    return check_document(document, groups, path.stem, model, before)


def check_values(values: dict[str, Any], home: Home, name: str = "plan") -> PlanCheck:
    """Checks a plan given as plain values, such as `run.json` keeps it."""
    try:
        groups = home_groups(home)
    except InvalidError as error:
        return PlanCheck(None, errors=error.problems)
    return check_document(Document(name, values), groups, name)


def plan_or_raise(check: PlanCheck, ref: str) -> Plan:
    """The plan. Raises one InvalidError that carries all errors of the check, or NotFoundError for its model alone."""
    if check.plan:
        return check.plan
    if check.missing:
        raise NotFoundError(f"plan '{ref}': {check.missing.title}", check.missing.hint)
    count = f"{len(check.errors)} problems" if len(check.errors) > 1 else "1 problem"
    raise InvalidError(f"plan '{ref}': {count}", "correct them, and check again with `plan check`", check.errors)


def read_text(path: Path) -> str:
    """The text of a file that a person wrote. Raises InvalidError, with one problem, where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        problem = Problem(str(path), f"cannot be read: {error}", "save it as a readable UTF-8 file")
        raise InvalidError(f"{path}: {problem.message}", problem.hint, (problem,)) from error


def home_groups(home: Home) -> Document:
    """The layer groups of the home, which all plans may use; none where there is no such file."""
    if not home.groups_file.is_file() or not (text := read_text(home.groups_file)).strip():
        return Document(str(home.groups_file), {})
    return read_document(str(home.groups_file), text)
