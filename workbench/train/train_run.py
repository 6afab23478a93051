"""One run from its record to its results. Reads from top to bottom."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

import torch
from torch import nn

from workbench.run.events import EventLog
from workbench.run.layout import RunDir
from workbench.train.adapters import build_adapters
from workbench.train.audit import AuditError, audit
from workbench.train.base import Base, load_base
from workbench.train.batches import pad_id_of
from workbench.train.checkpoint_writer import CheckpointWriter
from workbench.train.checkpointing import enable_checkpointing
from workbench.train.circumstances import machine_name
from workbench.train.evaluator import Evaluator
from workbench.train.failure import failing_as
from workbench.train.inputs import Inputs, load_inputs
from workbench.train.loop import LoopHooks, LoopResult, Progress, StepMetrics, Trainer, run_loop
from workbench.train.memory import peak_bytes
from workbench.train.resume import Resumed, find_resumed, restore
from workbench.train.save import load_starts, publish_adapter, save_adapter
from workbench.train.session import Session, open_session
from workbench.train.site_stats import site_statistics
from workbench.train.stop import StopFlag
from workbench.train.telemetry import device_uuid, telemetry


@dataclass(frozen=True, slots=True)
class _End:
    """What an attempt came to. `model` is None where a stop came before there was one.

    `checkpoint` is the step of the one to go on from, None where there is none.
    """

    model: nn.Module | None
    result: LoopResult
    adapter_bytes: int = 0
    checkpoint: int | None = None


def train_run(run_dir: RunDir, attempt: int, log: EventLog, stop: StopFlag) -> None:
    """Trains (or, for a reference run, only evaluates) and writes every event up to `finished`, `paused` or `stopped`.

    Raises RunFailure, AuditError or what a library raised; the caller writes the `failed` event.
    """
    session = open_session(run_dir, attempt, log, stop)
    _log_started(session)
    with telemetry(log, device_uuid(session.device)):
        resumed = find_resumed(session)
        began = time.monotonic() - (resumed.state.device_seconds if resumed else 0.0)
        end = _run(session, resumed, began)
    _log_end(session, end, time.monotonic() - began)


def _run(session: Session, resumed: Resumed | None, began: float) -> _End:
    """Everything between the first event and the last. A stop is heard before each part that takes long."""
    if _is_told_to_end(session):
        return _not_begun(resumed)
    base = _load_base(session, resumed)
    if _is_told_to_end(session):
        return _not_begun(resumed)
    inputs = load_inputs(session)
    if session.record.reference:
        end = _evaluate(session, base, inputs)
    else:
        end = _train(session, base, inputs, resumed, began)
    if end.model is not None and not end.result.stopped:
        statistics = site_statistics(end.model, base.norms, end.result.grad_norms)
        session.log.write("site_stats", step=end.result.step, sites=statistics)
        if end.adapter_bytes:
            publish_adapter(session.run_dir, session.attempt)
    return end


def _is_told_to_end(session: Session) -> bool:
    return session.stop.requested


def _not_begun(resumed: Resumed | None) -> _End:
    """A stop before the first step: what there was to go on from is there still."""
    step = resumed.checkpoint.step if resumed else 0
    return _End(None, LoopResult(Progress(step), True, {}), checkpoint=step or None)


def _evaluate(session: Session, base: Base, inputs: Inputs) -> _End:
    """A reference run: the base as it is."""
    _audit(session, base.model)
    done = Evaluator(session, inputs).run(base.model, 0)
    return _End(base.model, LoopResult(Progress(), not done, {}))


def _train(session: Session, base: Base, inputs: Inputs, resumed: Resumed | None, began: float) -> _End:
    """From the adapters to the last evaluation, or to the state that a stop leaves."""
    record, evaluator = session.record, Evaluator(session, inputs)
    model, clock = build_adapters(base.model, record, base.starts)
    _audit(session, model)
    if session.recipe.gradient_checkpointing:
        enable_checkpointing(model, record)
    trainer = Trainer(model, clock, session.recipe, pad_id_of(inputs.tokenizer), session.warn)
    start = restore(session, resumed, model, trainer.rule) if resumed else Progress()
    writer = CheckpointWriter(session, model, trainer.rule, began, start.step)
    hooks = LoopHooks(_step_logger(session), lambda step: evaluator.run(model, step), session.warn, writer.write)
    result = run_loop(trainer, inputs.training.examples, record.seed, hooks, session.stop, start)
    adapter_bytes = save_adapter(model, record, session.run_dir.adapter_of(session.attempt))
    if not result.stopped:
        done = evaluator.run(model, result.step) and evaluator.run_merged(model, result.step)
        result = replace(result, stopped=not done)
    if result.stopped:
        writer.write(result.at)
    return _End(model, result, adapter_bytes, writer.kept or None)


def _log_started(session: Session) -> None:
    recipe, name, dtype = session.recipe, machine_name(session.device), str(session.compute_dtype)
    session.log.write(
        "started",
        model=session.record.model,
        device=f"{session.device} {name}",
        threads=torch.get_num_threads(),
        compute_dtype=dtype.removeprefix("torch."),
        steps=0 if session.record.reference else recipe.steps,
        seed=session.record.seed,
        batch=recipe.batch,
        accumulation=recipe.accumulation,
        **({"why": session.terms.why} if session.terms.why else {}),
    )
    session.say(f"{session.record.name}: {session.device} {name}, {torch.get_num_threads()} threads, {dtype}")


def _load_base(session: Session, resumed: Resumed | None) -> Base:
    starts = load_starts(resumed.adapter) if resumed else None
    with failing_as("missing_model"):
        base = load_base(session.record, session.device, session.compute_dtype, starts)
    formats: dict[str, int] = {}
    for site in session.record.sites:
        formats[site.base] = formats.get(site.base, 0) + 1
    session.log.write("base_ready", seconds=base.seconds, base_params=base.params, bytes=base.bytes, formats=formats)
    session.say(f"base ready in {base.seconds:.1f} s: {base.bytes / 1e6:.1f} MB, {formats}")
    if base.missing:
        session.warn(f"the checkpoint lacks {', '.join(base.missing)}: random values are there instead")
    if base.silenced:
        session.warn(f"the base's own dropout is switched off ({', '.join(base.silenced)})")
    return base


def _audit(session: Session, model: nn.Module) -> None:
    differences = audit(model, session.record)
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    session.log.write(
        "audit",
        ok=not differences,
        sites=len(session.record.sites),
        trainable_params=trainable,
        differences=[asdict(difference) for difference in differences],
    )
    if differences:
        raise AuditError(differences)
    session.say(f"audit: {len(session.record.sites)} sites as planned, {trainable:,} trainable parameters")


def _step_logger(session: Session) -> Callable[[int, StepMetrics], None]:
    every = max(1, (session.recipe.steps or 1) // 20)

    def log_step(step: int, metrics: StepMetrics) -> None:
        session.log.write("metric", step=step, values=asdict(metrics))
        if step == 1 or step % every == 0:
            session.say(f"step {step}/{session.recipe.steps} loss {metrics.loss:.4f} grad {metrics.grad_norm:.3f}")

    return log_step


def _log_end(session: Session, end: _End, device_seconds: float) -> None:
    step, saved = end.result.step, ", adapter saved" if end.adapter_bytes else ""
    costs = {
        "step": step,
        "train_seconds": end.result.at.seconds,
        "device_seconds": device_seconds,
        "peak_bytes": peak_bytes(session.device),
        "adapter_bytes": end.adapter_bytes,
    }
    if not end.result.stopped:
        session.log.write("finished", **costs)
        session.say(f"finished after step {step} in {device_seconds:.1f} s")
    elif session.stop.reason == "pause":
        session.log.write("paused", checkpoint=end.checkpoint, **costs)
        session.say(f"paused after step {step}{saved}")
    else:
        session.log.write("stopped", reason=session.stop.reason, checkpoint=end.checkpoint, **costs)
        session.say(f"stopped after step {step}{saved}")
