"""The report of an error nobody expected: what a maintainer needs, without what is secret."""

import os
import platform
import re
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from workbench import __version__
from workbench.atomic import write_text

_SECRET_NAME = re.compile("token|secret|passw|api_?key|credential|private|auth", re.IGNORECASE)
_SECRETS = (
    re.compile(r"\b(hf_|sk-|ghp_|gho_|github_pat_|xox[a-z]-|AKIA)[A-Za-z0-9_\-]{8,}"),
    re.compile(r"(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"),
    re.compile(r"(?i)(?<=bearer )\S+"),
    re.compile(r"""(?i)(?<![a-z])(?:[a-z_]*(?:token|secret|password|api_?key))["']?\s*[=:]\s*["']?[^\s"',)]{4,}"""),
)
_LEAST = 6  # a shorter value would mask words of the report


@dataclass(frozen=True, slots=True)
class Report:
    """`summary` is one line; `where` tells errors apart that come again; `path` is None where it was not written."""

    summary: str
    text: str
    where: tuple[str, ...]
    path: Path | None = None
    problem: str = ""


def report_of(error: BaseException, facts: Mapping[str, str]) -> Report:
    """`facts` stand at its head, besides the versions. Values of local variables are left out: they may be anything."""
    known = {
        "workbench": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "terminal": os.environ.get("TERM", ""),
        **facts,
    }
    head = "\n".join(f"{name:<10} {value}" for name, value in known.items())
    told = "".join(traceback.format_exception(error))
    frames = traceback.extract_tb(error.__traceback__)
    summary = "".join(traceback.format_exception_only(error)).strip().splitlines()[-1]
    where = (type(error).__name__, *(f"{frame.filename}:{frame.lineno}" for frame in frames[-3:]))
    return Report(masked(summary), masked(f"{head}\n\n{told}"), where)


def written(report: Report, folder: Path) -> Report:
    """Kept in a file that its owner alone can read; says in `problem` why it is not, where the folder forbids it."""
    path = folder / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.urandom(2).hex()}.txt"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_text(path, report.text)
        path.chmod(0o600)
    except OSError as error:
        return Report(report.summary, report.text, report.where, None, f"{folder}: {error.strerror or error}")
    return Report(report.summary, report.text, report.where, path)


def masked(text: str, environment: Mapping[str, str] | None = None) -> str:
    """Without values of variables that sound secret, tokens of well-known services, and passwords in addresses."""
    known = os.environ if environment is None else environment
    for name, value in known.items():
        if _SECRET_NAME.search(name) and len(value) >= _LEAST:
            text = text.replace(value, "***")
    for pattern in _SECRETS:
        text = pattern.sub("***", text)
    return text.replace(str(Path.home()), "~") if len(str(Path.home())) > 1 else text
