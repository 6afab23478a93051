"""One run from its record to its results. Reads from top to bottom."""

import platform
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from torch import nn
from transformers import PreTrainedTokenizerBase

from workbench.data.example import Example
from workbench.data.load import DataSet, load_data
from workbench.data.tokenize import tokenize
from workbench.data.tokens import TokenizedSet
from workbench.plan.merge_target import read_target
from workbench.plan.model_map import load_map
from workbench.run.events import EventLog
from workbench.run.layout import RunDir
from workbench.run.recipe import Recipe, recipe_from_dict
from workbench.run.record import RunRecord, read_record
from workbench.train.adapters import build_adapters
from workbench.train.audit import AuditError, audit
from workbench.train.base import Base, load_base, pick_compute_dtype, pick_device
from workbench.train.batches import pad_id_of
from workbench.train.checkpointing import enable_checkpointing
from workbench.train.evaluate import (
    HIGHER_IS_BETTER,
    Evaluation,
    Score,
    score_examples,
    summarize,
    write_predictions,
)
from workbench.train.failure import RunFailure, failing_as
from workbench.train.loop import LoopHooks, LoopResult, StepMetrics, Trainer, run_loop
from workbench.train.memory import peak_bytes
from workbench.train.merge import total
from workbench.train.merged_model import merged
from workbench.train.originals import OriginalWeights
from workbench.train.save import publish_adapter, save_adapter
from workbench.train.site_stats import site_statistics
from workbench.train.stop import StopFlag, StopRequestedError
from workbench.train.tokenizer import load_tokenizer


@dataclass(frozen=True, slots=True)
class Session:
    """What every part of one attempt needs."""

    run_dir: RunDir
    record: RunRecord
    recipe: Recipe
    attempt: int
    log: EventLog
    stop: StopFlag

    def say(self, text: str) -> None:
        print(text, flush=True)

    def warn(self, message: str) -> None:
        self.log.write("warning", message=message)
        self.say(f"warning: {message}")

    def log_evaluation(self, step: int, result: Evaluation, name: str) -> None:
        self.log.write(
            "eval",
            step=step,
            evaluator=name,
            values={name: result.value},
            n=result.n,
            higher_is_better=HIGHER_IS_BETTER[result.evaluator],
        )
        self.say(f"eval at step {step}: {name} {result.value:.4f} (n {result.n})")


def train_run(run_dir: RunDir, attempt: int, log: EventLog, stop: StopFlag) -> None:
    """Trains (or, for a reference run, only evaluates) and writes every event up to `finished` or `stopped`.

    Raises RunFailure, AuditError or what a library raised; the caller writes the `failed` event.
    """
    record = read_record(run_dir.record)
    session = Session(run_dir, record, recipe_from_dict(record.recipe), attempt, log, stop)
    device = pick_device()
    with failing_as("bad_plan"):
        compute_dtype = pick_compute_dtype(session.recipe.compute_dtype, device)
    began = time.monotonic()
    _log_started(session, device, compute_dtype)
    base = _load_base(session, device, compute_dtype)
    tokenizer, training, evaluation, eval_examples = _load_data(session)
    evaluator = _Evaluator(session, tokenizer, evaluation, eval_examples)
    if record.reference:
        _audit(session, base.model)
        model, adapter_bytes = base.model, 0
        result = LoopResult(0, 0.0, not evaluator.run(model, 0), {})
    else:
        model, clock = build_adapters(base.model, record, base.starts)
        _audit(session, model)
        if session.recipe.gradient_checkpointing:
            enable_checkpointing(model, record)
        trainer = Trainer(model, clock, session.recipe, pad_id_of(tokenizer), session.warn)
        hooks = LoopHooks(_step_logger(session), lambda step: evaluator.run(model, step), session.warn)
        result = run_loop(trainer, training.examples, record.seed, hooks, stop)
        adapter_bytes = save_adapter(model, record, run_dir.adapter_of(attempt))
        if not result.stopped:
            result = replace(result, stopped=not evaluator.run(model, result.step))
    if not result.stopped and isinstance(model, PeftModel):
        result = replace(result, stopped=not _merge_evaluations(session, evaluator, model, compute_dtype, result.step))
    if not result.stopped:
        log.write("site_stats", step=result.step, sites=site_statistics(model, base.norms, result.grad_norms))
        if adapter_bytes:
            publish_adapter(run_dir, attempt)
    _log_end(session, result, adapter_bytes, time.monotonic() - began, peak_bytes(device))


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
    )
    session.say(f"{session.record.name}: {device} {name}, {torch.get_num_threads()} threads, {compute_dtype}")


def _load_base(session: Session, device: torch.device, compute_dtype: torch.dtype) -> Base:
    with failing_as("missing_model"):
        base = load_base(session.record, device, compute_dtype)
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


def _load_data(
    session: Session,
) -> tuple[PreTrainedTokenizerBase, TokenizedSet, TokenizedSet, tuple[Example, ...]]:
    recipe = session.recipe
    with failing_as("bad_data"):
        data = load_data(recipe)
        _check_unchanged(session.record, data)
    for line in data.said:
        session.say(line)
    with failing_as("missing_model"):
        tokenizer = load_tokenizer(session.record.model_path)
    with failing_as("bad_data"):
        training = tokenize(data.training, tokenizer, recipe.max_length, "training")
        evaluation = tokenize(data.evaluation, tokenizer, recipe.max_length, "evaluation")
    for part, tokens in (("training", training), ("evaluation", evaluation)):
        if tokens.truncated:
            session.warn(
                f"{tokens.truncated} {part} examples are cut at max_length {recipe.max_length}; "
                f"{tokens.dropped} of them keep no target and are left out"
            )
    return tokenizer, training, evaluation, data.evaluation


def _check_unchanged(record: RunRecord, data: DataSet) -> None:
    if data.hash != record.data_hash:
        raise RunFailure(
            "bad_data", "the data files changed since this run was made", "start it again: a new run will be made"
        )


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


def _step_logger(session: Session) -> Any:
    every = max(1, (session.recipe.steps or 1) // 20)

    def log_step(step: int, metrics: StepMetrics) -> None:
        session.log.write("metric", step=step, values=asdict(metrics))
        if step == 1 or step % every == 0:
            session.say(f"step {step}/{session.recipe.steps} loss {metrics.loss:.4f} grad {metrics.grad_norm:.3f}")

    return log_step


class _Evaluator:
    """Runs the recipe's evaluators and writes their events and predictions."""

    def __init__(
        self,
        session: Session,
        tokenizer: PreTrainedTokenizerBase,
        evaluation: TokenizedSet,
        examples: Sequence[Example],
    ) -> None:
        self._session, self._tokenizer = session, tokenizer
        self._evaluation, self._examples = evaluation, examples

    def run(self, model: nn.Module, step: int) -> bool:
        """False when it was given up because a stop was asked for: then nothing of it is written."""
        session = self._session
        try:
            scores = self.scores(model)
        except StopRequestedError:
            return False
        path = session.run_dir.predictions(session.attempt)
        write_predictions(path, step, scores, self._evaluation.examples, self._examples, self._tokenizer)
        for result in summarize(scores, session.recipe.evaluators):
            session.log_evaluation(step, result, result.evaluator)
        return True

    def scores(self, model: nn.Module) -> list[Score]:
        """Every example's. Raises StopRequestedError once a stop is asked for."""
        session = self._session
        return score_examples(model, self._evaluation.examples, self._tokenizer, session.recipe.batch, session.stop)


def _merge_evaluations(
    session: Session, evaluator: _Evaluator, model: PeftModel, compute_dtype: torch.dtype, step: int
) -> bool:
    """The evaluators of the recipe once more for every target of `merge_eval`, and the share that it keeps.

    False when it was given up because a stop was asked for.
    """
    if not session.recipe.merge_eval:
        return True
    folder = Path(session.record.model_path)
    originals = OriginalWeights(folder, load_map(str(folder)).family)
    for name in session.recipe.merge_eval:
        try:
            with merged(model, session.record, originals, read_target(name), compute_dtype) as kept:
                scores = evaluator.scores(model)
        except StopRequestedError:
            return False
        for result in summarize(scores, session.recipe.evaluators):
            session.log_evaluation(step, result, f"{result.evaluator}@{name}")
        if (share := total(kept.values()).fraction) is not None:
            session.log_evaluation(step, Evaluation("kept", share, len(kept)), f"kept@{name}")
    return True


def _log_end(session: Session, result: LoopResult, adapter_bytes: int, device_seconds: float, peak: int) -> None:
    costs = {
        "step": result.step,
        "train_seconds": result.seconds,
        "device_seconds": device_seconds,
        "peak_bytes": peak,
        "adapter_bytes": adapter_bytes,
    }
    if result.stopped:
        session.log.write("stopped", reason="user", **costs)
        session.say(f"stopped after step {result.step}{', adapter saved' if adapter_bytes else ''}")
    else:
        session.log.write("finished", **costs)
        session.say(f"finished after step {result.step} in {device_seconds:.1f} s")
