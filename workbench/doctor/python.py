"""Python, and the installed packages against their pins."""

import platform
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import workbench
from workbench.doctor.check import Check, Place

DISTRIBUTION = "adapter-workbench"
_OLDEST = (3, 11)
_REINSTALL = "pip install --upgrade adapter-workbench"


def check_python(place: Place) -> Iterator[Check]:
    """The interpreter."""
    found = f"{platform.python_implementation()} {platform.python_version()} in {sys.prefix}"
    if sys.version_info < _OLDEST:
        yield Check("python", "failing", found, "install Python 3.11 or newer, and the workbench for it")
    else:
        yield Check("python", "ok", found)


def check_packages(place: Place) -> Iterator[Check]:
    """Every package that the distribution asks for; one line for all that are as asked."""
    try:
        wanted = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        yield Check("packages", "warning", f"{DISTRIBUTION} is not installed: its pins are not known", _REINSTALL)
        return
    try:
        yield from judge_packages(wanted, read_tested(Path(workbench.__file__).parents[1] / "constraints.txt"))
    except ModuleNotFoundError as error:
        yield Check("packages", "failing", f"{error.name} is missing: the pins cannot be read", _REINSTALL)


def judge_packages(wanted: list[str], tested: dict[str, str]) -> Iterator[Check]:
    """Judges requirements such as `peft<0.22,>=0.21` by what is installed; `tested` may be empty."""
    from packaging.requirements import Requirement

    good: list[str] = []
    for requirement in map(Requirement, wanted):
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        version = _version(requirement.name)
        if version is not None and requirement.specifier.contains(version, prereleases=True):
            good.append(_noted(requirement.name, version, tested.get(_canonical(requirement.name))))
            continue
        has = f"{version} is installed" if version else "is not installed"
        asked = f"{requirement.specifier} is needed" if requirement.specifier else "any version will do"
        fix = f"pip install '{requirement.name}{requirement.specifier}'"
        yield Check("package", "failing", f"{requirement.name} {has}, {asked}", fix)
    yield Check("packages", "ok", f"{len(good)} are as pinned: {', '.join(good)}")


def read_tested(constraints: Path) -> dict[str, str]:
    """The exact versions of the test runs, by name; empty where the file was not installed."""
    try:
        lines = constraints.read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    pairs = (line.split("==", 1) for line in lines if "==" in line and not line.startswith("#"))
    return {_canonical(name): version.strip() for name, version in pairs}


def _noted(name: str, version: str, tested: str | None) -> str:
    same = tested is None or version.split("+")[0] == tested
    return f"{name} {version}" if same else f"{name} {version} (tested with {tested})"


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _canonical(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")
