"""Writes the checkpoints of one attempt, as far as there is space for them."""

import shutil
import time
from pathlib import Path

import torch
from peft import PeftModel

from workbench.errors import no_space_left
from workbench.run.checkpoints import ADAPTER_NAME, STATE_NAME, complete_checkpoints, estimated_bytes
from workbench.run.new_checkpoint import keep_newest, make_checkpoint, remove_debris
from workbench.train.circumstances import circumstances
from workbench.train.failure import causes
from workbench.train.loop import Progress
from workbench.train.save import save_adapter
from workbench.train.session import Session
from workbench.train.step_rule import StepRule
from workbench.train.training_state import TrainingState, random_states, write_state


class CheckpointWriter:
    """Knows what a checkpoint is made of.

    `kept` is the step of the newest that this attempt wrote or went on from, 0 for none. `began` is when, on the
    monotonic clock, an attempt without interruption would have begun.
    """

    def __init__(self, session: Session, model: PeftModel, rule: StepRule, began: float, kept: int) -> None:
        self._session, self._model, self._rule, self._began = session, model, rule, began
        self.kept = kept

    def write(self, at: Progress) -> None:
        """Writes the state after a step, tells of it, and removes the oldest beyond `checkpoint_keep`.

        Nothing at step 0, and nothing twice. Where space is short or the weights are not finite any more, a warning
        takes its place and what there was is kept. Raises OSError for anything else that cannot be written.
        """
        if at.step == self.kept or not self._worth_keeping(at.step) or not self._has_space(at.step):
            return
        began = time.monotonic()
        try:
            path = self._make(at)
        except Exception as error:  # every library has its own for a full disk; the others go on
            if not any(no_space_left(cause) for cause in causes(error)):
                raise
            self._session.warn(f"no checkpoint after step {at.step}: the disk became full while it was written")
            return
        self.kept = at.step
        size, seconds = sum(file.stat().st_size for file in path.rglob("*") if file.is_file()), time.monotonic() - began
        self._session.log.write("checkpoint", step=at.step, bytes=size, seconds=seconds)
        self._session.say(f"checkpoint after step {at.step}: {size / 1e6:.1f} MB")
        keep_newest(self._session.run_dir, self._session.recipe.checkpoint_keep)

    def _make(self, at: Progress) -> Path:
        session = self._session
        facts = {"run_id": session.record.run_id, "evaluated": at.evaluated, **circumstances(session.device)}
        return make_checkpoint(session.run_dir, at.step, session.attempt, facts, lambda folder: self._fill(folder, at))

    def _fill(self, folder: Path, at: Progress) -> None:
        if self._session.device.type == "cuda":
            torch.cuda.synchronize(self._session.device)  # paged states are read where the GPU may still be writing
        save_adapter(self._model, self._session.record, folder / ADAPTER_NAME)
        seconds = time.monotonic() - self._began
        state = TrainingState(at.step, at.evaluated, at.seconds, seconds, self._rule.state(), random_states())
        write_state(state, folder / STATE_NAME)

    def _worth_keeping(self, step: int) -> bool:
        """A step that breaks the weights shows in the loss of the next: the good checkpoint must outlive that."""
        if all(p.isfinite().all() for p in self._model.parameters() if p.requires_grad):
            return True
        self._session.warn(f"no checkpoint after step {step}: the weights hold values that are not finite")
        return False

    def _has_space(self, step: int) -> bool:
        session = self._session
        if session.run_dir.checkpoints.is_dir():
            remove_debris(session.run_dir)
        earlier = complete_checkpoints(session.run_dir)
        estimate = estimated_bytes(session.record.trainable_params, session.recipe.optimizer)
        need = max([estimate, *(checkpoint.bytes for checkpoint in earlier)])
        free = shutil.disk_usage(session.run_dir.path).free
        if free >= need:
            return True
        session.warn(
            f"no checkpoint after step {step}: it takes about {need / 1e6:.1f} MB, {free / 1e6:.1f} MB are free"
            f"{'; earlier ones are kept' if earlier else ''}"
        )
        return False
