"""One run from its record to its results. Reads from top to bottom."""

import platform
import time
from collections.abc import Callable
from dataclasses import asdict, replace

import torch
from peft import PeftModel
from torch import nn

from workbench.run.events import EventLog
from workbench.run.layout import RunDir
from workbench.train.adapters import build_adapters
from workbench.train.audit import AuditError, audit
from workbench.train.base import Base, load_base, pick_compute_dtype, pick_device
from workbench.train.batches import pad_id_of
from workbench.train.checkpoint_writer import CheckpointWriter
from workbench.train.checkpointing import enable_checkpointing
from workbench.train.evaluator import Evaluator
from workbench.train.failure import failing_as
from workbench.train.inputs import load_inputs
from workbench.train.loop import LoopHooks, LoopResult, Progress, StepMetrics, Trainer, run_loop
from workbench.train.memory import peak_bytes
from workbench.train.resume import Resumed, find_resumed, restore
from workbench.train.save import load_starts, publish_adapter, save_adapter
from workbench.train.session import Session, open_session
from workbench.train.site_stats import site_statistics
from workbench.train.stop import StopFlag


def train_run(run_dir: RunDir, attempt: int, log: EventLog, stop: StopFlag) -> None:
    """Trains (or, for a reference run, only evaluates) and writes every event up to `finished`, `paused` or `stopped`.

    Raises RunFailure, AuditError or what a library raised; the caller writes the `failed` event.
    """
    session = open_session(run_dir, attempt, log, stop)
    record, device = session.record, pick_device()
    with failing_as("bad_plan"):
        compute_dtype = pick_compute_dtype(session.recipe.compute_dtype, device)
    _log_started(session, device, compute_dtype)
    resumed = find_resumed(session)
    began = time.monotonic() - (resumed.state.device_seconds if resumed else 0.0)
    base = _load_base(session, device, compute_dtype, resumed)
    inputs = load_inputs(session)
    evaluator, writer = Evaluator(session, inputs), None
    if record.reference:
        _audit(session, base.model)
        model, adapter_bytes = base.model, 0
        result = LoopResult(Progress(), not evaluator.run(model, 0), {})
    else:
        model, clock = build_adapters(base.model, record, base.starts)
        _audit(session, model)
        if session.recipe.gradient_checkpointing:
            enable_checkpointing(model, record)
        trainer = Trainer(model, clock, session.recipe, pad_id_of(inputs.tokenizer), session.warn)
        start = restore(session, resumed, model, trainer.rule, device) if resumed else Progress()
        writer = CheckpointWriter(session, model, trainer.rule, began, device, start.step or None)
        hooks = LoopHooks(_step_logger(session), lambda step: evaluator.run(model, step), session.warn, writer.write)
        result = run_loop(trainer, inputs.training.examples, record.seed, hooks, stop, start)
        adapter_bytes = save_adapter(model, record, run_dir.adapter_of(attempt))
        if not result.stopped:
            result = replace(result, stopped=not evaluator.run(model, result.step))
    if not result.stopped and isinstance(model, PeftModel):
        result = replace(result, stopped=not evaluator.run_merged(model, compute_dtype, result.step))
    if result.stopped and writer:
        writer.write(result.at)
    if not result.stopped:
        log.write("site_stats", step=result.step, sites=site_statistics(model, base.norms, result.grad_norms))
        if adapter_bytes:
            publish_adapter(run_dir, attempt)
    costs = {
        "step": result.step,
        "train_seconds": result.at.seconds,
        "device_seconds": time.monotonic() - began,
        "peak_bytes": peak_bytes(device),
        "adapter_bytes": adapter_bytes,
    }
    _log_end(session, costs, stopped=result.stopped, checkpoint=writer.kept if writer else None)


def _log_started(session: Session, device: torch.device, compute_dtype: torch.dtype) -> None:
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    session.log.write(
        "started",
        model=session.record.model,
        device=f"{device} {name}",
        threads=torch.get_num_threads(),
        compute_dtype=str(compute_dtype).removeprefix("torch."),
        steps=0 if session.record.reference else session.recipe.steps,
        seed=session.record.seed,
        batch=session.recipe.batch,
        accumulation=session.recipe.accumulation,
        **({"why": session.terms.why} if session.terms.why else {}),
    )
    session.say(f"{session.record.name}: {device} {name}, {torch.get_num_threads()} threads, {compute_dtype}")


def _load_base(session: Session, device: torch.device, compute_dtype: torch.dtype, resumed: Resumed | None) -> Base:
    starts = load_starts(resumed.adapter) if resumed else None
    with failing_as("missing_model"):
        base = load_base(session.record, device, compute_dtype, starts)
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


def _log_end(session: Session, costs: dict[str, int | float], stopped: bool, checkpoint: int | None) -> None:
    saved = ", adapter saved" if costs["adapter_bytes"] else ""
    if not stopped:
        session.log.write("finished", **costs)
        session.say(f"finished after step {costs['step']} in {costs['device_seconds']:.1f} s")
    elif session.stop.reason == "pause":
        session.log.write("paused", checkpoint=checkpoint, **costs)
        session.say(f"paused after step {costs['step']}{saved}")
    else:
        session.log.write("stopped", reason=session.stop.reason, checkpoint=checkpoint, **costs)
        session.say(f"stopped after step {costs['step']}{saved}")
