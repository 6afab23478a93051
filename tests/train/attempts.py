"""Attempts at one run: in this process, or by real trainers that are stopped, paused and killed."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from tests.train.here import trained_here
from tests.train.support import told
from workbench.run.checkpoints import STATE_NAME, complete_checkpoints
from workbench.run.control import Reason, mark_stopping
from workbench.run.events import EventLog
from workbench.run.layout import Home, RunDir
from workbench.run.record import RunRecord
from workbench.run.terms import Terms
from workbench.train.stop import StopFlag
from workbench.train.train_run import train_run
from workbench.train.training_state import read_state

COMMAND = [sys.executable, "-P", "-m", "workbench.train"]
Event = dict[str, Any]


class _StoppingLog(EventLog):
    """Asks for a stop as soon as an event of this kind and step is written."""

    def __init__(self, run_dir: RunDir, attempt: int, stop: StopFlag, at: tuple[str, int] | None) -> None:
        super().__init__(run_dir.events, run_dir.run_id, attempt)
        self._stop, self._at = stop, at

    def write(self, kind: str, **fields: Any) -> None:
        super().write(kind, **fields)
        if (kind, fields.get("step")) == self._at:
            self._stop.requested = True


@dataclass(frozen=True, slots=True)
class Attempts:
    """A run whose attempts are made one after the other."""

    run_dir: RunDir

    def here(
        self, attempt: int, resume: bool = False, stop_at: tuple[str, int] | None = None, reason: Reason = "user"
    ) -> list[Event]:
        """One attempt in this process, stopped after an event of some kind and step; its events."""
        Terms(attempt, resume).write(self.run_dir)
        stop = StopFlag()
        stop.reason = reason
        log = _StoppingLog(self.run_dir, attempt, stop, stop_at)
        try:
            train_run(self.run_dir, attempt, log, stop)
        finally:
            log.close()
        return self.events(attempt)

    def as_trainer(self, attempt: int, resume: bool = False) -> list[Event]:
        """One attempt in this process as a trainer's process makes it: what goes wrong is in its events."""
        Terms(attempt, resume).write(self.run_dir)
        trained_here(self.run_dir, attempt)
        return self.events(attempt)

    def environment(self, attempt: int) -> dict[str, str]:
        return {**os.environ, "OMP_NUM_THREADS": "1", "WORKBENCH_ATTEMPT": str(attempt)}

    def run(self, attempt: int, resume: bool = False, prepare: Callable[[], object] | None = None) -> list[Event]:
        """One attempt by a trainer of its own, to its end; its events."""
        Terms(attempt, resume).write(self.run_dir)
        done = subprocess.run(
            [*COMMAND, str(self.run_dir.path)],
            env=self.environment(attempt),
            text=True,
            capture_output=True,
            check=False,
            preexec_fn=prepare,
        )
        events = self.events(attempt)
        assert events, done.stderr
        return events

    @contextmanager
    def until(self, attempt: int, line: str, resume: bool = False) -> Iterator[subprocess.Popen[str]]:
        """A trainer that has just printed a line that begins like this; it is waited for in the end."""
        Terms(attempt, resume).write(self.run_dir)
        command = [*COMMAND, str(self.run_dir.path)]
        with subprocess.Popen(
            command, env=self.environment(attempt), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as trainer:
            assert trainer.stdout is not None
            said = []
            for printed in trainer.stdout:
                said.append(printed)
                if printed.startswith(line):
                    break
            else:
                raise AssertionError("".join(said))
            yield trainer
            trainer.communicate(timeout=120)

    def interrupted(self, attempt: int, line: str, how: str, resume: bool = False) -> list[Event]:
        """An attempt that is ended after that line: `kill`, by nobody known (`preempted`), or for the reason given."""
        with self.until(attempt, line, resume) as trainer:
            if how in ("user", "pause"):
                mark_stopping(self.run_dir, attempt, "pause" if how == "pause" else "user")
            trainer.send_signal(signal.SIGKILL if how == "kill" else signal.SIGTERM)
        return self.events(attempt)

    def events(self, attempt: int) -> list[Event]:
        return [event for event in told(self.run_dir) if event["attempt"] == attempt]

    def latest(self, kind: str, *keys: str) -> dict[tuple[Any, ...], Any]:
        """The last event of a kind by these keys, without what differs from one time to another."""
        found = {}
        for event in told(self.run_dir):
            if event["kind"] == kind:
                found[tuple(event[key] for key in keys)] = _lasting(event)
        return found

    def weights(self, attempt: int) -> bytes:
        [path] = self.run_dir.adapter_of(attempt).glob("*.safetensors")
        return path.read_bytes()

    def rule_state(self) -> dict[str, Any]:
        """The step rule's state in the newest checkpoint."""
        return read_state(complete_checkpoints(self.run_dir)[0].path / STATE_NAME).rule


def new_run(folder: Path, record: RunRecord) -> Attempts:
    run_dir = Home(folder).run_dir(record.run_id)
    run_dir.path.mkdir(parents=True)
    record.write(run_dir.record)
    return Attempts(run_dir)


def _lasting(event: Event) -> Event:
    if "values" in event:
        return {key: event["values"].get(key) for key in event["values"] if key not in ("tokens_per_s", "memory_bytes")}
    return {key: value for key, value in event.items() if key not in ("attempt", "seq", "t", "mono")}


def same(one: Any, other: Any) -> bool:
    """Whether two states are equal bit by bit."""
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def assert_same_end(one: Attempts, last: int, other: Attempts, others_last: int) -> None:
    """Both runs have finished, bit by bit alike: weights, states, and the last event of every step."""
    for run, attempt in ((one, last), (other, others_last)):
        assert run.events(attempt)[-1]["kind"] == "finished", run.events(attempt)[-1]
    assert one.weights(last) == other.weights(others_last)
    for kind, keys in (("metric", ("step",)), ("eval", ("step", "evaluator")), ("site_stats", ("step",))):
        assert one.latest(kind, *keys) == other.latest(kind, *keys), kind
    assert same(one.rule_state(), other.rule_state())
