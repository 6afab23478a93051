"""`workbench study new` and `list`: from a built-in study to a file of the home."""

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from workbench.cli.context import current_home, print_json
from workbench.errors import UsageError, WorkbenchError

if TYPE_CHECKING:
    from workbench.run.layout import Home
    from workbench.study.builtin_file import Wishes
    from workbench.study.study import Study

_MOST_SEEDS = 10_000


def read_seeds(text: str) -> list[int]:
    """`1,2,5-7` as numbers. Raises UsageError."""
    seeds: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise UsageError(f"--seeds {text}: '{part.strip()}' is no seed", "such as --seeds 1,2,3 or --seeds 1-5")
        start, end = int(first), int(last or first)
        if end - start >= _MOST_SEEDS or end < start:
            raise UsageError(f"--seeds {text}: {part.strip()} is no range of seeds", "from the lower to the higher one")
        seeds += range(start, end + 1)
    return seeds


def read_levels_option(options: Sequence[str]) -> dict[str, list[str]]:
    """`cut=1,4` as the levels to keep of each factor. Raises UsageError."""
    kept: dict[str, list[str]] = {}
    for option in options:
        factor, equals, levels = option.partition("=")
        names = [level.strip() for level in levels.split(",") if level.strip()]
        if not equals or not names:
            raise UsageError(f"--levels {option}: expected FACTOR=LEVEL,...", "such as --levels cut=1,4,16")
        kept[factor.strip()] = names
    return kept


def new_study(name: str, built_in: str, wishes: "Wishes", force: bool, as_json: bool) -> None:
    """Writes the study, and says what it asks and what it would run."""
    from workbench import atomic
    from workbench.plan.model_map import DEMO, load_map
    from workbench.sample.mark import require_own
    from workbench.study.builtin_file import built_in_text, study_text
    from workbench.study.study import read_study

    home = current_home()
    require_own(home)
    path = _place(home, name, force)
    text = built_in_text(built_in)
    if wishes.recipe is None and wishes.model != DEMO:
        raise UsageError("--recipe is missing", "the demo's recipe is for the demo base: name your own with --recipe")
    blocks = load_map(wishes.model, wishes.revision).blocks
    written = study_text(text, name, _with_absolute_recipe(wishes), blocks)
    study = read_study(written, path, home)
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic.write_text(path, written)
    if as_json:
        print_json({"file": str(path), **_summary(study)})
    else:
        print("\n".join(_said(study)))


def _place(home: "Home", name: str, force: bool) -> Any:
    from workbench.study.study import home_file

    if "/" in name or name.startswith("."):
        raise UsageError(f"'{name}' is no name of a study", "a name has no slashes and starts with a letter or digit")
    path = home_file(home, name)
    if path.exists() and not force:
        raise UsageError(f"{path} exists", "choose another name, or replace it with --force")
    return path


def _with_absolute_recipe(wishes: "Wishes") -> "Wishes":
    """The study stands elsewhere than where the person is: a recipe named by a path has to be found from there."""
    from dataclasses import replace
    from pathlib import Path

    path = Path(wishes.recipe).expanduser() if wishes.recipe else None
    return replace(wishes, recipe=str(path.absolute())) if path and path.is_file() else wishes


def _summary(study: "Study") -> dict[str, Any]:
    file = study.file
    return {"study": study.name, "question": file.question, "arms": len(study.designs), "seeds": list(file.seeds)}


def _said(study: "Study") -> list[str]:
    file = study.file
    texts: Mapping[str, str] = {
        "question": file.question,
        "finding": file.finding,
        "confirmed if": file.confirmed_if,
        "contradicted if": file.contradicted_if,
        "notes": file.notes,
    }
    lines = [f"wrote {study.path}", ""]
    lines += [f"{key}: {value}" for key, value in texts.items() if value]
    lines += [f"claim {name}: {claim.says}" for name, claim in file.claims.items()]
    count = f"{len(study.designs)} arms, some of which may be the same, × {len(file.seeds)} seeds"
    return [*lines, "", f"{count}; see what that costs: workbench study check {study.name}"]


def list_studies(as_json: bool) -> None:
    """Prints the studies of the home and the built-in ones."""
    from workbench.plan.document import read_document
    from workbench.plan.files import read_text
    from workbench.report.table import Column, Table
    from workbench.study.builtin_file import built_in_names
    from workbench.study.study import FILE_NAME, built_in_studies

    home = current_home()
    paths = [(path.parent.name, path, "yours") for path in sorted(home.studies.glob(f"*/{FILE_NAME}"))]
    paths += [(name, built_in_studies() / f"{name}.yaml", "built-in") for name in built_in_names()]
    rows = []
    for name, path, kind in paths:
        try:
            question = str(read_document(str(path), read_text(path)).data.get("question", ""))
        except WorkbenchError as error:
            question = "(cannot be read)"
            print(f"warning: {error.title}", file=sys.stderr)
        rows.append({"study": name, "kind": kind, "question": question})
    if as_json:
        print_json(rows)
        return
    columns = tuple(Column(heading, "left") for heading in ("study", "from", "question"))
    print(Table(columns, tuple((row["study"], row["kind"], row["question"]) for row in rows)).text())
