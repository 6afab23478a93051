"""`workbench plan`: write, show, change, compare and check adapter plans."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.context import current_home, print_json
from workbench.cli.keeping_commands import add_keeping
from workbench.errors import InvalidError, UsageError

if TYPE_CHECKING:
    from workbench.plan.check import PlanCheck
    from workbench.plan.memory import Memory
    from workbench.plan.plan import Plan

app = typer.Typer(help="Write, show, change, compare and check adapter plans.", no_args_is_help=True)

PlanArgument = Annotated[str, typer.Argument(metavar="PLAN", help="A plan file, or the name of a plan.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Rules = Annotated[list[str] | None, typer.Option("--rule", help='A rule such as "* mlp r=4"; may be repeated.')]
INVALID = InvalidError.exit_code
FROM_HELP = "Start from a peft adapter_config.json, an axolotl YAML or a LLaMA-Factory YAML."


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Name of the plan; it is written to the home's plans folder.")],
    model: Annotated[
        str | None, typer.Option(help="demo, a local model folder, or a hub id.", show_default="demo")
    ] = None,
    revision: Annotated[str | None, typer.Option(help="Branch, tag or commit of a hub id.")] = None,
    base: Annotated[str | None, typer.Option(help="Base format of all sites.", show_default="nf4")] = None,
    r: Annotated[int | None, typer.Option("--rank", "-r", help="Rank of adapted sites.", show_default="16")] = None,
    alpha: Annotated[str | None, typer.Option(help="A number, or a multiple of the rank.", show_default="2r")] = None,
    dropout: Annotated[float | None, typer.Option(help="Dropout of adapted sites.", show_default="0")] = None,
    rule: Rules = None,
    to: Annotated[Path | None, typer.Option(help="Write this file instead.")] = None,
    from_: Annotated[Path | None, typer.Option("--from", metavar="FILE", help=FROM_HELP)] = None,
    from_format: Annotated[str | None, typer.Option(help="peft, axolotl or llama-factory, if not clear.")] = None,
    recipe_to: Annotated[Path | None, typer.Option(help="Write the training keys of FILE as a recipe.")] = None,
    force: Annotated[bool, typer.Option(help="Replace a plan of that name.")] = False,
    as_json: Json = False,
) -> None:
    """Write a new plan file, checked against its model. Without rules, every site is adapted."""
    from workbench.cli.plan_new import FromFile, Numbers, new_from_file, new_plan, place_of

    path = place_of(name, to, force)
    numbers = Numbers(r, alpha, dropout)
    if from_ and revision:
        raise UsageError("--revision cannot stand beside --from", "write `revision:` into the plan afterwards")
    if from_:
        given = FromFile(from_, from_format, recipe_to, model, base, tuple(rule or ()))
        plan = new_from_file(name, path, given, numbers, force, as_json)
    elif from_format or recipe_to:
        raise UsageError("--from-format and --recipe-to belong to --from", "add --from FILE")
    else:
        plan = new_plan(name, path, model or "demo", base or "nf4", rule or ["* all"], numbers, as_json, revision)
    if not as_json:
        print(_summary(plan))


@app.command()
def show(
    plan: PlanArgument, as_json: Json = False, sites: Annotated[bool, typer.Option(help="List every site.")] = False
) -> None:
    """Show what a plan adapts, and what that costs."""
    from workbench.plan.cost import plan_check_json
    from workbench.plan.files import check_plan, plan_or_raise

    check = check_plan(plan, current_home())
    resolved = plan_or_raise(check, plan)
    if as_json:
        print_json(plan_check_json(check))
        return
    print(_summary(resolved))
    if sites:
        print(f"\n{_site_table(resolved)}")


@app.command("set")
def set_(
    plan: PlanArgument,
    rule: Rules = None,
    group: Annotated[
        list[str] | None, typer.Option("--group", metavar="NAME=SELECTOR", help='A layer group, "late=upper mlp".')
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Put the rules in the place of all the plan has.")] = False,
) -> None:
    """Add rules and layer groups to a plan file; comments and everything else stay as they are."""
    from workbench.plan.edit import set_rules
    from workbench.plan.files import built_in_plans, find_plan
    from workbench.sample.mark import require_own_file

    if not rule and not group:
        raise UsageError("no rule given", 'for example: workbench plan set PLAN --rule "* mlp r=4"')
    groups = {name: selector for name, equals, selector in (text.partition("=") for text in group or ()) if equals}
    if len(groups) < len(group or ()):
        raise UsageError("a group is NAME=SELECTOR, each name once", 'for example: --group "late=upper mlp"')
    home = current_home()
    path = find_plan(plan, home)
    if path.parent == built_in_plans():
        raise UsageError(
            f"'{plan}' is a built-in plan and stays as it is", f"copy it first: cp {path} {home.plans / path.name}"
        )
    require_own_file(home, path)
    resolved = set_rules(path, rule or [], home, replace, groups)
    print(f"wrote {path}\n")
    print(_summary(resolved))


@app.command()
def diff(
    old: Annotated[str, typer.Argument(metavar="PLAN", help="A plan file, or the name of a plan.")],
    new: Annotated[str, typer.Argument(metavar="PLAN", help="The plan to compare it with.")],
    as_json: Json = False,
) -> None:
    """Show what changes from one plan to another, site by site."""
    from workbench.plan.diff import diff_plans
    from workbench.plan.files import load_plan
    from workbench.report.numbers import count, percent, size

    home = current_home()
    found = diff_plans(load_plan(old, home), load_plan(new, home))
    if as_json:
        print_json(found.to_json())
        return
    print("\n".join(found.lines) or "the plans set the same at every site")
    (before, after), (bytes_before, bytes_after) = found.trainable_params, found.base_bytes
    print(f"\ntrainable parameters  {count(before)} → {count(after)}  (discount {percent(found.discount)})")
    print(f"base                  {size(bytes_before)} → {size(bytes_after)}")


@app.command()
def check(
    plan: PlanArgument,
    recipe: Annotated[str | None, typer.Option(help="Estimate memory for this recipe.")] = None,
    baseline: Annotated[str | None, typer.Option(help="State the discount against this plan.")] = None,
    as_json: Json = False,
) -> None:
    """Check a plan against its model, and price it. Every problem is listed at once; exit code 3 if there is any."""
    from workbench.plan.cost import discount, plan_check_json
    from workbench.plan.files import check_plan, load_plan

    home = current_home()
    found = check_plan(plan, home)
    estimate = _estimate(found.plan, recipe) if found.plan else None
    base = load_plan(baseline, home) if baseline else None
    saved = discount(found.plan, base) if found.plan and base else None
    if as_json:
        print_json(plan_check_json(found, estimate) | ({"discount": saved} if base else {}))
    else:
        print(_check_text(found, plan, estimate, saved, baseline))
    if not found.ok:
        raise typer.Exit(INVALID)


@app.command()
def export(
    plan: PlanArgument,
    format_: Annotated[str, typer.Option("--format", help="peft or axolotl.")],
    to: Annotated[Path | None, typer.Option(metavar="FILE", help="Write this file instead of printing it.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file of that name.")] = False,
    as_json: Json = False,
) -> None:
    """Write a plan as a configuration of peft or axolotl. What that cannot say is named."""
    from workbench.cli.plan_export import export_plan

    export_plan(plan, format_, to, force, as_json)


add_keeping(app, "plan")


def _estimate(plan: "Plan", recipe: str | None) -> "Memory":
    if recipe is None:
        from workbench.plan.memory import memory

        return memory(plan)
    from workbench.cli.launching import predicted_memory
    from workbench.run.recipe_file import load_recipe

    return predicted_memory(plan, load_recipe(recipe, current_home())[1])


def _check_text(
    check: "PlanCheck", ref: str, estimate: "Memory | None", saved: float | None, baseline: str | None
) -> str:
    from workbench.report.numbers import percent

    lines = [f"warning: {warning}" for warning in check.warnings]
    if check.plan is None:
        lines += [f"error: {problem}" for problem in check.errors]
        count = f"{len(check.errors)} problems" if len(check.errors) > 1 else "1 problem"
        return "\n".join([*lines, f"plan '{ref}': {count}"])
    lines += [_summary(check.plan, estimate)]
    if baseline:
        lines.append(f"discount  {percent(saved)} against {baseline}")
    return "\n".join([*lines, "", "valid"])


def _summary(plan: "Plan", estimate: "Memory | None" = None) -> str:
    from workbench.plan.cost import group_costs, memory, share_of_base
    from workbench.report.numbers import count, percent, size
    from workbench.report.table import Column, Table

    kind = (
        "reference: nothing is adapted" if plan.reference else f"{len(plan.adapted)} of {len(plan.sites)} sites adapted"
    )
    estimate = estimate or memory(plan)
    parts = ", ".join(f"{name} {size(value)}" for name, value in estimate.parts().items() if value and name != "total")
    headings = ("group", "sites", "adapted", "parameters", "trainable", "base")
    rows = tuple(
        (c.name, str(c.sites), str(c.adapted), count(c.params), count(c.trainable_params), size(c.base_bytes))
        for c in group_costs(plan)
    )
    table = Table((Column(headings[0], "left"), *map(Column, headings[1:])), rows)
    lines = [
        f"{plan.name}  {plan.hash}  on {plan.model} ({plan.map.architecture}, {plan.map.blocks} blocks)",
        kind,
        *_settings_lines(plan),
        "",
        table.text(),
        "",
        f"trainable {count(plan.trainable_params)} of {count(plan.map.base_params)} ({percent(share_of_base(plan))})",
        f"memory    {size(estimate.total)} at {estimate.tokens:,} tokens a step: {parts}",
    ]
    return "\n".join([*lines, *_merging_lines(plan)])


def _merging_lines(plan: "Plan") -> list[str]:
    """Whether the adapters can be merged into the formats that the sites have; the reasons where they cannot."""
    if plan.reference:
        return []
    losses = plan.losses_of_merge
    if not losses:
        return ["mergeable yes: every adapter goes into its site's own format without loss"]
    lossless = len(plan.adapted) - sum(map(len, losses.values()))
    first = f"mergeable no: {lossless} of {len(plan.adapted)} adapters go into their site's own format without loss"
    return [first, *(f"  {len(names)} sites: {reason}" for reason, names in losses.items())]


def _settings_lines(plan: "Plan") -> list[str]:
    """One line per kind of setting, with the sites that have it in the selector grammar."""
    from workbench.plan.catalogue import CATALOGUE
    from workbench.plan.compact import compact
    from workbench.plan.keys import format_value

    alike: dict[str, list[Any]] = {}
    for planned in plan.sites:
        adapter = planned.adapter
        text = f"{planned.base.format}"
        if adapter:
            text += f"  {adapter.method} r={adapter.r} alpha={format_value(adapter.alpha)}"
            takes = CATALOGUE[adapter.method].parameters
            text += "".join(f" {key}={getattr(adapter, key)}" for key in ("balance", "pool") if key in takes)
            text += f" dropout={format_value(adapter.dropout)}" if adapter.dropout else ""
            text += f" init={adapter.init}" if adapter.init != "default" else ""
        else:
            text += "  none"
        alike.setdefault(text, []).append(planned.site)
    return [f"  {text}: {'; '.join(compact(sites, plan.map))}" for text, sites in alike.items()]


def _site_table(plan: "Plan") -> str:
    from workbench.report.numbers import count, decimal
    from workbench.report.table import Column, Table

    rows = tuple(
        (
            planned.site.name,
            planned.base.format,
            planned.method,
            str(planned.adapter.r) if planned.adapter else "–",
            decimal(planned.scaling, 2),
            count(planned.trainable_params),
        )
        for planned in plan.sites
    )
    left = tuple(Column(name, "left") for name in ("site", "base", "method"))
    return Table((*left, Column("r"), Column("scaling"), Column("trainable")), rows).text()
