"""`proc.json`: who supervises and who trains the latest attempt of a run."""

import json
from typing import Any, NamedTuple

from workbench import atomic
from workbench.run.layout import RunDir
from workbench.run.process import ProcessId


class ProcRecord(NamedTuple):
    """One attempt's processes. `trainer` is None for the instant between the shim's start and the trainer's."""

    attempt: int
    shim: ProcessId
    trainer: ProcessId | None
    slot: str | None
    threads: int | None

    @property
    def pgid(self) -> int | None:
        """The trainer leads its own process group."""
        return self.trainer.pid if self.trainer else None

    def write(self, run_dir: RunDir) -> None:
        value = {
            "boot_id": self.shim.boot_id,
            "shim": _plain(self.shim),
            "trainer": _plain(self.trainer) if self.trainer else None,
            "pgid": self.pgid,
            "slot": self.slot,
            "attempt": self.attempt,
            "threads": self.threads,
        }
        atomic.write_json(run_dir.proc, value)


def read_proc(run_dir: RunDir) -> ProcRecord | None:
    """The record of a run, None when no attempt wrote one.

    A damaged file counts as none: the locks and logs say what is alive, this file only whom to signal.
    """
    try:
        raw = json.loads(run_dir.proc.read_text(encoding="utf-8"))
        boot = raw["boot_id"]
        trainer = _process(raw["trainer"], boot) if raw["trainer"] else None
        return ProcRecord(int(raw["attempt"]), _process(raw["shim"], boot), trainer, raw["slot"], raw["threads"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def _plain(process: ProcessId) -> dict[str, int]:
    return {"pid": process.pid, "start_ticks": process.start_ticks}


def _process(raw: dict[str, Any], boot: str) -> ProcessId:
    return ProcessId(int(raw["pid"]), int(raw["start_ticks"]), boot)
