"""Unpacks the sample study into a home."""

import hashlib
import os
import shutil
import tempfile
import zipfile
from importlib.resources import files
from pathlib import Path

from workbench.errors import InvalidError
from workbench.run.layout import Home
from workbench.sample.mark import is_sample

STUDY = "same-discount"


def unpack(folder: Path) -> Home:
    """Makes the folder a home that holds the sample; whole or not at all. Raises InvalidError where something is."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InvalidError(f"{folder}: there is something already", "name a folder that is empty or not there yet")
    folder.parent.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        with zipfile.ZipFile(_packed()) as packed:
            packed.extractall(making)
        making.chmod(0o755)
        os.replace(making, folder)  # an empty folder is replaced, too
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return Home(folder)


def sample_home() -> Home:
    """The sample of this version in the cache folder, unpacked when it is first asked for."""
    folder = _cache() / f"sample-{_digest()}"
    if is_sample(Home(folder)):
        return Home(folder)
    try:
        return unpack(folder)
    except OSError:
        if is_sample(Home(folder)):  # another program was quicker
            return Home(folder)
        return unpack(Path(tempfile.mkdtemp(prefix="workbench-sample-")))  # no cache can be written


def _packed() -> Path:
    return Path(str(files("workbench.sample"))) / "study.zip"


def _digest() -> str:
    return hashlib.sha256(_packed().read_bytes()).hexdigest()[:12]


def _cache() -> Path:
    named = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(named) if os.path.isabs(named) else Path.home() / ".cache") / "adapter-workbench"
