"""The study file's keys, types and defaults, and its published JSON Schema."""

import json
import re
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from workbench.nearest import nearest
from workbench.plan.findings import Finding, Path, label
from workbench.plan.keys import ValueProblem
from workbench.plan.plan_file import read_plan_file
from workbench.plan.schema import Defaults, RuleText
from workbench.study.claim_file import ClaimFile

_FILE = ConfigDict(extra="forbid", frozen=True)
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
MAX_SEED = 2**31 - 1  # what the results database holds
MAX_SEEDS = 10_000
# Keys that a plan file has too; what is wrong with them is said in the plan's own words.
PLAN_KEYS = ("model", "revision", "base", "defaults", "groups")

Level = StrictBool | StrictInt | StrictFloat | StrictStr


def _name(value: Any) -> Any:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueProblem(f"{value!r} is no name of a study", "letters, digits, - _ . after a letter or a digit")
    return value


def _rules(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _arm(value: Any) -> Any:
    return {"rules": value} if isinstance(value, str | list) else value


Rules = Annotated[list[RuleText], BeforeValidator(_rules, json_schema_input_type=str | list[str])]


class ArmFile(BaseModel):
    """One arm: what it changes of the baseline. A rule or a list of rules alone means `rules`."""

    model_config = _FILE

    rules: Annotated[Rules, Field(description="follow those of the baseline")] = []
    set_: Annotated[dict[str, Any], Field(alias="set", description="keys of the recipe")] = {}
    solve: Annotated[
        RuleText | None, Field(description="a rule with {n}: the number is solved for discount or params")
    ] = None
    discount: Annotated[
        float | None, Field(gt=-100, lt=1, description="share of the baseline's trainable parameters to save")
    ] = None
    params: Annotated[
        StrictInt | StrictStr | None, Field(description="trainable parameters: a number, baseline, or another arm")
    ] = None


class StudyFile(BaseModel):
    """A study: a baseline, factors with levels, and seeds, that expand into arms and runs."""

    model_config = _FILE

    name: Annotated[str, BeforeValidator(_name), Field(description="default: that of the file's folder")] = ""
    question: Annotated[str, Field(description="what the study asks")] = ""
    finding: Annotated[str, Field(description="what was found before, and where")] = ""
    confirmed_if: Annotated[str, Field(description="the result that would confirm it, said before any run")] = ""
    contradicted_if: Annotated[str, Field(description="the result that would contradict it")] = ""
    model: Annotated[str, Field(description="demo, a local model folder, or a hub id")]
    revision: Annotated[str | None, Field(description="branch, tag or commit of a hub id")] = None
    base: Annotated[str, Field(description="base format of all sites that no rule sets")] = "nf4"
    defaults: Annotated[Defaults, Field(description="as in plan files")] = Defaults()
    groups: Annotated[dict[str, str], Field(description="layer groups: name and selector")] = {}
    recipe: Annotated[str, Field(min_length=1, description="a recipe file, or the name of a recipe")]
    set_: Annotated[dict[str, Any], Field(alias="set", description="keys of the recipe, for all arms")] = {}
    baseline: Annotated[Rules, Field(min_length=1, description="rules; every arm starts from them")] = ["* all"]
    references: Annotated[
        bool, Field(description="also evaluate the base without adapters, as it is stored and as it was")
    ] = True
    factors: Annotated[
        dict[str, dict[str, Level] | list[Level]],
        Field(
            description="name and levels (a list, or names with what they stand for); fills a hole of the template, "
            "is a key of the recipe, or the budget (discount or params)"
        ),
    ] = {}
    template: Annotated[Rules, Field(description="rules with {factor} holes; {n} is solved for the budget")] = []
    arms: Annotated[
        dict[str, Annotated[ArmFile, BeforeValidator(_arm, json_schema_input_type=ArmFile | str | list[str])]],
        Field(description="instead of a template: one by one"),
    ] = {}
    seeds: Annotated[list[Annotated[StrictInt, Field(ge=0, le=MAX_SEED)]], Field(min_length=1, max_length=MAX_SEEDS)]
    metric: Annotated[str, Field(min_length=1, description="what the arms are compared by")] = "loss"
    claims: Annotated[
        dict[str, ClaimFile], Field(description="what is expected, said before any run; the report gives verdicts")
    ] = {}
    notes: str = ""

    @field_validator("factors", "arms", "set_", "claims")
    @classmethod
    def _names(cls, value: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        for name in value:
            if not _NAME.fullmatch(name):
                raise ValueProblem(f"'{name}' is no name", "letters, digits, - _ . after a letter or a digit")
        return value


_SHAPES: dict[str, str] = {
    "baseline": 'rules as `- "* all"`',
    "factors": "factors as `{cut: [2, 4]}`, or with names as `{where: {early: lower, late: upper}}`",
    "template": 'a rule such as "{where} all r/={cut}"',
    "arms": 'arms as `{late: "upper all r/=4"}`',
    "seeds": "whole numbers as `[1, 2, 3]`",
    "set": "keys of the recipe as `{steps: 100}`",
    "references": "true or false",
    "discount": "a number below 1, such as 0.25",
    "params": "a number, `baseline`, or the name of an arm",
    "worse": "a factor and a level as `{type: attn}`",
    "better": "a factor and a level as `{type: mlp}`",
    "change": "a factor and two levels as `{cut: [1, 4]}`",
    "where": "factors and levels as `{depth: [lower, upper]}`",
    "exceeds": "factors as `[type, depth]`",
    "per_parameter": "true or false",
    "against": "baseline or reference",
    "says": "the claim in words",
    "claims": "claims as `{attention-first: {says: ..., worse: {type: attn}, better: {type: mlp}}}`",
}


def read_study_file(data: dict[str, Any]) -> tuple[StudyFile | None, tuple[Finding, ...]]:
    """The file's values, None where they cannot be used, and everything wrong with them."""
    plan_part = {key: data[key] for key in PLAN_KEYS if key in data}
    _, found = read_plan_file(plan_part)
    try:
        file = StudyFile.model_validate(data)
    except ValidationError as error:
        findings = dict.fromkeys(_findings(error))
        seen = {finding.path for finding in found}
        return None, (*found, *(finding for finding in findings if not _is_of_plan(finding, seen)))
    return (None if found else file), found


def _is_of_plan(finding: Finding, seen: set[Path]) -> bool:
    return bool(finding.path) and finding.path[0] in PLAN_KEYS and any(path[0] == finding.path[0] for path in seen)


def _findings(error: ValidationError) -> list[Finding]:
    found = [_finding(_path(details["loc"]), details) for details in error.errors()]
    paths = [finding.path for finding in found]
    # Of a value that could be of several kinds every kind is complained about: what is deepest says most.
    return [f for f in found if not any(path[: len(f.path)] == f.path and path != f.path for path in paths)]


def _path(loc: tuple[int | str, ...]) -> Path:
    """The place in the file, without the names that pydantic gives to the branches of a choice."""
    kept = [part for part in loc if isinstance(part, int) or not ("[" in part or part in _BRANCHES)]
    return tuple("set" if part == "set_" else part for part in kept)


_BRANCHES = ("bool", "int", "float", "str")


def _finding(path: Path, error: Any) -> Finding:
    if error["type"] == "extra_forbidden":
        holders: dict[str, type[BaseModel]] = {"arms": ArmFile, "defaults": Defaults, "claims": ClaimFile}
        known = holders.get(str(path[0]), StudyFile)
        return Finding(path, f"unknown key '{path[-1]}'", nearest(str(path[-1]), _keys(known)))
    if error["type"] == "missing":
        return Finding(path, f"the key '{path[-1]}' is missing", f"add a line such as `{_EXAMPLES[str(path[-1])]}`")
    problem = error.get("ctx", {}).get("error")
    if isinstance(problem, ValueProblem):
        return Finding(path, problem.message, problem.hint)
    key = next((part for part in reversed(path) if part in _SHAPES), "")
    return Finding(path, f"{label(path)} is {error['input']!r}", f"write {_SHAPES.get(str(key), 'text')}")


_EXAMPLES = {"model": "model: demo", "recipe": "recipe: demo", "seeds": "seeds: [1, 2, 3]", "says": "says: ..."}


def _keys(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def schema_text() -> str:
    """The JSON Schema of the study file, as docs/schemas/study.schema.json holds it."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **StudyFile.model_json_schema()}
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"
