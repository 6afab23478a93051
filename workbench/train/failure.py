"""Sorts what went wrong in a run into the failure classes, each with a sentence of what to do."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from workbench.errors import WorkbenchError, no_space_left
from workbench.run.failures import FAILURE_CLASSES
from workbench.run.out_of_memory import out_of_memory
from workbench.train.audit import AuditError

HINTS = {name: found.fixes[0] for name, found in FAILURE_CLASSES.items()}


class RunFailure(WorkbenchError):
    """A failure whose class is known where it is raised."""

    def __init__(self, failure_class: str, title: str, hint: str = "") -> None:
        super().__init__(title, hint)
        self.failure_class = failure_class


@dataclass(frozen=True, slots=True)
class Failure:
    failure_class: str
    message: str
    hint: str


@contextmanager
def failing_as(failure_class: str) -> Iterator[None]:
    """Errors about a person's files that are raised inside belong to `failure_class`."""
    try:
        yield
    except RunFailure:
        raise
    except WorkbenchError as error:
        details = [error.hint, *map(str, error.problems)]
        raise RunFailure(failure_class, error.title, "\n".join(filter(None, details))) from error
    except (OSError, ValueError) as error:
        if shortage(error):
            raise
        raise RunFailure(failure_class, str(error).strip().splitlines()[0]) from error


def classify(error: BaseException) -> Failure:
    """The class, one sentence of cause and what to do."""
    if isinstance(error, RunFailure):
        return Failure(error.failure_class, error.title, error.hint or HINTS[error.failure_class])
    if isinstance(error, AuditError):
        return Failure("audit_mismatch", error.title, error.hint)
    for cause in causes(error):
        if found := shortage(cause):
            return _hinted(found, cause)
    hint = error.hint if isinstance(error, WorkbenchError) else HINTS["crash"]
    return Failure("crash", f"{type(error).__name__}: {error}", hint)


def shortage(error: BaseException) -> str | None:
    """`cuda_oom`, `host_oom` or `disk_full` where this error says that something ran out, None where it does not."""
    if isinstance(error, torch.OutOfMemoryError):
        return "cuda_oom"
    if isinstance(error, MemoryError):
        return out_of_memory(str(error)) or "host_oom"
    if no_space_left(error):
        return "disk_full"
    return out_of_memory(str(error))


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what led to it, the last first: libraries put errors of their own over the system's."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)


def _hinted(failure_class: str, error: BaseException) -> Failure:
    return Failure(failure_class, str(error).splitlines()[0] if str(error) else failure_class, HINTS[failure_class])
