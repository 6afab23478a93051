"""Where lenses are found: those of the home, and those that come with the program. One's own of a name wins."""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from store.lenses.lens import SUFFIX, Lens, parse_lens, slug
from workbench.errors import InvalidError, NotFoundError, UsageError, WorkbenchError
from workbench.nearest import nearest
from workbench.run.layout import Home


@dataclass(frozen=True, slots=True)
class Listed:
    """A lens as `lens list` has it. `lens` is None for a file that cannot be read, and `problem` says why.

    `stands_in` tells one's own lens that has the name of a built-in one.
    """

    name: str
    path: Path
    built_in: bool
    stands_in: bool
    lens: Lens | None
    problem: str


def folder(home: Home) -> Path:
    """The folder of a person's own lenses."""
    return home.path / "lenses"


def known(home: Home) -> list[Listed]:
    """Every lens that a name can mean, built-in ones first, each group by name."""
    own, built_in = _own(home), _built_in()
    found = [_listed(path, True, False) for key, path in built_in.items() if key not in own]
    return found + [_listed(path, False, key in built_in) for key, path in own.items()]


def find(home: Home, name: str) -> tuple[Lens, list[str]]:
    """The lens of that name, and a note where it stands in for a built-in one.

    Raises NotFoundError with the nearest name, and InvalidError for a file that cannot be read as a lens.
    """
    own, built_in, key = _own(home), _built_in(), slug(name)
    if key in own:
        return _lens(own[key], False), [
            f"your lens {own[key]} stands in for the built-in one"
        ] if key in built_in else []
    if key in built_in:
        return _lens(built_in[key], True), []
    names = [listed.name for listed in known(home)]
    raise NotFoundError(f"no lens '{name}'", f"{nearest(name, names)}; see them all: workbench lens list")


def place(home: Home, name: str) -> Path:
    """Where one's own lens of that name stands, or would. Raises UsageError for a name without letters and digits."""
    if not (key := slug(name)):
        raise UsageError(f"'{name}' is no name of a lens", "a name has letters or digits, and may have blanks")
    return _own(home).get(key, folder(home) / f"{key}{SUFFIX}")


def is_built_in(name: str) -> bool:
    return slug(name) in _built_in()


def read(path: Path) -> str:
    """The text of a file. Raises WorkbenchError where it cannot be read, InvalidError where it is no text."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InvalidError(f"{path} is not UTF-8 text ({error.reason})", "a lens is a text file of SQL") from error
    except OSError as error:
        raise WorkbenchError(
            f"{path} cannot be read ({error.strerror})", "check the path and its permissions"
        ) from error


def _own(home: Home) -> dict[str, Path]:
    return _by_slug(sorted(folder(home).glob(f"*{SUFFIX}")))


def _built_in() -> dict[str, Path]:
    return _by_slug(sorted(Path(str(files("store.lenses"))).glob(f"*{SUFFIX}")))


def _by_slug(paths: list[Path]) -> dict[str, Path]:
    return {slug(path.stem): path for path in paths if not path.name.startswith(".")}


def _lens(path: Path, built_in: bool) -> Lens:
    lens = parse_lens(read(path), path, built_in)
    if slug(lens.name) != slug(path.stem):
        raise InvalidError(f"{path} says that it is the lens '{lens.name}'", "call file and lens alike")
    return lens


def _listed(path: Path, built_in: bool, stands_in: bool) -> Listed:
    try:
        lens = _lens(path, built_in)
    except WorkbenchError as error:
        problem = "; ".join([error.title, *(str(one).replace("\n", " ") for one in error.problems)])
        return Listed(path.stem.replace("-", " "), path, built_in, stands_in, None, problem)
    return Listed(lens.name, path, built_in, stands_in, lens, "")
