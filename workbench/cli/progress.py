"""What a person sees while runs go on: a bar per run on a terminal, plain lines otherwise. All of it on stderr."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

Event = dict[str, Any]
LINES_PER_RUN = 10


class Progress(Protocol):
    """Shows events as they come, and says a sentence in between."""

    def on_event(self, event: Event) -> None: ...

    def say(self, message: str) -> None: ...


@contextmanager
def make_progress(names: Mapping[str, str]) -> Iterator[Progress]:
    """The fitting display for stderr; `names` are those of the runs by identifier."""
    if sys.stderr.isatty():
        with _bars() as bars:
            yield BarProgress(names, bars)
    else:
        yield LineProgress(names)


def describe(event: Event) -> str:
    """One event in a few words; empty for those that need none."""
    match event["kind"]:
        case "started":
            return f"attempt {event['attempt']} on {event['device']}"
        case "base_ready":
            return f"base ready in {event['seconds']:.1f} s"
        case "eval":
            values = ", ".join(f"{name} {value:.4f}" for name, value in event["values"].items() if value is not None)
            return f"eval at step {event['step']}: {values}"
        case "warning":
            return f"warning: {event['message']}"
        case "paused":
            return f"paused after step {event.get('step', 0)}: workbench runs resume goes on"
        case "stopped":
            return f"stopped after step {event.get('step', 0)} ({event['reason']})"
        case "failed":
            hint = f" — {event['hint']}" if event.get("hint") else ""
            return f"failed ({event['class']}): {event['message']}{hint}"
        case "finished":
            return f"finished after step {event['step']} in {event['device_seconds']:.1f} s"
    return ""


class LineProgress:
    """Plain lines, a step now and then: for pipes, logs and CI."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        self._steps: dict[str, int] = {}

    def on_event(self, event: Event) -> None:
        run_id = event["run_id"]
        if event["kind"] == "started":
            self._steps[run_id] = event.get("steps") or 0
        text = self._step(event) if event["kind"] == "metric" else describe(event)
        if text:
            self.say(f"{self._names[run_id]}: {text}")

    def _step(self, event: Event) -> str:
        step, steps = event["step"], self._steps.get(event["run_id"], 0)
        if step != 1 and step % max(1, steps // LINES_PER_RUN):
            return ""
        return f"step {step}/{steps} loss {event['values']['loss']:.4f}"

    def say(self, message: str) -> None:
        print(message, file=sys.stderr, flush=True)


def _bars() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", markup=False),
    )
    return Bars(*columns, console=Console(stderr=True), transient=False)


class BarProgress:
    """A bar per run with its loss; what matters else stands above the bars."""

    def __init__(self, names: Mapping[str, str], bars: Any) -> None:
        self._names, self._bars = names, bars
        self._tasks = {
            run_id: bars.add_task(name, total=None, note="waiting", start=False) for run_id, name in names.items()
        }

    def on_event(self, event: Event) -> None:
        task = self._tasks[event["run_id"]]
        match event["kind"]:
            case "started":
                self._bars.start_task(task)
                self._bars.update(task, total=event.get("steps") or 1, completed=0, note="loading")
            case "metric":
                self._bars.update(task, completed=event["step"], note=f"loss {event['values']['loss']:.4f}")
            case "finished":
                self._bars.update(task, total=event["step"] or 1, completed=event["step"] or 1, note="finished")
            case "paused" | "stopped" | "failed":
                self._bars.stop_task(task)
                self._bars.update(task, note=event["kind"])
        if event["kind"] in ("warning", "paused", "stopped", "failed"):
            self.say(f"{self._names[event['run_id']]}: {describe(event)}")

    def say(self, message: str) -> None:
        self._bars.console.print(message, markup=False, highlight=False)
