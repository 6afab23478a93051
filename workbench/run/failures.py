"""The failure classes: what each means in one sentence, and what can be done about it. The one list of them."""

from typing import NamedTuple


class FailureClass(NamedTuple):
    """A way in which an attempt can fail: its cause in one sentence, and one to three fixes, the likeliest first.

    RUN, PLAN, RECIPE and MODEL in the commands of fixes stand for what the reader puts there.
    """

    name: str
    cause: str
    fixes: tuple[str, ...]


LOWER_BATCH = "lower batch and raise accumulation by the same factor (without dropout the result stays the same)"
CHECKPOINTING = "set gradient_checkpointing: true, or lower max_length"
LOWER_LR = "lower lr, or set a longer warmup"

_CLASSES = (
    FailureClass(
        "cuda_oom",
        "The GPU ran out of memory.",
        (
            LOWER_BATCH,
            CHECKPOINTING,
            "see who else uses the GPU: workbench doctor",
        ),
    ),
    FailureClass(
        "host_oom",
        "This machine ran out of memory (RAM).",
        (
            "close other programs, or run fewer at once: --jobs 1",
            LOWER_BATCH,
            "store the base in nf4",
        ),
    ),
    FailureClass(
        "nan",
        "The loss or the gradient was no longer a number; the parameters were not touched in that step.",
        (
            LOWER_LR,
            "set a smaller clip",
            "see how the loss got there: workbench runs logs RUN --events",
        ),
    ),
    FailureClass(
        "killed_by_user",
        "The run was stopped before it could save its state.",
        (
            "go on from its last checkpoint: workbench runs resume RUN",
            "give a stop more time: runs stop --grace SECONDS; the first Ctrl-C saves, the second kills",
        ),
    ),
    FailureClass(
        "killed",
        "The trainer was killed by signal 9, which the workbench did not send.",
        (
            "go on from its last checkpoint: workbench runs resume RUN",
            "ask who kills processes here: a job scheduler, a memory guard, another person",
            "have the next ones try again by themselves: workbench run --retries 3",
        ),
    ),
    FailureClass(
        "preempted",
        "The machine, its scheduler or somebody else told the trainer to end.",
        (
            "go on from its last checkpoint: workbench runs resume RUN",
            "have the next ones try again by themselves: workbench run --retries 3",
        ),
    ),
    FailureClass(
        "disk_full",
        "The disk under the home was full.",
        ("free space under the home, then start it again", "put the home on a larger disk: --home, $WORKBENCH_HOME"),
    ),
    FailureClass(
        "bad_plan",
        "The plan cannot be trained on this machine or with this recipe.",
        ("see what is wrong: workbench plan check PLAN --recipe RECIPE",),
    ),
    FailureClass(
        "bad_data",
        "The data cannot be used, or is not what it was when the run was made.",
        (
            "mend the data file or the recipe, then start it again: changed data makes a new run",
            "check that the targets fit into max_length",
        ),
    ),
    FailureClass(
        "missing_model",
        "The model or its tokenizer is not where it was, or is not whole.",
        ("put the folder back where the plan says", "see what is there: workbench model show MODEL"),
    ),
    FailureClass(
        "audit_mismatch",
        "The model that was built is not the one that was planned; nothing was trained.",
        (
            "compare the installed versions with those that the workbench was tested with (constraints.txt)",
            "report it with the table of differing sites",
        ),
    ),
    FailureClass(
        "crash",
        "The trainer ended on an error that the workbench did not expect.",
        ("read the whole log of the attempt: workbench runs logs RUN", "report it with that log"),
    ),
    FailureClass(
        "lost",
        "The trainer and its shim are gone without a word: both were killed, or the machine went down.",
        (
            "go on from its last checkpoint: workbench runs resume RUN",
            "look in the system's log for a restart or an out-of-memory kill",
            "have the next ones try again by themselves: workbench run --retries 3",
        ),
    ),
)

FAILURE_CLASSES = {found.name: found for found in _CLASSES}


def failure_class(name: str) -> FailureClass:
    """The class of that name; one that this version does not know gets the words of a crash."""
    crash = FAILURE_CLASSES["crash"]
    return FAILURE_CLASSES.get(name) or FailureClass(name, "The attempt failed in a way unknown here.", crash.fixes)
