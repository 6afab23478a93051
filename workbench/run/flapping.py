"""The flap guard: a batch whose runs fail one after the other is paused, and no other batch is."""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench import atomic
from workbench.run.layout import Home
from workbench.run.process import boot_id

EARLY_FAILURES, EARLY_SECONDS = 3, 60.0
FIRST_FAILURES = 5


@dataclass(frozen=True, slots=True)
class Guard:
    """What is known of the batches of a home. Changing it needs the queue's lock."""

    home: Home

    def begin(self, batch: str) -> None:
        """Notes when the first run of a batch was started."""
        if batch and not self._file(batch).exists():
            self._write(batch, {"boot_id": boot_id(), "began": _now(), "outcomes": {}, "paused": ""})

    def note(self, batch: str, run_id: str, attempt: int, failure: str | None) -> None:
        """Notes how an attempt ended; the same one twice counts once. Pauses the batch where it has failed enough."""
        if not batch:
            return
        state = self._read(batch)
        state["outcomes"][f"{run_id}.{attempt}"] = {"failure": failure, "t": _now()}
        state["paused"] = state["paused"] or _verdict(state)
        self._write(batch, state)

    def paused(self, batch: str) -> str:
        """Why the batch is paused, "" when it is not."""
        return str(self._read(batch)["paused"]) if batch else ""

    def release(self, batch: str) -> bool:
        """Lets a paused batch go on, with its failures so far forgotten; False when it was not paused."""
        if not self.paused(batch):
            return False
        self.forget(batch)
        return True

    def forget(self, batch: str) -> None:
        if batch:
            self._file(batch).unlink(missing_ok=True)

    def known(self) -> list[str]:
        """The batches that something is noted of."""
        folder = self.home.queue / "batches"
        return sorted(path.stem for path in folder.glob("*.json") if not path.name.startswith("."))

    def _file(self, batch: str) -> Path:
        return self.home.queue / "batches" / f"{batch}.json"

    def _read(self, batch: str) -> dict[str, Any]:
        try:
            raw = json.loads(self._file(batch).read_text(encoding="utf-8"))
            return {**raw, "outcomes": dict(raw["outcomes"]), "paused": str(raw["paused"])}
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return {"boot_id": boot_id(), "began": _now(), "outcomes": {}, "paused": ""}

    def _write(self, batch: str, state: dict[str, Any]) -> None:
        self._file(batch).parent.mkdir(parents=True, exist_ok=True)
        atomic.write_json(self._file(batch), state)


def _verdict(state: dict[str, Any]) -> str:
    """Three failures in the first minute, or five before anything succeeded, are the batch's own fault."""
    outcomes = state["outcomes"].values()
    failures = [outcome for outcome in outcomes if outcome["failure"]]
    classes = ", ".join(sorted({str(outcome["failure"]) for outcome in failures}))
    # Seconds since the boot are comparable within one boot only.
    same_boot = state["boot_id"] == boot_id()
    early = [outcome for outcome in failures if outcome["t"] - state["began"] <= EARLY_SECONDS]
    if same_boot and len(early) >= EARLY_FAILURES:
        return f"{len(early)} failures in its first {EARLY_SECONDS:.0f} s ({classes})"
    if len(failures) >= FIRST_FAILURES and len(failures) == len(outcomes):
        return f"{len(failures)} failures before any success ({classes})"
    return ""


def _now() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)
