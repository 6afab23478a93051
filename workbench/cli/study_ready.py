"""A study made ready for its commands: its data read, its model hashed, its arms and runs known."""

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.cli.launching import check_warmup, predicted_memory, resolved_recipe
from workbench.run.identity import make_record
from workbench.run.layout import Home
from workbench.run.record import RunRecord

if TYPE_CHECKING:
    from workbench.data.load import DataSet
    from workbench.study.arm_plans import ArmPlans
    from workbench.study.changes import Changes
    from workbench.study.expand import Expansion, Grounds, Member
    from workbench.study.members import Members
    from workbench.study.study import Study


@dataclass(frozen=True, slots=True)
class ReadyStudy:
    """A study with its runs, what it has of them already, and what its file changes."""

    study: "Study"
    plans: "ArmPlans"
    data: "DataSet"
    grounds: "Grounds"
    expansion: "Expansion"
    known: "Members"
    changes: "Changes"

    def records(self, members: "list[Member]") -> list[RunRecord]:
        """The run.json of these members. Raises InvalidError where a merge of the recipe does not fit a layer."""
        memory: dict[str, dict[str, int]] = {}
        arms = {arm.name: arm for arm in self.expansion.arms}
        made = []
        for member in members:
            arm = arms[member.arm]
            if arm.name not in memory:
                memory[arm.name] = predicted_memory(arm.plan, arm.recipe).parts()
            fingerprint = self.grounds.model_fingerprint
            name, recipe = self.study.recipe.name, arm.recipe
            made.append(make_record(arm.plan, name, recipe, self.data, fingerprint, member.seed, memory[arm.name]))
        return made


def make_ready(study: "Study", home: Home) -> ReadyStudy:
    """Reads the data and hashes the model. Raises one InvalidError with everything wrong with the arms."""
    from workbench.data.load import load_data
    from workbench.plan.fingerprint import model_fingerprint
    from workbench.plan.model_map import require_weights
    from workbench.study.arm_plans import ArmPlans
    from workbench.study.changes import changes
    from workbench.study.expand import ExpansionError, Grounds, expand
    from workbench.study.members import members_file, read_members
    from workbench.study.recipes import Recipes

    require_weights(study.baseline.map)
    data = load_data(Recipes(study.recipe, study.file.set_, lambda recipe: recipe).plain())
    recipes = Recipes(study.recipe, study.file.set_, lambda recipe: resolved_recipe(recipe, data))
    grounds = Grounds(model_fingerprint(study.baseline.map.path, home.cache), data.hash)
    plans = ArmPlans.over(dict(study.plan_values()), study.home_groups, study.baseline)
    try:
        expansion = expand(study.file, study.designs, plans, recipes, grounds)
    except ExpansionError as error:
        raise study.invalid(error.findings) from error
    for recipe in {id(arm.recipe): arm.recipe for arm in expansion.arms}.values():
        check_warmup(recipe)
    known = read_members(members_file(home, study.name))
    return ReadyStudy(study, plans, data, grounds, expansion, known, changes(home, known, expansion, grounds))


def say_data(ready: ReadyStudy) -> None:
    """Says on stderr what the data files are."""
    for line in ready.data.said:
        print(line, file=sys.stderr)


def install(study: "Study", home: Home) -> "Study":
    """The study as it stands in the home: a file from elsewhere is copied there, its paths made absolute."""
    from workbench import atomic
    from workbench.study.study import home_file

    target = home_file(home, study.name)
    if study.path.absolute() == target.absolute():
        return study
    target.parent.mkdir(parents=True, exist_ok=True)
    atomic.write_text(target, _with_absolute_paths(study))
    return replace(study, path=target)


def _with_absolute_paths(study: "Study") -> str:
    from workbench.plan.files import read_text
    from workbench.study.builtin_file import with_values

    values = {"name": study.name}
    if _names_a_file(study):
        values["recipe"] = str(study.recipe.path.absolute())
    if Path(study.file.model).expanduser().is_dir():
        values["model"] = str(Path(study.file.model).expanduser().absolute())
    return with_values(read_text(study.path), values)


def _names_a_file(study: "Study") -> bool:
    """Whether the study names its recipe by a path, and not by a name of the home or of the program."""
    written = Path(study.file.recipe).expanduser()
    return written.is_file() or (study.path.parent / written).is_file()
