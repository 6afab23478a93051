"""What tells the home of the sample from a home of one's own."""

from pathlib import Path

from workbench.errors import InvalidError
from workbench.run.layout import Home

# Its presence makes a home the sample; whoever deletes it has a home of their own.
MARK = "SAMPLE.md"


def is_sample(home: Home) -> bool:
    return (home.path / MARK).is_file()


def require_own_file(home: Home, path: Path) -> None:
    """Raises InvalidError for a file in the home of the sample."""
    if path.absolute().is_relative_to(home.path.absolute()):
        require_own(home)


def require_own(home: Home) -> None:
    """Raises InvalidError in the home of the sample: what is in it stays as it was measured."""
    if is_sample(home):
        raise InvalidError(
            "this is the sample study: it can be looked at, not changed",
            "work in a home of your own: 0 on the screens goes back to it, --home FOLDER names one. "
            f"Without {home.path / MARK} this one is yours",
        )
