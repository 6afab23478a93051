"""What systemd-logind is told to do with the processes of a user who logs out."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

# By rank: of files of the same name the first one counts.
FOLDERS = tuple(Path(top) / "systemd" for top in ("/etc", "/run", "/usr/local/lib", "/usr/lib"))
_FILE = "logind.conf"
_YES = frozenset(("1", "yes", "y", "true", "t", "on"))


@dataclass(frozen=True, slots=True)
class LogoutRules:
    """The rules in force. `kills` is None where no file says it and the default is not written down either."""

    kills: bool | None
    only_users: tuple[str, ...] = ()
    spared_users: tuple[str, ...] = ("root",)

    def hits(self, user: str) -> bool | None:
        """Whether a logout kills what this user left behind in the session."""
        if user in self.spared_users or (self.only_users and user not in self.only_users):
            return False
        return self.kills


def read_rules(folders: Iterable[Path] = FOLDERS) -> LogoutRules:
    """Reads logind.conf and its drop-ins; later files win, key by key, and an empty value takes the key back.

    Where no file sets KillUserProcesses, the commented line that the distribution ships tells its default.
    """
    values: dict[str, str] = {}
    defaults: dict[str, str] = {}
    for path in _files(tuple(folders)):
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            key, sign, value = (part.strip() for part in line.strip().partition("="))
            if sign:
                (defaults if key.startswith(("#", ";")) else values)[key.lstrip("#; ")] = value
    return _rules(values, defaults)


def _rules(values: Mapping[str, str], defaults: Mapping[str, str]) -> LogoutRules:
    kills = values.get("KillUserProcesses") or defaults.get("KillUserProcesses")
    return LogoutRules(
        kills.lower() in _YES if kills else None,
        tuple(values.get("KillOnlyUsers", "").split()),
        tuple(values.get("KillExcludeUsers", "root").split()),
    )


def _files(folders: tuple[Path, ...]) -> Iterator[Path]:
    """The main file of the highest rank, then the drop-ins in the order of their names."""
    yield from [path for folder in folders if (path := folder / _FILE).is_file()][:1]
    drop_ins: dict[str, Path] = {}
    for folder in folders:
        for path in (folder / f"{_FILE}.d").glob("*.conf"):
            drop_ins.setdefault(path.name, path)
    yield from (drop_ins[name] for name in sorted(drop_ins))
