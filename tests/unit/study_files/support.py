"""Studies of the demo base, written as files and expanded without data or hashes of weights."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from workbench.run.layout import Home
from workbench.run.recipe import Recipe
from workbench.study.arm_plans import ArmPlans
from workbench.study.expand import Expansion, Grounds, expand
from workbench.study.recipes import Recipes
from workbench.study.study import Study, read_study

GROUNDS = Grounds("model-fingerprint", "data-hash")


def text(**values: Any) -> str:
    """A study of the demo base as a file; JSON values are YAML ones."""
    given = {"name": "study", "model": "demo", "recipe": "demo", "seeds": [1, 2, 3], **values}
    return "".join(f"{key}: {json.dumps(value)}\n" for key, value in given.items())


def study_of(home: Home, **values: Any) -> Study:
    return read_study(text(**values), home.path / "study.yaml", home)


def plans_of(study: Study) -> ArmPlans:
    return ArmPlans.over(dict(study.plan_values()), study.home_groups, study.baseline)


def on_cpu(recipe: Recipe) -> Recipe:
    return replace(recipe, compute_dtype="fp32")


def expanded(study: Study, grounds: Grounds = GROUNDS) -> Expansion:
    recipes = Recipes(study.recipe, study.file.set_, on_cpu)
    return expand(study.file, study.designs, plans_of(study), recipes, grounds)


def expansion_of(home: Home, **values: Any) -> Expansion:
    return expanded(study_of(home, **values))


def file_of(folder: Path, content: str) -> Path:
    path = folder / "study.yaml"
    path.write_text(content, encoding="utf-8")
    return path
