"""The numbers that a run ended with, each with what it was taken over and which way is better."""

from typing import Any

from workbench.report.numbers import decimal
from workbench.run.events import read_events
from workbench.run.layout import RunDir

_UNITS = {"loss": " nats a target token"}
_OVER = {"loss": "target tokens", "token_accuracy": "target tokens", "exact_match": "examples"}


def final_lines(run_dir: RunDir, attempt: int) -> list[str]:
    """A line per number of the last evaluation of this attempt, read from its log."""
    found = [e for e in read_events(run_dir.events) if e.get("kind") == "eval" and e.get("attempt") == attempt]
    step = max((_step(event) for event in found), default=0)
    return [line for event in found if _step(event) == step for line in _lines(event, step)]


def _step(event: dict[str, Any]) -> int:
    step = event.get("step")
    return step if isinstance(step, int) else 0


def _lines(event: dict[str, Any], step: int) -> list[str]:
    values, n = event.get("values"), event.get("n")
    if not isinstance(values, dict):
        return []
    better = {True: "↑", False: "↓"}.get(event.get("higher_is_better", ""), "")
    return [
        f"{name} {better} {decimal(value)}{_UNITS.get(name, '')}  ({_over(str(name), n)}, step {step})"
        for name, value in values.items()
        if isinstance(value, int | float)
    ]


def _over(name: str, n: object) -> str:
    return f"n={n:,} {_OVER.get(name.partition('@')[0], 'examples')}" if isinstance(n, int) else "n unknown"
