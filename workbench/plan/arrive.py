"""Arriving with what one has: a plan from a peft adapter_config.json, an axolotl YAML or a LLaMA-Factory YAML."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.errors import NotFoundError, Problem, UsageError
from workbench.plan.arrive_choice import check_fit, choose_base, choose_method, defaults_of, for_model, rescale
from workbench.plan.arrive_file import ArrivedFile, open_arrived
from workbench.plan.arrive_formats import FILE_FORMATS, draft_recipe, recognise
from workbench.plan.arrive_hits import KeyHits, key_hits, rank_and_alpha
from workbench.plan.arrive_match import broken_patterns
from workbench.plan.arrive_recipe import Draft, unread_keys
from workbench.plan.arrive_report import hit_warnings, left_out_of_plan, nothing_hit
from workbench.plan.arrive_rules import Numbers, write_rules
from workbench.plan.arrive_spec import Arriving, LeftOut
from workbench.plan.edit import new_plan_text
from workbench.plan.files import check_text, plan_or_raise
from workbench.plan.keys import Value, format_value
from workbench.plan.model_map import ModelMap, load_map
from workbench.plan.plan import Plan
from workbench.run.layout import Home


@dataclass(frozen=True, slots=True)
class Arrival:
    """A plan made from a file, and what is to be said about it. `text` is the plan file, `recipe` that of a recipe.

    `keys` says what every key of the file hits; `recipe` is empty where none was asked for. `warnings` are about the
    file, `plan_warnings` about the plan.
    """

    file: str
    file_format: str
    plan: Plan
    text: str
    defaults: Mapping[str, Value]
    rules: tuple[str, ...]
    keys: tuple[KeyHits, ...]
    warnings: tuple[Problem, ...]
    left_out: tuple[LeftOut, ...]
    notes: tuple[str, ...]
    plan_warnings: tuple[Problem, ...] = ()
    recipe: str = ""
    left_out_of_recipe: tuple[LeftOut, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """What `plan new --from --json` prints under `from`."""
        return {
            "file": self.file,
            "format": self.file_format,
            "model": self.plan.model,
            "defaults": {key: format_value(value) for key, value in self.defaults.items()},
            "rules": list(self.rules),
            "keys": [hits.to_json(self.plan.map) for hits in self.keys],
            "hits_nothing": [f"{h.key}: {h.entry}" for h in self.keys if h.state in ("hits nothing", "not adapted")],
            "shadowed": [f"{h.key}: {h.entry}" for h in self.keys if h.shadowed_by],
            "left_out": [_left_out_json(item) for item in self.left_out],
            "left_out_of_recipe": [_left_out_json(item) for item in self.left_out_of_recipe],
            "warnings": [{"where": p.where, "message": p.message, "hint": p.hint} for p in self.warnings],
            "notes": list(self.notes),
        }


def _left_out_json(item: LeftOut) -> dict[str, str]:
    return {"key": item.key, "value": item.value, "reason": item.reason}


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the command line says beside the file: it wins over the file. `rules` come after those of the file."""

    model: str | None = None
    base: str | None = None
    file_format: str | None = None
    rules: Sequence[str] = ()
    recipe: bool = False


def arrive(path: Path, plan_path: Path, name: str, home: Home, wishes: Wishes) -> Arrival:
    """The plan that a file of another tool stands for, on a model. Writes nothing.

    Raises NotFoundError where there is no such file, UsageError where a wish does not fit its format, and
    InvalidError, with the place of every problem, where the file cannot be used or adapts no site of the model.
    """
    file = open_arrived(path)
    file_format = recognise(file, wishes.file_format)
    arriving, draft = _read(file, file_format, wishes.recipe)
    model_map = _map(file, arriving, wishes.model)
    spec = for_model(file, arriving, model_map)
    hits = key_hits(spec, arriving.keys, model_map)
    numbers: Numbers = rank_and_alpha(spec, model_map)
    if not numbers:
        raise nothing_hit(file, arriving, hits, model_map)
    choice = choose_method(spec, arriving.keys)
    numbers = rescale(numbers) if choice.rescaled else numbers
    base, base_rules = choose_base(arriving, model_map, wishes.base)
    check_fit(file, arriving, spec, numbers, choice, base)
    preferred = (spec.r, spec.alpha * math.sqrt(spec.r) if choice.rescaled else spec.alpha)
    written = write_rules(numbers, preferred, model_map)
    defaults = defaults_of(choice, written.r, written.alpha, spec.dropout)
    rules = (*base_rules, *written.rules, *wishes.rules)
    left_out = (
        *arriving.left_out,
        *choice.left_out,
        *left_out_of_plan(arriving, hits, model_map),
        *_unread(file, draft),
    )
    text = _text(name, model_map.model, base, rules, defaults, f"from {file.name} ({file_format})", left_out)
    check = check_text(text, plan_path, home)
    return Arrival(
        file=file.document.file,
        file_format=file_format,
        plan=plan_or_raise(check, name),
        text=text,
        defaults=defaults,
        rules=rules,
        keys=hits,
        warnings=hit_warnings(file, arriving, spec, hits, model_map),
        left_out=left_out,
        notes=_notes(arriving, model_map, base, wishes, draft),
        plan_warnings=check.warnings,
        recipe=draft.text() if draft and wishes.recipe else "",
        left_out_of_recipe=tuple(draft.left_out) if draft and wishes.recipe else (),
    )


def _read(file: ArrivedFile, file_format: str, recipe: bool) -> tuple[Arriving, Draft | None]:
    arriving = FILE_FORMATS[file_format].read(file)
    file.findings += broken_patterns(arriving.spec, arriving.keys)
    file.raise_findings()
    return arriving, draft_recipe(file, file_format, recipe)


def _map(file: ArrivedFile, arriving: Arriving, model: str | None) -> ModelMap:
    named = model or arriving.model
    if named is None:
        raise UsageError(f"{file.document.file}: it names no base model", "give one with --model")
    try:
        return load_map(_absolute(named))
    except NotFoundError as error:
        if model:
            raise
        hint = f"{error.hint}; {file.name} names it: give another with --model"
        raise NotFoundError(error.title, hint) from error


def _absolute(model: str) -> str:
    local = Path(model).expanduser()
    return str(local.absolute()) if local.is_dir() else model


def _unread(file: ArrivedFile, draft: Draft | None) -> tuple[LeftOut, ...]:
    """Keys that nothing has asked for; in a training configuration most of them are about logging and hardware."""
    keys = list(unread_keys(file))
    reason = "not about adapters or the recipe" if draft else "not a key of peft 0.21 that says what is trained"
    return (LeftOut(", ".join(keys), "", reason),) if keys else ()


def _notes(arriving: Arriving, model_map: ModelMap, base: str, wishes: Wishes, draft: Draft | None) -> tuple[str, ...]:
    notes = [f"{note}: {base} is taken" for note in arriving.notes if not wishes.base]
    if arriving.model and wishes.model and Path(arriving.model).name != Path(wishes.model).name:
        notes.append(f"the file names {arriving.model} as its base; the plan is for {model_map.model}")
    if draft and not wishes.recipe:
        notes.append("the file says how to train, too: --recipe-to FILE writes a recipe")
    return tuple(notes)


def _text(
    name: str,
    model: str,
    base: str,
    rules: Sequence[str],
    defaults: Mapping[str, Value],
    origin: str,
    left_out: Sequence[LeftOut],
) -> str:
    keys = ", ".join(dict.fromkeys(item.key for item in left_out if item.value))
    notes = f"{origin}; not carried over: {keys}" if keys else origin
    return new_plan_text(name, model, base, rules, defaults) + f"\nnotes: {json.dumps(notes, ensure_ascii=False)}\n"
