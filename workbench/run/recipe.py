"""The recipe as a value: data, optimizer, steps, evaluation; everything of a run but plan and seed."""

from dataclasses import asdict, dataclass, fields
from typing import Any

OPTIMIZERS = ("adamw", "adamw_8bit", "paged_adamw_32bit", "paged_adamw_8bit", "mezo")
SCHEDULES = ("constant_with_warmup", "linear", "cosine", "constant")
CHOICE_ACCURACY = "choice_accuracy"
EVALUATORS = ("loss", "token_accuracy", "exact_match", CHOICE_ACCURACY)
COMPUTE_DTYPES = ("auto", "bf16", "fp32")

# What a run's identity leaves out: paths and revisions are replaced by content hashes, and neither recomputing
# activations nor splitting an effective batch into micro-batches nor keeping checkpoints changes a number. `warmup`
# counts as the steps that it means. What only one optimizer reads belongs to recipes with that one, and `merge_eval`
# and the templates of `choices` to those that have them: the others keep the identity they had.
_NOT_IDENTITY = (
    *("data", "eval_data", "choices", "revision", "batch", "accumulation", "gradient_checkpointing", "warmup"),
    *("checkpoint_every", "checkpoint_keep"),
)
_LISTS = ("evaluators", "choices", "merge_eval")


@dataclass(frozen=True, slots=True)
class Split:
    """Holds `fraction` of the examples out for evaluation, drawn by `seed`."""

    fraction: float = 0.1
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train. Defaults follow QLoRA (Dettmers et al. 2023, arXiv:2305.14314, appendix B) where it speaks.

    `batch` counts examples per micro-step, `accumulation` micro-steps per optimizer step; `warmup` below 1 is a
    share of the steps, else a number of steps; `clip` bounds the global gradient norm (0 = off); `mezo_epsilon` is how
    far MeZO goes aside (ε), and no other optimizer reads it; `eval_every` counts steps (0 = final only); `merge_eval`
    names targets that the adapter is merged into for one more evaluation at the end; `checkpoint_every` counts steps
    (0 = only when paused or stopped), and the newest `checkpoint_keep` are kept; `max_length` counts tokens of prompt
    and target together. `columns` are pairs of a format's key and the name that the data has for it; `revision` is a
    commit, branch or tag of a hub data set. `choices` are files or hub data sets of multiple-choice questions, asked as
    `choices_prompt` and answered as `choices_answer` write them.
    """

    data: str
    eval_data: str | None = None
    split: Split | None = None
    revision: str | None = None
    format: str = "auto"
    columns: tuple[tuple[str, str], ...] = ()
    prompt_template: str | None = None
    max_length: int = 512
    steps: int | None = None
    epochs: float | None = None
    batch: int = 16
    accumulation: int = 1
    lr: float = 2e-4
    schedule: str = "constant_with_warmup"
    warmup: float = 0.03
    optimizer: str = "adamw"
    mezo_epsilon: float = 1e-3
    clip: float = 0.3
    weight_decay: float = 0.0
    eval_every: int = 0
    evaluators: tuple[str, ...] = ("loss", "token_accuracy")
    choices: tuple[str, ...] = ()
    choices_prompt: str = "Question: {question}\n{choices}\nAnswer:"
    choices_answer: str = " {choice}"
    merge_eval: tuple[str, ...] = ()
    checkpoint_every: int = 500
    checkpoint_keep: int = 2
    gradient_checkpointing: bool = False
    compute_dtype: str = "auto"

    @property
    def effective_batch(self) -> int:
        """Examples per optimizer step."""
        return self.batch * self.accumulation

    @property
    def warmup_steps(self) -> int:
        """Steps of warm-up; needs `steps` to be resolved when `warmup` is a share."""
        return round(self.warmup * (self.steps or 0)) if self.warmup < 1 else int(self.warmup)

    def to_dict(self) -> dict[str, Any]:
        lists = {key: list(getattr(self, key)) for key in _LISTS}
        return {**asdict(self), "columns": dict(self.columns), **lists}

    def identity(self, dropout: bool = False) -> dict[str, Any]:
        """What makes two recipes the same experiment, for run identifiers and recipe hashes.

        With `dropout` somewhere in the plan the split into micro-batches counts: each has masks of its own.
        """
        left_out = [*_NOT_IDENTITY]
        left_out += ["mezo_epsilon"] if self.optimizer != "mezo" else []
        left_out += ["merge_eval"] if not self.merge_eval else []
        left_out += ["choices_prompt", "choices_answer"] if not self.choices else []
        kept = {key: value for key, value in self.to_dict().items() if key not in left_out}
        split = {"batch": self.batch, "accumulation": self.accumulation} if dropout else {}
        return {**kept, "effective_batch": self.effective_batch, "warmup_steps": self.warmup_steps, **split}


def recipe_from_dict(values: dict[str, Any]) -> Recipe:
    """The recipe that `to_dict` wrote. Raises TypeError on keys that a recipe does not have."""
    split = values.get("split")
    return Recipe(
        **{
            **values,
            "split": Split(**split) if split else None,
            "columns": tuple(values.get("columns", {}).items()),
            **{key: tuple(values.get(key, ())) for key in _LISTS},
        }
    )


RECIPE_KEYS = tuple(field.name for field in fields(Recipe))
