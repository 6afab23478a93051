"""Going on from a checkpoint: which one, and bringing model, step rule and generators to where it was."""

from dataclasses import dataclass
from pathlib import Path

from peft import PeftModel

from workbench.errors import InvalidError
from workbench.run.checkpoints import (
    ADAPTER_NAME,
    STATE_NAME,
    Checkpoint,
    complete_checkpoints,
    incomplete_checkpoints,
    verify,
)
from workbench.train.circumstances import circumstances
from workbench.train.loop import Progress
from workbench.train.save import load_adapter
from workbench.train.session import Session
from workbench.train.step_rule import StepRule
from workbench.train.training_state import TrainingState, read_state, restore_random_states


@dataclass(frozen=True, slots=True)
class Resumed:
    """A checkpoint that was found whole, and its state of training."""

    checkpoint: Checkpoint
    state: TrainingState

    @property
    def adapter(self) -> Path:
        return self.checkpoint.path / ADAPTER_NAME


def find_resumed(session: Session) -> Resumed | None:
    """The newest checkpoint that verifies, where the terms ask for one; each that does not is named in a warning.

    None, with a warning, where there is none: the attempt starts at step 0. A reference run has no checkpoints.
    """
    if not session.terms.resume or session.record.reference:
        return None
    for path, why in incomplete_checkpoints(session.run_dir).items():
        session.warn(f"{path.name} is passed over: {why}")
    for checkpoint in complete_checkpoints(session.run_dir):
        try:
            verify(checkpoint)
            return Resumed(checkpoint, read_state(checkpoint.path / STATE_NAME))
        except InvalidError as error:
            session.warn(f"{checkpoint.path.name} is passed over: {error.title.removeprefix(f'{checkpoint.path}: ')}")
    session.warn("there is no checkpoint to go on from: this attempt starts at step 0")
    return None


def restore(session: Session, resumed: Resumed, model: PeftModel, rule: StepRule) -> Progress:
    """Loads weights, step rule and random states; returns where the loop goes on. Writes the `resumed` event.

    Raises InvalidError where the weights are not those of this plan.
    """
    checkpoint, state = resumed.checkpoint, resumed.state
    load_adapter(model, resumed.adapter)
    rule.load_state(state.rule)
    restore_random_states(state.random)
    _warn_of_other_circumstances(session, checkpoint)
    session.log.write("resumed", step=state.step, from_attempt=checkpoint.attempt)
    session.say(f"resumed after step {state.step} from the checkpoint of attempt {checkpoint.attempt}")
    return Progress(state.step, state.train_seconds, state.evaluated)


def _warn_of_other_circumstances(session: Session, checkpoint: Checkpoint) -> None:
    was, now = checkpoint.manifest(), circumstances(session.device)
    others = [
        f"{name} {was[key].get(name)}, now {value}"
        for key, values in now.items()
        for name, value in values.items()
        if isinstance(was.get(key), dict) and was[key].get(name) != value
    ]
    if others:
        session.warn(f"the last bits may differ from an uninterrupted run: it had {'; '.join(others)}")
