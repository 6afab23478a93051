"""The errors a person can meet: each says what is wrong, where, and what to do about it."""

import errno
from typing import NamedTuple


class Problem(NamedTuple):
    """One thing wrong with something a person wrote.

    `where` names the file and line, key, site or run; `hint` says what to do and the nearest valid thing.
    """

    where: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        hint = "\n    " + self.hint.replace("\n", "\n    ") if self.hint else ""
        return f"{self.where}: {self.message}{hint}"


class WorkbenchError(Exception):
    """Anything expected to go wrong. `title` is one sentence, `hint` what to do."""

    exit_code = 1

    def __init__(self, title: str, hint: str = "", problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(title)
        self.title = title
        self.hint = hint
        self.problems = problems


class UsageError(WorkbenchError):
    """The command's words do not fit together."""

    exit_code = 2


class InvalidError(WorkbenchError):
    """A plan, recipe, study, model or data set that cannot be used as it is."""

    exit_code = 3


class NotFoundError(WorkbenchError):
    """A run, plan, recipe or model that is not where it was looked for."""

    exit_code = 4


class LockedError(WorkbenchError):
    """Something another process holds."""

    exit_code = 5


_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# Libraries in C++ and Rust wrap the system's error in one of their own, and keep its words.
_FULL_WORDS = ("No space left on device", "Disk quota exceeded", "File too large")


def no_space_left(error: BaseException) -> bool:
    """Whether something could not be written for want of space: a full disk, a quota, a limit on file size."""
    if isinstance(error, OSError):
        return error.errno in _FULL
    return any(words in str(error) for words in _FULL_WORDS)
