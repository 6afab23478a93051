"""One run as text: what it is, how it went, what it cost, and whether it was what was planned."""

from typing import Any

from workbench.report.numbers import ABSENT, count, decimal, seconds, size
from workbench.report.plain import shorten, visible
from workbench.report.table import Column, Table

Answer = dict[str, Any]
_MOST_DIFFERENCES = 20


def run_text(answer: Answer, width: int) -> str:
    """The answer of `runs show` without its failure card. Lines of text from files fit into `width` cells."""
    parts = [_head(answer, width), _evaluations(answer), _costs(answer), _memory(answer), _audit(answer)]
    return "\n\n".join(filter(None, [*parts, _attempts(answer), _warnings(answer, width)]))


def status_text(row: Answer) -> str:
    """`finished`, or `failed: cuda_oom`."""
    return f"failed: {row['failure']['class']}" if row["status"] == "failed" else str(row["status"])


def _head(answer: Answer, width: int) -> str:
    adapted = sum(site["method"] != "none" for site in answer["sites"])
    recipe = answer["recipe"]
    lines = [
        f"{answer['name']}  {answer['run_id']}  {status_text(answer)}, attempt {answer['attempt']}",
        f"plan       {answer['plan'].get('name', '')} {answer['plan_hash']} on {answer['model']}: "
        f"{adapted} of {len(answer['sites'])} sites adapted, {count(answer['trainable_params'])} trainable",
        f"recipe     {answer['recipe_name']}: {recipe.get('steps')} steps of {recipe.get('batch')} × "
        f"{recipe.get('accumulation')} examples, lr {recipe.get('lr')}, seed {answer['seed']}",
        f"state      {answer['evidence']}",
        f"progress   step {answer['step'] or 0}/{answer['steps'] or 0} on {answer['device'] or ABSENT}",
        f"adapter    {answer['adapter'] or ABSENT}",
        f"checkpoint {_checkpoints(answer)}",
        f"folder     {answer['folder']}",
    ]
    return "\n".join(shorten(line, width) if line.startswith(("plan", "recipe")) else visible(line) for line in lines)


def _checkpoints(answer: Answer) -> str:
    """The steps that an attempt could go on from."""
    steps = ", ".join(str(found["step"]) for found in answer["checkpoints"])
    return f"after step {steps} ({size(answer['checkpoint_bytes'])})" if steps else ABSENT


def _evaluations(answer: Answer) -> str:
    """The last value of every metric, with what it was taken over."""
    last = {(e["evaluator"], e["metric"]): e for e in answer["evaluations"]}
    if not last:
        return ""
    rows = tuple(
        (
            metric if metric == evaluator else f"{evaluator}.{metric}",
            decimal(e["value"]),
            "↑" if e["higher_is_better"] else "↓",
            ABSENT if e["n"] is None else f"{e['n']:,}",
            str(e["step"]),
            _interval(e.get("interval")),
        )
        for (evaluator, metric), e in last.items()
    )
    columns = (Column("evaluation", "left"), Column("value"), Column(""), Column("n"), Column("step"), Column("95 %"))
    earlier = len({e["step"] for e in answer["evaluations"]}) - len({e["step"] for e in last.values()})
    more = f"\nearlier evaluations: {earlier} (see --json)" if earlier else ""
    return Table(columns, rows).text() + more


def _interval(found: tuple[float, float] | None) -> str:
    return f"{found[0]:.3f}–{found[1]:.3f}" if found else ""


def _costs(answer: Answer) -> str:
    costs = answer["costs"]
    speed = ABSENT if costs["tokens_per_s"] is None else f"{count(costs['tokens_per_s'])} tokens/s (median of steps)"
    return "\n".join(
        (
            f"time       {seconds(costs['train_seconds'])} of steps, {seconds(costs['seconds'])} in all attempts, "
            f"{seconds(costs['device_seconds'])} of the device",
            f"speed      {speed}",
            f"adapter    {size(costs['adapter_bytes'])}",
        )
    )


def _memory(answer: Answer) -> str:
    rows = tuple((row["part"], size(row["predicted"]), size(row["measured"])) for row in answer["costs"]["memory"])
    return Table((Column("memory", "left"), Column("predicted"), Column("measured")), rows).text()


def _audit(answer: Answer) -> str:
    audit = answer["audit"]
    if audit is None:
        return "audit      none: no model was built"
    if audit["ok"]:
        return f"audit      {audit['sites']} sites as planned, {audit['trainable_params']:,} trainable parameters"
    rows = tuple(
        tuple(shorten(str(difference.get(key)), 60) for key in ("site", "key", "planned", "built"))
        for difference in audit["differences"][:_MOST_DIFFERENCES]
    )
    left = len(audit["differences"]) - len(rows)
    table = Table(tuple(Column(name, "left") for name in ("site", "key", "planned", "built")), rows)
    more = f"\n{left} more: see --json" if left else ""
    return f"audit      {len(audit['differences'])} settings differ from the plan:\n{table.text()}{more}"


def _attempts(answer: Answer) -> str:
    rows = tuple(
        (
            str(attempt["attempt"]),
            " ".join(filter(None, (attempt["status"], attempt["failure_class"], attempt["reason"]))),
            str(attempt["step"] or 0),
            seconds(attempt["seconds"]),
            attempt["started"] or ABSENT,
        )
        for attempt in answer["attempts"]
    )
    left, right = Column("ended", "left"), Column("started", "left")
    columns = (Column("attempt"), left, Column("step"), Column("time"), right)
    return Table(columns, rows).text() if rows else "no attempt yet"


def _warnings(answer: Answer, width: int) -> str:
    return "\n".join(f"warning: {shorten(message, max(40, 3 * width))}" for message in answer["warnings"])
