"""What each kind of event carries beside `v run_id attempt seq t mono kind`: for documentation, checked by a test."""

EVENT_FIELDS: dict[str, dict[str, str]] = {
    "started": {
        "model": "the model as the plan names it",
        "device": "torch's name of the device, and what it is",
        "threads": "CPU threads of the trainer",
        "compute_dtype": "dtype of activations: float32 or bfloat16",
        "steps": "optimizer steps to come; 0 for a reference run",
        "seed": "the run's seed",
        "batch": "examples per micro-step in this attempt",
        "accumulation": "micro-steps per step in this attempt",
        "why": "what led to this attempt, where its terms say so",
    },
    "base_ready": {
        "seconds": "time to load and quantize the base",
        "base_params": "parameters of the base, embeddings and head included",
        "bytes": "memory that the loaded base takes",
        "formats": "sites per base format",
    },
    "audit": {
        "ok": "whether every site is as planned",
        "sites": "how many sites were read back",
        "trainable_params": "trainable parameters of the built model",
        "differences": "site, key, planned and built value of what differs",
    },
    "metric": {
        "step": "optimizer step, from 1",
        "values": "loss (nats per target token over the effective batch), lr, grad_norm (before clipping; mezo: "
        "the size of the projected gradient), tokens (inputs without padding), tokens_per_s, memory_bytes",
    },
    "eval": {
        "step": "after which step",
        "evaluator": "loss, token_accuracy, exact_match or choice_accuracy, and with this one choice_accuracy_raw and "
        "`choice_accuracy/SUBJECT`; after merging `loss@int4` and so on, and `kept@int4`",
        "values": "the metric by name",
        "n": "over how many target tokens (exact_match: examples; choice_accuracy: questions)",
        "higher_is_better": "the metric's direction",
        "interval": "choice_accuracy: Wilson's at 95 %, for questions drawn at random",
    },
    "checkpoint": {
        "step": "after which step the resumable state was written",
        "bytes": "what it takes on disk",
        "seconds": "how long writing took; training waits meanwhile",
    },
    "site_stats": {
        "step": "after which step",
        "sites": "per site: weight_norm, quant_error (relative), update_norm, effective_rank, grad_norm (mean; "
        "null without gradients)",
    },
    "telemetry": {
        "values": "kept in the log only. GPU: gpu_percent, memory_percent, memory_bytes, free_bytes, celsius, watts "
        "(null where not told); CPU: cpu_cores (of the process group, since the sample before), rss_bytes",
    },
    "resumed": {
        "step": "from which step the attempt goes on",
        "from_attempt": "the attempt that wrote the checkpoint",
    },
    "paused": {
        "step": "after which step",
        "checkpoint": "step of the newest checkpoint that the attempt wrote or went on from; null for none",
        "…": "the costs of `finished`",
    },
    "stopped": {
        "reason": "user, or preempted when it was told to end from outside of the workbench",
        "step": "after which step",
        "checkpoint": "step of the newest checkpoint that the attempt wrote or went on from; null for none",
        "…": "the costs of `finished`",
    },
    "warning": {"message": "a sentence"},
    "failed": {
        "class": "the failure class",
        "message": "what went wrong, in a sentence",
        "hint": "what to do about it",
    },
    "finished": {
        "step": "the last step",
        "train_seconds": "seconds of steps alone; of earlier attempts, those that a checkpoint kept",
        "device_seconds": "seconds from loading the base to the end, counted likewise",
        "peak_bytes": "peak memory: the allocator's on CUDA, the process's resident set on the CPU",
        "adapter_bytes": "bytes of the adapter's weights",
    },
}
