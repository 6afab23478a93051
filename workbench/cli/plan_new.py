"""`workbench plan new`: from options, or from a file of peft, axolotl or LLaMA-Factory."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.cli.context import current_home, print_json
from workbench.errors import UsageError

if TYPE_CHECKING:
    from workbench.plan.arrive import Arrival
    from workbench.plan.arrive_hits import KeyHits
    from workbench.plan.model_map import ModelMap
    from workbench.plan.plan import Plan

_MANY = 12  # keys that hit one site each are told one by one up to here


@dataclass(frozen=True, slots=True)
class Numbers:
    """Rank, alpha and dropout as typed; None where they were not."""

    r: int | None
    alpha: str | None
    dropout: float | None

    @property
    def typed(self) -> list[str]:
        given = {"--rank": self.r, "--alpha": self.alpha, "--dropout": self.dropout}
        return [option for option, value in given.items() if value is not None]

    def defaults(self) -> dict[str, Any]:
        """The plan's defaults. Raises UsageError where alpha cannot be read."""
        from workbench.plan.keys import KEYS, ValueProblem, read_value

        r, dropout = 16 if self.r is None else self.r, self.dropout or 0.0
        try:
            return {"r": r, "alpha": read_value(KEYS["alpha"], self.alpha or "2r"), "dropout": dropout}
        except ValueProblem as problem:
            raise UsageError(f"--alpha {self.alpha}: {problem.message}", problem.hint) from problem


@dataclass(frozen=True, slots=True)
class FromFile:
    """What `--from` and the options beside it say."""

    file: Path
    file_format: str | None
    recipe_to: Path | None
    model: str | None
    base: str | None
    rules: tuple[str, ...]


def place_of(name: str, to: Path | None, force: bool) -> Path:
    """Where the plan will stand.

    Raises UsageError for a name that is none, and where a file would be replaced; InvalidError in the sample.
    """
    from workbench.sample.mark import require_own_file

    if "/" in name or name.startswith("."):
        raise UsageError(f"'{name}' is no name of a plan", "a name has no slashes; --to FILE writes anywhere")
    home = current_home()
    path = to or home.plans / f"{name}.yaml"
    require_own_file(home, path)
    if path.exists() and not force:
        raise UsageError(f"{path} exists", "choose another name, or replace it with --force")
    return path


def new_plan(
    name: str,
    path: Path,
    model: str,
    base: str,
    rules: Sequence[str],
    numbers: Numbers,
    as_json: bool,
    revision: str | None = None,
) -> "Plan":
    """Writes a plan from options, and says where."""
    from workbench.plan.cost import plan_check_json
    from workbench.plan.edit import new_plan_text
    from workbench.plan.files import check_text, plan_or_raise

    local = Path(model).expanduser()
    model = str(local.absolute()) if local.is_dir() else model
    text = new_plan_text(name, model, base, rules, numbers.defaults(), revision)
    check = check_text(text, path, current_home())
    plan = plan_or_raise(check, name)
    _write(path, text)
    if as_json:
        print_json({"file": str(path), **plan_check_json(check)})
    else:
        print(f"wrote {path}\n")
    return plan


def new_from_file(name: str, path: Path, given: FromFile, numbers: Numbers, force: bool, as_json: bool) -> "Plan":
    """Writes a plan, and a recipe where one is wanted, from a file of another tool, and says what its keys became."""
    from workbench.plan.arrive import Wishes, arrive
    from workbench.plan.check import PlanCheck
    from workbench.plan.cost import plan_check_json

    if numbers.typed:
        hint = 'the file says so; change it with a rule, such as --rule "* all r=8"'
        raise UsageError(f"{', '.join(numbers.typed)} cannot stand beside --from", hint)
    if given.recipe_to and given.recipe_to.exists() and not force:
        raise UsageError(f"{given.recipe_to} exists", "choose another file, or replace it with --force")
    wishes = Wishes(given.model, given.base, given.file_format, given.rules, given.recipe_to is not None)
    arrival = arrive(given.file, path, name, current_home(), wishes)
    _write(path, arrival.text)
    if given.recipe_to:
        _write(given.recipe_to, arrival.recipe)
    if as_json:
        check = plan_check_json(PlanCheck(arrival.plan, arrival.plan_warnings))
        recipe = str(given.recipe_to) if given.recipe_to else None
        print_json({"file": str(path), "recipe": recipe, **check, "from": arrival.to_json()})
    else:
        print(f"wrote {path}" + (f"\nwrote {given.recipe_to}" if given.recipe_to else ""))
        print(f"\n{arrival_text(arrival)}\n")
    return arrival.plan


def _write(path: Path, text: str) -> None:
    from workbench import atomic

    path.parent.mkdir(parents=True, exist_ok=True)
    atomic.write_text(path, text)


def arrival_text(arrival: "Arrival") -> str:
    """The rules written, what every key hits, what was left out, and the warnings."""
    from workbench.plan.keys import format_value

    defaults = ", ".join(f"{key}: {format_value(value)}" for key, value in arrival.defaults.items())
    parts = [
        f"rules, from {arrival.file} ({arrival.file_format}), with defaults {{{defaults}}}",
        *(f"  {rule}" for rule in arrival.rules),
        "",
        _hits_table(arrival),
    ]
    for title, items in (
        ("not carried over", arrival.left_out),
        ("not carried over into the recipe", arrival.left_out_of_recipe),
    ):
        if items:
            parts += ["", title, *(f"  {item.key}{_value(item.value)}: {item.reason}" for item in items)]
    said = [f"warning: {problem}" for problem in (*arrival.warnings, *arrival.plan_warnings)]
    said += [f"note: {note}" for note in arrival.notes]
    return "\n".join([*parts, *(["", *said] if said else [])])


def _value(text: str) -> str:
    return f" {text}" if text else ""


def _hits_table(arrival: "Arrival") -> str:
    from workbench.report.table import Column, Table

    columns = (
        Column("key", "left"),
        Column("entry", "left"),
        Column("value"),
        Column("sites"),
        Column("where", "left"),
    )
    return Table(columns, tuple(_rows(arrival.keys, arrival.plan.map))).text()


def _rows(keys: "tuple[KeyHits, ...]", model_map: "ModelMap") -> list[tuple[str, ...]]:
    """One row for every entry; entries that hit one site each are counted together where there are many."""
    from workbench.plan.compact import compact

    groups: dict[tuple[str, ...], list[KeyHits]] = {}
    for hits in keys:
        alone = hits.state == "hits" and len(hits.decides) == 1
        groups.setdefault((hits.key, hits.value, "" if alone else hits.entry), []).append(hits)
    rows: list[tuple[str, ...]] = []
    for (key, value, entry), group in groups.items():
        if not entry and len(group) > _MANY:
            sites = [site for hits in group for site in hits.decides]
            rows.append((key, f"{len(group)} names", value, str(len(sites)), "; ".join(compact(sites, model_map))))
        else:
            rows += [_row(hits, model_map) for hits in group]
    return rows


def _row(hits: "KeyHits", model_map: "ModelMap") -> tuple[str, ...]:
    from workbench.plan.compact import compact

    where = "; ".join(compact(hits.decides, model_map))
    if hits.shadowed_by:
        where = f"{where} (else shadowed)" if where else f"shadowed by {hits.shadowed_by[0][0]}"
    return hits.key, hits.entry, hits.value, str(len(hits.decides)), where or hits.state
