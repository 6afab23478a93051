"""A study as a whole: found by name, read with every problem at once, and made ready to be expanded."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from workbench.errors import InvalidError, NotFoundError, Problem, UsageError
from workbench.nearest import nearest
from workbench.plan.check import PlanCheck, check_document
from workbench.plan.document import Document, read_document
from workbench.plan.files import home_groups, read_text
from workbench.plan.findings import Finding
from workbench.plan.plan import Plan
from workbench.run.layout import Home
from workbench.run.recipe import Recipe
from workbench.run.recipe_file import RecipeSource, find_recipe, recipe_source
from workbench.study.design import ArmDesign, design
from workbench.study.recipes import Recipes, SettingError
from workbench.study.study_file import PLAN_KEYS, StudyFile, read_study_file

FILE_NAME = "study.yaml"
_MAKE_ONE = "make one: workbench study new --from BUILTIN --model MODEL; workbench study list names them"
_EXAMPLE = "a study starts with lines such as `model: demo`, `recipe: demo` and `seeds: [1, 2, 3]`"


@dataclass(frozen=True, slots=True)
class Study:
    """A study file that is sound in itself: its baseline is a plan, and its factors, seeds and metric fit together."""

    path: Path
    document: Document
    file: StudyFile
    designs: tuple[ArmDesign, ...]
    baseline: Plan
    home_groups: Document
    recipe: RecipeSource
    warnings: tuple[Problem, ...] = field(default=())

    @property
    def name(self) -> str:
        return self.file.name

    def plan_values(self) -> dict[str, object]:
        """What a plan file of this study has, but for its rules."""
        return {key: self.document.data[key] for key in PLAN_KEYS if key in self.document.data}

    def invalid(self, findings: Sequence[Finding]) -> InvalidError:
        """One error with all that was found, each at its place in the file."""
        return _invalid(self.name, self.document.problems(findings))


def built_in_studies() -> Path:
    """The folder of the studies that ship with the program."""
    return Path(str(files("workbench.study") / "builtin"))


def home_file(home: Home, name: str) -> Path:
    """Where the file of a study of this home stands."""
    return home.studies / name / FILE_NAME


def find_study(ref: str, home: Home) -> Path:
    """The study file that `ref` means: an existing path, else the name of a study of the home.

    Raises NotFoundError with the nearest name; for a built-in study it says how to start from it.
    """
    if Path(ref).expanduser().is_file():
        return Path(ref).expanduser()
    if "/" not in ref and home_file(home, ref).is_file():
        return home_file(home, ref)
    known = known_studies(home)
    if (built_in_studies() / f"{ref}.yaml").is_file():
        raise NotFoundError(
            f"'{ref}' is a built-in study and needs a model", f"workbench study new --from {ref} --model demo"
        )
    hint = nearest(ref, known) if known else _MAKE_ONE
    raise NotFoundError(f"no study '{ref}'", f"{hint}; looked for that file, and in {home.studies}")


def known_studies(home: Home) -> list[str]:
    """The names of the home's studies."""
    return [path.parent.name for path in sorted(home.studies.glob(f"*/{FILE_NAME}"))]


def only_study(home: Home) -> str:
    """The home's study, where there is just one. Raises NotFoundError where there is none, UsageError for several."""
    known = known_studies(home)
    if not known:
        raise NotFoundError(f"no study in {home.studies}", _MAKE_ONE)
    if len(known) > 1:
        raise UsageError("which study is meant?", f"name one of {', '.join(known)}")
    return known[0]


def load_study(ref: str, home: Home) -> Study:
    """Finds and reads a study. Raises NotFoundError, or one InvalidError with every problem of the file."""
    path = find_study(ref, home)
    return read_study(read_text(path), path, home)


def read_study(text: str, path: Path, home: Home) -> Study:
    """The study whose file stands, or will stand, at `path`. Errors as `load_study`."""
    document = read_document(str(path), text, _EXAMPLE)
    name = path.absolute().parent.name if path.name == FILE_NAME else path.stem
    file, found = read_study_file({"name": name, **document.data})
    if file is None:
        raise _invalid(name, document.problems(found))
    groups = home_groups(home)
    designed = design(file)
    check = _baseline(document, file, groups)
    recipe, findings = _recipe(file, home, path.parent)
    problems = (*document.problems((*designed.errors, *findings)), *_renamed(check.errors))
    if check.missing and not designed.errors and not findings:
        raise NotFoundError(f"study '{name}': {check.missing.title}", check.missing.hint)
    if problems or check.plan is None or recipe is None:
        raise _invalid(file.name, problems)
    if check.plan.reference:
        finding = Finding(("baseline",), "the baseline adapts nothing", 'rules such as `- "* all"`')
        raise _invalid(file.name, document.problems([finding]))
    return Study(path, document, file, designed.arms, check.plan, groups, recipe, _renamed(check.warnings))


def _baseline(document: Document, file: StudyFile, groups: Document) -> PlanCheck:
    """The baseline by the checks of plan files: its rules stand under another key here."""
    data = {key: document.data[key] for key in PLAN_KEYS if key in document.data}
    marks = {("rules", *place[1:]) if place[:1] == ("baseline",) else place: m for place, m in document.marks.items()}
    name = f"{file.name}:baseline"
    return check_document(Document(document.file, {**data, "rules": file.baseline}, marks), groups, name)


def _renamed(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    return tuple(Problem(p.where.replace(" rules", " baseline"), p.message, p.hint) for p in problems)


def _recipe(file: StudyFile, home: Home, folder: Path) -> tuple[RecipeSource | None, list[Finding]]:
    """The recipe that the study names, and what is wrong with it, with `set` or with the metric."""
    beside = folder / file.recipe
    try:
        source = recipe_source(beside if beside.is_file() else find_recipe(file.recipe, home))
        source.recipe()
    except (InvalidError, NotFoundError) as error:
        said = "; ".join(f"{p.where}: {p.message}" for p in error.problems) or error.title
        return None, [Finding(("recipe",), said, error.problems[0].hint if error.problems else error.hint)]
    found: list[Finding] = []
    plain = source.recipe()
    try:
        plain = Recipes(source, file.set_, lambda recipe: recipe).plain()
    except SettingError as error:
        found.append(Finding(("set", error.key) if error.key else ("set",), error.title, error.hint))
    known = metrics_of(plain)
    if file.metric not in known and "merge_eval" not in {finding.path[-1] for finding in found}:
        hint = f"{nearest(file.metric, known)}; the recipe's evaluators are what can be compared by"
        found.append(Finding(("metric",), f"no evaluator of the recipe gives '{file.metric}'", hint))
    return source, found


def metrics_of(recipe: Recipe) -> list[str]:
    """The metrics that a run of this recipe ends with: its evaluators, and each again after every merge."""
    merged = [f"{name}@{target}" for target in recipe.merge_eval for name in (*recipe.evaluators, "kept")]
    return [*recipe.evaluators, *merged]


def _invalid(name: str, problems: Sequence[Problem]) -> InvalidError:
    count = f"{len(problems)} problems" if len(problems) > 1 else "1 problem"
    return InvalidError(f"study '{name}': {count}", "correct them, and check again with `study check`", tuple(problems))
