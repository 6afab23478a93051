"""Recipes on disk: keys, types and defaults of the file, finding it by name, reading it with every problem at once."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from workbench.data.load import DataSet
from workbench.data.source import is_hub
from workbench.errors import InvalidError, NotFoundError
from workbench.nearest import nearest
from workbench.plan.document import Document, read_document
from workbench.plan.files import read_text
from workbench.plan.findings import Finding
from workbench.run.layout import Home
from workbench.run.recipe import CHOICE_ACCURACY, EVALUATORS, Recipe, Split

_FILE = ConfigDict(extra="forbid", frozen=True)
_DEFAULT = Recipe(data="")
DEMO = "demo"


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


MergeTarget = Literal["int4", "int4-original", "nf4", "nf4-original", "bf16", "bf16-original", "fp32", "fp32-original"]


class SplitFile(BaseModel):
    """Holds a share of the examples out for evaluation."""

    model_config = _FILE

    fraction: Annotated[float, Field(gt=0, lt=1)] = 0.1
    seed: Annotated[int, Field(ge=0)] = 0


class RecipeFile(BaseModel):
    """A recipe: everything of a run but plan and seed."""

    model_config = _FILE

    data: Annotated[
        str, Field(min_length=1, description="demo, a .jsonl, .json, .csv or .parquet file, or OWNER/NAME of the hub")
    ]
    eval_data: Annotated[str | None, Field(min_length=1, description="data of its own instead of a split")] = None
    split: SplitFile | None = None
    revision: Annotated[str | None, Field(min_length=1, description="commit, branch or tag of a hub data set")] = None
    format: Literal["auto", "chat", "prompt_completion", "alpaca", "text"] = "auto"
    columns: Annotated[dict[str, str], Field(description="what the data calls a key of the format")] = {}
    prompt_template: Annotated[
        str | None, Field(min_length=1, description="the prompt of a row, with {column} where a value goes")
    ] = None
    max_length: Annotated[int, Field(ge=2, description="tokens of prompt and target together")] = _DEFAULT.max_length
    steps: Annotated[int | None, Field(ge=1, description="optimizer steps")] = None
    epochs: Annotated[float | None, Field(gt=0, description="passes over the data instead of steps; default 1")] = None
    batch: Annotated[int, Field(ge=1, description="examples per micro-step")] = _DEFAULT.batch
    accumulation: Annotated[int, Field(ge=1, description="micro-steps per step")] = _DEFAULT.accumulation
    lr: Annotated[float, Field(gt=0, allow_inf_nan=False)] = _DEFAULT.lr
    schedule: Literal["constant_with_warmup", "linear", "cosine", "constant"] = "constant_with_warmup"
    warmup: Annotated[float, Field(ge=0, allow_inf_nan=False, description="below 1 a share of the steps")] = 0.03
    optimizer: Annotated[
        Literal["adamw", "adamw_8bit", "paged_adamw_32bit", "paged_adamw_8bit", "mezo"],
        Field(description="mezo: two forward passes a step and no gradients; it takes many more steps"),
    ] = "adamw"
    mezo_epsilon: Annotated[
        float, Field(gt=0, allow_inf_nan=False, description="how far mezo goes aside to compare losses; with mezo only")
    ] = _DEFAULT.mezo_epsilon
    clip: Annotated[
        float, Field(ge=0, allow_inf_nan=False, description="global gradient norm, mezo: projected gradient; 0 is off")
    ] = 0.3
    weight_decay: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    eval_every: Annotated[int, Field(ge=0, description="steps; 0 is after the last step only")] = 0
    evaluators: Annotated[
        list[Literal["loss", "token_accuracy", "exact_match", "choice_accuracy"]],
        Field(min_length=1, description="choice_accuracy: of the questions in `choices`"),
    ] = ["loss", "token_accuracy"]
    choices: Annotated[
        list[Annotated[str, Field(min_length=1)]],
        BeforeValidator(_listed, json_schema_input_type=str | list[str]),
        Field(description="multiple-choice questions like MMLU's: a file or hub data set, or several"),
    ] = []
    choices_prompt: Annotated[
        str, Field(min_length=1, description="a question as it is asked; {question}, {choices}, {subject}, {A}, {B} …")
    ] = _DEFAULT.choices_prompt
    choices_answer: Annotated[
        str, Field(min_length=1, description="what follows the prompt for a choice, {choice} or {letter}")
    ] = _DEFAULT.choices_answer
    merge_eval: Annotated[
        list[MergeTarget],
        Field(description="evaluate again after merging into these at the end, as `loss@int4` and so on"),
    ] = []
    checkpoint_every: Annotated[
        int, Field(ge=0, description="steps between states to resume from; 0 is when paused or stopped only")
    ] = _DEFAULT.checkpoint_every
    checkpoint_keep: Annotated[int, Field(ge=1, description="how many of the newest are kept")] = (
        _DEFAULT.checkpoint_keep
    )
    gradient_checkpointing: bool = False
    compute_dtype: Literal["auto", "bf16", "fp32"] = "auto"

    @field_validator("mezo_epsilon")
    @classmethod
    def _only_with_mezo(cls, epsilon: float, info: ValidationInfo) -> float:
        optimizer = info.data.get("optimizer", "mezo")  # one that is refused has its own line
        if optimizer != "mezo":
            raise ValueError(f"goes with optimizer mezo, not {optimizer}; leave it out, or set optimizer: mezo")
        return epsilon

    @model_validator(mode="after")
    def _one_of_each(self) -> "RecipeFile":
        for one, other in (("steps", "epochs"), ("eval_data", "split")):
            if getattr(self, one) is not None and getattr(self, other) is not None:
                raise ValueError(f"{one} and {other} exclude each other: keep one")
        return self

    @model_validator(mode="after")
    def _choices_with_their_evaluator(self) -> "RecipeFile":
        if self.choices and CHOICE_ACCURACY not in self.evaluators:
            raise ValueError(f"choices are for the evaluator {CHOICE_ACCURACY}: add it to evaluators")
        if not self.choices and CHOICE_ACCURACY in self.evaluators:
            raise ValueError(f"{CHOICE_ACCURACY} needs questions: add `choices: FILE`")
        if not self.choices and (lone := {"choices_prompt", "choices_answer"} & self.model_fields_set):
            raise ValueError(f"{min(lone)} goes with choices; leave it out, or name a file of questions")
        return self

    def value(self) -> Recipe:
        """The recipe as the core knows it; evaluators in their usual order, once each."""
        split = Split(self.split.fraction, self.split.seed) if self.split else None
        evaluators = tuple(name for name in EVALUATORS if name in self.evaluators)
        merge_eval = tuple(dict.fromkeys(self.merge_eval))
        choices = tuple(dict.fromkeys(self.choices))
        plain = self.model_dump(exclude={"split", "columns", "evaluators", "choices", "merge_eval"})
        return Recipe(
            **plain,
            split=split,
            columns=tuple(sorted(self.columns.items())),
            evaluators=evaluators,
            choices=choices,
            merge_eval=merge_eval,
        )


def find_recipe(ref: str, home: Home) -> Path:
    """The recipe file that `ref` means: an existing path, else a name in the home, else a built-in one."""
    if Path(ref).expanduser().is_file():
        return Path(ref).expanduser()
    folders = (home.recipes, built_in_recipes())
    for folder in folders:
        for name in (ref, f"{ref}.yaml"):
            if (folder / name).is_file():
                return folder / name
    known = [path.stem for folder in folders for path in sorted(folder.glob("*.yaml"))]
    raise NotFoundError(
        f"no recipe '{ref}'",
        f"{nearest(ref, known)}; looked for that file, in {home.recipes}, and among the built-in recipes",
    )


def built_in_recipes() -> Path:
    """The folder of the recipes that ship with the program."""
    return Path(str(files("workbench.demo") / "recipes"))


@dataclass(frozen=True, slots=True)
class RecipeSource:
    """A recipe file that was read, to be taken with other values for some of its keys."""

    path: Path
    document: Document

    @property
    def name(self) -> str:
        return self.path.stem

    def recipe(self, values: Mapping[str, Any] = MappingProxyType({})) -> Recipe:
        """The recipe; `values` win over the file. Raises one InvalidError with every problem."""
        marks = {place: mark for place, mark in self.document.marks.items() if place[:1] and place[0] not in values}
        document = Document(self.document.file, {**self.document.data, **values}, marks)
        return _with_paths(_read(document, f"recipe '{self.name}'"), self.path.parent)


def recipe_source(path: Path) -> RecipeSource:
    """Reads a recipe file. Raises InvalidError where it is no YAML mapping."""
    return RecipeSource(path, read_document(str(path), read_text(path)))


def load_recipe(ref: str, home: Home, changes: tuple[str, ...] = ()) -> tuple[str, Recipe]:
    """The recipe's name and value; `changes` are `key=value` texts that win over the file.

    Data paths are made absolute: as seen from the working directory, else from the recipe's folder.
    Raises NotFoundError, or one InvalidError with every problem of the file.
    """
    path = find_recipe(ref, home)
    document = _with_changes(read_document(str(path), read_text(path)), changes)
    return path.stem, _with_paths(_read(document, f"recipe '{ref}'"), path.parent)


def recipe_for(data: str, changes: tuple[str, ...] = ()) -> Recipe:
    """The recipe with nothing but data and `key=value` changes. Raises InvalidError as `load_recipe` does."""
    return _with_paths(_read(_with_changes(Document("--set", {"data": data}), changes), data), Path.cwd())


def _read(document: Document, what: str) -> Recipe:
    try:
        return RecipeFile.model_validate(document.data).value()
    except ValidationError as error:
        problems = tuple(document.problem(_finding(details)) for details in error.errors())
        count = f"{len(problems)} problems" if len(problems) > 1 else "1 problem"
        raise InvalidError(f"{what}: {count}", "correct them and try again", problems) from error


def _with_changes(document: Document, changes: tuple[str, ...]) -> Document:
    values, marks = dict(document.data), dict(document.marks)
    for change in changes:
        key, equals, text = change.partition("=")
        if not equals or not key.strip():
            raise InvalidError(f"--set {change}: expected key=value", "for example --set lr=1e-4")
        values[key.strip()] = read_document("--set", f"value: {text}").data["value"]
        marks = {place: mark for place, mark in marks.items() if place[:1] != (key.strip(),)}
    return Document(document.file, values, marks)


def _finding(details: ErrorDetails) -> Finding:
    path = details["loc"]
    if details["type"] == "extra_forbidden":
        known = SplitFile.model_fields if path[0] == "split" else RecipeFile.model_fields
        return Finding(path, f"unknown key '{path[-1]}'", nearest(str(path[-1]), known))
    if details["type"] == "missing":
        return Finding(path, f"the key '{path[-1]}' is missing", f"add a line such as `{path[-1]}: demo`")
    message = details["msg"].removeprefix("Value error, ").removeprefix("Input ")
    if details["type"] == "literal_error":
        near = nearest(str(details["input"]), _allowed(path))
        return Finding(path, f"'{details['input']}' is not one of {', '.join(_allowed(path))}", near)
    if not path:
        return Finding(path, message)
    return Finding(path, f"{path[-1]} is {details['input']!r}: it {message}")


def _allowed(path: tuple[int | str, ...]) -> list[str]:
    choices: dict[str, list[str]] = {"evaluators": [*EVALUATORS], "merge_eval": [*get_args(MergeTarget)]}
    annotation = RecipeFile.model_fields[str(path[0])].annotation
    return [*choices.get(str(path[0]), getattr(annotation, "__args__", ()))]


def _with_paths(recipe: Recipe, folder: Path) -> Recipe:
    if recipe.data == DEMO:
        data = files("workbench.demo") / "data"
        other = recipe.eval_data or (None if recipe.split else str(data / "eval.jsonl"))
        recipe = replace(recipe, data=str(data / "train.jsonl"), eval_data=other)
    eval_data = _place(recipe.eval_data, folder) if recipe.eval_data else None
    choices = tuple(_place(text, folder) for text in recipe.choices)
    return replace(recipe, data=_place(recipe.data, folder), eval_data=eval_data, choices=choices)


def _place(text: str, folder: Path) -> str:
    """An absolute path, or the name of a hub data set as it is."""
    path = Path(text).expanduser()
    beside = folder / path
    if not path.exists() and beside.exists():
        return str(beside.absolute())
    return text if is_hub(text) else str(path.absolute())


def resolve_steps(recipe: Recipe, data: DataSet) -> Recipe:
    """The recipe with `steps` for its `epochs` (default 1) over this data, the split and the commit that were used."""
    split = recipe.split or (None if recipe.eval_data else Split())
    recipe = replace(recipe, split=split, revision=data.revision)
    if recipe.steps is not None:
        return recipe
    examples = (recipe.epochs or 1.0) * len(data.training)
    steps = max(1, -int(-examples // recipe.effective_batch))
    return replace(recipe, steps=steps, epochs=None)


def schema_text() -> str:
    """The JSON Schema of the recipe file, as docs/schemas/recipe.schema.json holds it."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **RecipeFile.model_json_schema()}
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"
