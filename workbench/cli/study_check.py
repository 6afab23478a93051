"""`workbench study check`: what a study would run, what it costs, and what it could show."""

from typing import TYPE_CHECKING, Any

from workbench.cli.context import current_home, print_json, refresh
from workbench.errors import InvalidError, Problem

if TYPE_CHECKING:
    from workbench.cli.study_ready import ReadyStudy
    from workbench.run.layout import Home
    from workbench.run.record import RunRecord
    from workbench.study.expand import Arm

FEW_SEEDS = 3
_MOST_ARMS, _MOST_WARNINGS = 24, 8


def check_study(ref: str, jobs: int, all_arms: bool, as_json: bool) -> None:
    """Prints the check. Raises one InvalidError with every problem; as JSON these stand in `errors`, too."""
    from workbench.cli.study_ready import make_ready, say_data
    from workbench.study.study import load_study

    home = current_home()
    try:
        ready = make_ready(load_study(ref, home), home)
        say_data(ready)
        records = ready.records(list(ready.expansion.members))
    except InvalidError as error:
        if as_json:
            print_json({"ok": False, "errors": [_problem_json(problem) for problem in error.problems]})
        raise
    answer = _answer(home, ready, records, jobs)
    if as_json:
        print_json(answer)
    else:
        print(_text(ready, answer, all_arms))


def _problem_json(problem: Problem) -> dict[str, str]:
    return {"where": problem.where, "message": problem.message, "hint": problem.hint}


def _answer(home: "Home", ready: "ReadyStudy", records: "list[RunRecord]", jobs: int) -> dict[str, Any]:
    from dataclasses import asdict

    from workbench.cli.preflight import disk_bytes
    from workbench.cli.study_estimates import estimate_power, estimate_time
    from workbench.run.liveness import status_of
    from workbench.run.slots import default_jobs
    from workbench.run.states import RunStatus

    refresh(home)
    missing = [
        record
        for record in records
        if not (path := home.run_dir(record.run_id)).record.is_file() or status_of(path) is not RunStatus.FINISHED
    ]
    time, power = estimate_time(home, ready.grounds.model_fingerprint, missing), estimate_power(home, ready)
    slots = jobs or default_jobs()
    return {
        "ok": True,
        "study": ready.study.name,
        "metric": ready.study.file.metric,
        "runs": len(records),
        "finished": len(records) - len(missing),
        "missing": len(missing),
        "arms": [_arm_json(ready, arm) for arm in ready.expansion.arms],
        "merged": ready.expansion.merged,
        "memory_bytes": max(record.predicted_bytes["total"] for record in records),
        "disk_bytes": sum(map(disk_bytes, missing)),
        "time": {
            "seconds": time.seconds,
            "jobs": slots,
            "wall_seconds": time.seconds / min(slots, len(missing) or 1) if time.seconds is not None else None,
            "source": time.source,
        },
        "power": asdict(power),
        "changes": _changes_json(ready),
        "warnings": [_problem_json(problem) for problem in warnings_of(ready)],
        "errors": [],
    }


def _arm_json(ready: "ReadyStudy", arm: "Arm") -> dict[str, Any]:
    from workbench.plan.cost import discount

    solution = arm.solution
    return {
        "arm": arm.name,
        "levels": dict(arm.levels),
        "rules": list(arm.rules),
        "reference": arm.reference,
        "trainable_params": arm.plan.trainable_params,
        "discount": discount(arm.plan, ready.expansion.baseline.plan),
        "lr": arm.recipe.lr,
        "steps": arm.recipe.steps,
        "budget": {"wanted": solution.wanted, "got": solution.got, "deviation": solution.deviation}
        if solution
        else None,
    }


def _changes_json(ready: "ReadyStudy") -> dict[str, Any]:
    found = ready.changes
    counts = {name: len(getattr(found, name)) for name in ("added", "kept", "replaced", "dropped")}
    return {**counts, "reasons": found.reasons}


def warnings_of(ready: "ReadyStudy") -> list[Problem]:
    """What is worth knowing before a study is run, but does not keep it from running."""
    study, expansion = ready.study, ready.expansion
    found = [*study.warnings]
    where = f"{study.path} seeds"
    if len(study.file.seeds) < FEW_SEEDS:
        count = len(study.file.seeds)
        told = f"{count} seed{'' if count == 1 else 's'}"
        message = f"{told}: arms with fewer than {FEW_SEEDS} are labelled, and never ranked"
        found.append(Problem(where, message, "add seeds; the study is extended by them"))
    found += _far_budgets(ready)
    kinds = {
        (p.adapter.method, p.adapter.balance, p.adapter.pool)
        for a in expansion.arms
        for p in a.plan.adapted
        if p.adapter
    }
    if len(kinds) > 1 and len({arm.recipe.lr for arm in expansion.arms if not arm.reference}) == 1:
        message = "arms differ in method, balance or pool, and all have one learning rate: the best one may differ"
        found.append(Problem(f"{study.path} factors", message, 'vary it: `lr: ["*0.5", "*1", "*2"]`'))
    return [*found, *_plan_warnings(ready)]


def _far_budgets(ready: "ReadyStudy") -> list[Problem]:
    from workbench.study.expand import FAR_OFF

    found = {}
    for arm in ready.expansion.arms:
        if (solution := arm.solution) and abs(solution.deviation) > FAR_OFF:
            message = f"{solution.got:,} trainable parameters are the nearest to {solution.wanted:,}"
            found[solution] = Problem(f"arm {arm.name}", message, "larger ranks come closer to a budget")
    return list(found.values())


def _plan_warnings(ready: "ReadyStudy") -> list[Problem]:
    """What the checks of plan files warn of: once, whatever arms and sites have it."""
    known = {_advice(problem) for problem in ready.study.warnings}
    first: dict[str, Problem] = {}
    arms: dict[str, list[str]] = {}
    checked: dict[tuple[str, ...], tuple[Problem, ...]] = {}
    for arm in ready.expansion.arms:
        if arm.rules not in checked:
            checked[arm.rules] = () if arm.reference else ready.plans.check(arm.name, arm.rules).warnings
        for problem in checked[arm.rules]:
            key = _advice(problem)
            # An arm that takes the place of the baseline's rules does what it was written for.
            if not problem.message.startswith("changes nothing") and key not in known:
                first.setdefault(key, problem)
                arms.setdefault(key, []).append(arm.name)
    return [
        Problem(_named(list(dict.fromkeys(arms[key]))), problem.message, problem.hint) for key, problem in first.items()
    ]


def _advice(problem: Problem) -> str:
    """What tells warnings apart: they name sites and sizes, and what to do about them is the same."""
    return problem.hint or problem.message


def _named(arms: list[str]) -> str:
    return f"arm {arms[0]}" + (f" and {len(arms) - 1} more" if len(arms) > 1 else "")


def _text(ready: "ReadyStudy", answer: dict[str, Any], all_arms: bool) -> str:
    from workbench.cli.study_run import said_of_changes, said_of_merged
    from workbench.report.numbers import count, seconds, size

    lines = [f"warning: {problem['where']}: {problem['message']}" for problem in answer["warnings"][:_MOST_WARNINGS]]
    if (more := len(answer["warnings"]) - len(lines)) > 0:
        lines.append(f"and {more} more warnings: workbench study check --json {answer['study']}")
    lines += [*said_of_merged(ready), *said_of_changes(ready)]
    lines += ["", *_arm_lines(answer, all_arms), ""] if lines else [*_arm_lines(answer, all_arms), ""]
    params = [arm["trainable_params"] for arm in answer["arms"] if not arm["reference"]]
    time = answer["time"]
    took = (
        f"about {seconds(time['wall_seconds'])} with {time['jobs']} at once ({time['source']})"
        if time["seconds"]
        else time["source"]
        if time["seconds"] is not None
        else f"unknown: {time['source']}"
    )
    return "\n".join(
        [
            *lines,
            f"runs        {answer['runs']}, of which {answer['finished']} are finished",
            f"parameters  {count(min(params))} to {count(max(params))} trainable",
            f"memory      {size(answer['memory_bytes'])} for the largest run",
            f"time        {took}",
            f"disk        {size(answer['disk_bytes'])} for adapters and checkpoints",
            f"power       {_power(answer['power'], answer['metric'])}",
            "",
            "valid",
        ]
    )


def _power(power: dict[str, Any], metric: str) -> str:
    seeds = power["seeds"]
    if power["sd"] is None:
        return f"unknown: {power['source']}; a pilot of a few runs with 3 seeds tells"
    if power["difference"] is None:
        return f"{seeds} seed shows no difference: there is nothing to tell chance by"
    first = f"{power['corrected']:.3g} for the first of {power['comparisons']} under Holm's correction"
    return (
        f"{seeds} seeds show differences in {metric} of {power['difference']:.3g} ({first}), with a power of 80 %; "
        f"sd of a difference {power['sd']:.3g}, {power['df']} degrees of freedom, from {power['source']}"
    )


def _arm_lines(answer: dict[str, Any], all_arms: bool) -> list[str]:
    from workbench.report.numbers import count, percent
    from workbench.report.table import Column, Table

    arms = answer["arms"] if all_arms else answer["arms"][:_MOST_ARMS]
    rows = tuple(
        (
            arm["arm"],
            count(arm["trainable_params"]),
            percent(arm["discount"]),
            f"{arm['lr']:g}" if not arm["reference"] else "–",
            _budget(arm["budget"]),
        )
        for arm in arms
    )
    headings = ("arm", "trainable", "discount", "lr", "budget")
    table = Table((Column(headings[0], "left"), *map(Column, headings[1:])), rows).text()
    more = len(answer["arms"]) - len(arms)
    return [table, *([f"and {more} more arms: workbench study check --arms {answer['study']}"] if more else [])]


def _budget(budget: dict[str, Any] | None) -> str:
    return f"{budget['deviation']:+.2%} of {budget['wanted']:,}" if budget else "–"
