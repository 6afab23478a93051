"""A plan in little: its map, what it costs, its notes, and the runs that were made of it."""

from collections.abc import Sequence
from pathlib import Path

from tui.library.final_numbers import final_lines
from tui.library.mini_map import maps, plan_spots
from tui.library.preview import Part, Preview
from tui.library.run_rows import Row, Runs, best_of
from workbench.plan.check import PlanCheck
from workbench.plan.cost import memory, share_of_base
from workbench.plan.files import check_text, plan_or_raise, read_text
from workbench.plan.plan import Plan
from workbench.report.numbers import count, percent, size
from workbench.run.layout import Home

_SHOWN = 6


def plan_preview(home: Home, path: Path, runs: Runs) -> Preview:
    """Raises InvalidError with every problem of the file, NotFoundError for its model, OSError."""
    text = read_text(path)
    check = check_text(text, path, home)
    plan = plan_or_raise(check, path.stem)
    parts = (*summary_parts(plan), *_checked(check), Part("rules", _rules(plan)), *_runs(home, plan, runs))
    return Preview((*parts, Part("file", (str(path),))))


def summary_parts(plan: Plan) -> list[Part]:
    """Model, map, cost and notes."""
    blocks = f"{plan.map.blocks} blocks, {len(plan.sites)} sites, {len(plan.adapted)} adapted"
    share = f"trainable {count(plan.trainable_params)} parameters ({percent(share_of_base(plan))} of the base)"
    estimate = memory(plan)
    needs = f"memory {size(estimate.total)} at {estimate.tokens:,} tokens a step (estimate)"
    reference = ("reference: nothing is adapted",) if plan.reference else ()
    notes = tuple(plan.notes.splitlines()) if isinstance(plan.notes, str) else ()
    return [
        Part("", (f"model {plan.model}", blocks, *reference, share, needs)),
        *map_parts(plan),
        Part("notes", notes),
    ]


def map_parts(plan: Plan) -> list[Part]:
    return [Part(found.legend, found.lines) for found in maps(plan_spots(plan))]


def _rules(plan: Plan) -> tuple[str, ...]:
    rules = plan.file.get("rules") or ()
    return tuple(map(str, rules)) if isinstance(rules, list | tuple) else (str(rules),)


def _checked(check: PlanCheck) -> list[Part]:
    return [Part("warnings", tuple(line for found in check.warnings for line in str(found).splitlines()))]


def _runs(home: Home, plan: Plan, runs: Runs) -> list[Part]:
    """Runs of the plan as it is now, a study's arm among them; those of what it was are only counted."""
    current = runs.of_plan(plan.hash)
    older = sum(row["plan_hash"] != plan.hash for row in runs.named(plan.name))
    lines = [run_line(row) for row in current[:_SHOWN]]
    lines += [f"and {len(current) - _SHOWN} more"] if len(current) > _SHOWN else []
    lines += [f"{older} of an earlier version of this plan, or of another one of this name"] if older else []
    if not lines:
        return [Part("runs", ("none yet",))]
    return [Part(f"runs ({len(current)})", tuple(lines)), *best_parts(home, current)]


def run_line(row: Row) -> str:
    metrics = ", ".join(f"{name} {value:.4f}" for name, value in row["eval"].items())
    return f"{row['name']}  {row['status']}" + (f"  {metrics}" if metrics else "")


def best_parts(home: Home, rows: Sequence[Row]) -> list[Part]:
    """The best run with its numbers."""
    if (best := best_of(rows)) is None:
        return []
    metric, row, _ = best
    run_dir = home.run_dir(str(row["run_id"]))
    measured = sum(metric in one["eval"] for one in rows)
    said = final_lines(run_dir, int(row["attempt"])) or [f"{metric} {row['eval'][metric]:.4f}"]
    return [Part(f"best {metric} of {measured} finished run{'s' if measured > 1 else ''}: {row['name']}", tuple(said))]
