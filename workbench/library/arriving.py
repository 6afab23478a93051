"""Plan, recipe and study files from elsewhere, and zips of plan and recipe, into the home."""

import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import InvalidError, NotFoundError, UsageError
from workbench.library.copies import copy_file, place_of
from workbench.library.entry import Kind
from workbench.plan.document import read_document
from workbench.plan.files import read_text
from workbench.run.layout import Home

_MOST_BYTES = 4_000_000


@dataclass(frozen=True, slots=True)
class Arrived:
    """A file that was copied into the home."""

    kind: Kind
    name: str
    path: Path


def import_file(home: Home, path: Path, force: bool = False) -> list[Arrived]:
    """Copies a file into the home by what it holds; of a zip all its .yaml files.

    Raises NotFoundError, InvalidError for a file that is none of ours, UsageError where one would be replaced.
    """
    if not path.is_file():
        what = "a folder" if path.is_dir() else "no such file"
        raise NotFoundError(f"{path}: {what}", "name a plan, recipe or study file, or a .zip of plan and recipe")
    if path.stat().st_size > _MOST_BYTES:
        raise InvalidError(f"{path}: too large for a plan, a recipe or a study", "these are YAML files of some lines")
    if path.suffix == ".zip":
        return _import_zip(home, path, force)
    return _import_all(home, [path], force)


def import_text(home: Home, text: str, name: str = "", force: bool = False) -> Arrived:
    """Writes a text that was in no file into the home, by this name, else by the one in it.

    Raises InvalidError for a text that is none of ours, UsageError where it has no name or would replace a file.
    """
    if len(text.encode()) > _MOST_BYTES:
        raise InvalidError("the text is too large for a plan, a recipe or a study", "these are YAML of some lines")
    kind = _kind(text, "the text")
    name = name or _said_name(text)
    if not name:
        raise UsageError(f"the {kind} has no name", "give it one: workbench import - --name NAME")
    one = Arrived(kind, name, place_of(home, kind, name))
    _require_free(one, force)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "text.yaml"
        source.write_text(text, encoding="utf-8")
        copy_file(kind, source, one.path, name, force)
    return one


def kind_of(path: Path) -> Kind:
    """What a file is, told from its keys. Raises InvalidError."""
    return _kind(read_text(path), str(path))


def _kind(text: str, where: str) -> Kind:
    keys = set(read_document(where, text).data)
    if "seeds" in keys or keys & {"factors", "arms", "claims"}:
        return Kind.STUDY
    if "model" in keys:
        return Kind.PLAN
    if "data" in keys:
        return Kind.RECIPE
    hint = "a plan has `model`, a recipe `data`, a study `seeds`"
    raise InvalidError(f"{where}: neither a plan nor a recipe nor a study", hint)


def _import_all(home: Home, paths: Sequence[Path], force: bool) -> list[Arrived]:
    """All of them, or none where one cannot be."""
    found = [(path, kind := kind_of(path), _name(kind, path)) for path in paths]
    arrived = [Arrived(kind, name, place_of(home, kind, name)) for _, kind, name in found]
    for one in arrived:
        _require_free(one, force)
    for path, one in zip(paths, arrived, strict=True):
        copy_file(one.kind, path, one.path, one.name, force)
    return arrived


def _require_free(one: Arrived, force: bool) -> None:
    if one.path.exists() and not force:
        raise UsageError(f"{one.path} exists", "give it another name, or replace it: workbench import --force")


def _name(kind: Kind, path: Path) -> str:
    """That of the file; of a study's `study.yaml` and of a file from a zip the one in it."""
    generic = path.stem in ("study", "plan") and kind is not Kind.RECIPE
    return (_said_name(read_text(path)) if generic else "") or path.stem


def _said_name(text: str) -> str:
    said = read_document("the text", text).data.get("name")
    return said if isinstance(said, str) else ""


def _import_zip(home: Home, path: Path, force: bool) -> list[Arrived]:
    try:
        with zipfile.ZipFile(path) as archive, tempfile.TemporaryDirectory() as folder:
            return _import_all(home, _unpacked(archive, Path(folder)), force)
    except zipfile.BadZipFile as error:
        raise InvalidError(f"{path}: not a zip file ({error})", "make one with: workbench runs export RUN") from error


def _unpacked(archive: zipfile.ZipFile, folder: Path) -> list[Path]:
    """Its .yaml files, by their last names alone."""
    members = [member for member in archive.infolist() if member.filename.endswith(".yaml")]
    if not members or sum(member.file_size for member in members) > _MOST_BYTES:
        raise InvalidError(f"{archive.filename}: holds no .yaml files of a sensible size", "a zip of plan and recipe")
    paths: list[Path] = []
    for member in members:
        target = folder / Path(member.filename).name
        if target in paths:
            hint = "rename one of them, or import them from folders of their own"
            raise InvalidError(f"{archive.filename}: holds {target.name} twice", hint)
        target.write_bytes(archive.read(member))
        paths.append(target)
    return paths
