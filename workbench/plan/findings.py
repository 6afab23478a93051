"""What checking a plan finds, before it is known where in a file that stands."""

from collections.abc import Iterable
from dataclasses import dataclass

from workbench.errors import WorkbenchError
from workbench.plan.compact import name_sites
from workbench.plan.selector_error import SelectorError

# keys and list indices from the top of the file down to a value, such as ("rules", 1)
Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found at a path of the plan file; `column` counts from 1 inside the value's text, 0 is none."""

    path: Path
    message: str
    hint: str = ""
    column: int = 0


def from_error(path: Path, error: WorkbenchError) -> Finding:
    """The finding of an error that a value at this path has caused."""
    return Finding(path, error.title, error.hint, error.column if isinstance(error, SelectorError) else 0)


@dataclass(frozen=True, slots=True)
class SiteFinding:
    """The same, at one site."""

    path: Path
    site: str
    message: str
    hint: str = ""


def by_sites(found: Iterable[SiteFinding]) -> tuple[Finding, ...]:
    """One finding for each message, which names the first few of its sites and counts the others."""
    sites: dict[tuple[Path, str, str], list[str]] = {}
    for finding in found:
        sites.setdefault((finding.path, finding.message, finding.hint), []).append(finding.site)
    return tuple(
        Finding(path, f"{name_sites(names)}: {message}", hint) for (path, message, hint), names in sites.items()
    )


def label(path: Path) -> str:
    """The path as a person reads it: `rules[1]`, `defaults.r`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")
