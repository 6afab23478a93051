"""The plan file's keys, types and defaults, and its published JSON Schema."""

import json
from collections.abc import Callable, Collection
from copy import deepcopy
from functools import partial
from pathlib import Path as FilePath
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from workbench import atomic
from workbench.plan.catalogue import CATALOGUE, INITS
from workbench.plan.findings import Finding, Path, label
from workbench.plan.formats import FORMATS
from workbench.plan.keys import ValueProblem, nearest_key
from workbench.plan.plan_file import BASE, NO_MODEL, check_promise, check_setting, check_text


def _checked(name: str) -> BeforeValidator:
    return BeforeValidator(partial(check_setting, name))


def _words(words: Collection[str]) -> Callable[[dict[str, Any]], None]:
    """Adds the words to a schema when it is written, so that every entry of a catalogue is in it."""

    def add(schema: dict[str, Any]) -> None:
        schema["enum"] = list(words)

    return add


def _text(what: str) -> BeforeValidator:
    return BeforeValidator(partial(check_text, what))


Promise = Annotated[Literal["mergeable"], BeforeValidator(check_promise)]
RuleText = Annotated[str, _text("rule")]
_FAULTY: Final = object()
_FILE = ConfigDict(extra="forbid", frozen=True)


# how the keys that hold more than one value are written
_SHAPES: dict[str | int, str] = {
    "defaults": "defaults as `{r: 8, alpha: 2r}`",
    "rules": 'one rule per line, each as `- "* all"`',
    "groups": 'groups as `{late: "upper mlp"}`',
    "require": "require as `[mergeable]`",
}


class Defaults(BaseModel):
    """What adapted sites have where no rule says otherwise."""

    model_config = _FILE

    method: Annotated[str, _checked("method"), Field(json_schema_extra=_words(CATALOGUE))] = "lora"
    r: Annotated[int, _checked("r"), Field(ge=1, description="rank")] = 16
    alpha: Annotated[
        int | float | str, _checked("alpha"), Field(description="a number, or a multiple of the rank such as 2r")
    ] = "2r"
    dropout: Annotated[float, _checked("dropout"), Field(ge=0, lt=1)] = 0.0
    init: Annotated[str, _checked("init"), Field(json_schema_extra=_words(INITS))] = "default"
    balance: Annotated[int, _checked("balance"), Field(ge=1, description="balancing factor λ")] = 2
    pool: Annotated[int, _checked("pool"), Field(ge=1, description="inputs averaged")] = 64


class PlanFile(BaseModel):
    """A plan: which sites of a model are adapted, and how."""

    model_config = _FILE

    name: Annotated[str, _text("name"), Field(description="default: the name of the file")] = ""
    model: Annotated[str, _text("model"), Field(description="demo, a local model folder, or a hub id")]
    revision: Annotated[
        str | None, _text("revision"), Field(description="branch, tag or commit of a hub id; default: main")
    ] = None
    base: Annotated[
        str,
        _checked("base"),
        Field(json_schema_extra=_words(FORMATS), description="base format of all sites that no rule sets"),
    ] = BASE
    defaults: Defaults = Defaults()
    rules: Annotated[list[RuleText], Field(description="in the selector grammar; later rules win, key by key")] = []
    groups: Annotated[dict[str, RuleText], Field(description="layer groups: name and selector")] = {}
    require: Annotated[list[Promise], Field(description="promises that checking enforces")] = []
    notes: str = ""


def schema_text() -> str:
    """The JSON Schema of the plan file, as docs/schemas/plan.schema.json holds it."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **PlanFile.model_json_schema()}
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def write_schema(path: FilePath) -> None:
    atomic.write_text(path, schema_text())


def examined(data: dict[str, Any]) -> tuple[dict[str, Any], tuple[Finding, ...]]:
    """The values that are written, without those that are faulty, and what is wrong. A faulty model reads NO_MODEL."""
    try:
        return PlanFile.model_validate(data).model_dump(exclude_unset=True), ()
    except ValidationError as error:
        findings = tuple(_finding(_path(details["loc"]), details) for details in error.errors())
    rest = _without(data, [finding.path for finding in findings])
    return PlanFile.model_validate({"model": NO_MODEL, **rest}).model_dump(exclude_unset=True), findings


def _path(loc: tuple[int | str, ...]) -> Path:
    return (*loc[:-2], str(loc[-2])) if loc[-1] == "[key]" else loc


def _without(data: dict[str, Any], paths: list[Path]) -> dict[str, Any]:
    rest = deepcopy(data)
    for *holders, last in paths:
        holder: Any = rest
        for part in holders:
            holder = holder[part]
        if isinstance(holder, list):
            holder[int(last)] = _FAULTY  # taken out at the end, so that the places of the others stay
        else:
            for key in [key for key in holder if str(key) == str(last)]:
                del holder[key]
    return {key: _whole(value) for key, value in rest.items()}


def _whole(value: Any) -> Any:
    return [item for item in value if item is not _FAULTY] if isinstance(value, list) else value


def _finding(path: Path, error: Any) -> Finding:
    if error["type"] == "extra_forbidden":
        known = Defaults.model_fields if path[0] == "defaults" else PlanFile.model_fields
        return Finding(path, f"unknown key '{path[-1]}'", nearest_key(str(path[-1]), known))
    if error["type"] == "missing":
        return Finding(path, f"the key '{path[-1]}' is missing", "add a line such as `model: demo`")
    problem = error.get("ctx", {}).get("error")
    if isinstance(problem, ValueProblem):
        return Finding(path, problem.message, problem.hint)
    written = repr(error["input"])
    return Finding(path, f"{label(path)} is {written}", f"write {_SHAPES.get(path[0], 'text')}")
