"""Whether runs would survive a logout. The shim has its own session and ignores SIGHUP; systemd kills by group."""

import os
import pwd
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from workbench.doctor.check import Check, Place, first_words
from workbench.doctor.logind import LogoutRules, read_rules

_BOOTED = Path("/run/systemd/system")  # there while systemd is the init process
_LINGER = Path("/var/lib/systemd/linger")
_SCOPE = "loginctl enable-linger, then start runs by: systemd-run --user --scope workbench run …"
_ENABLE = "keep your services after a logout: loginctl enable-linger"
_BUS = ("busctl", "get-property", "org.freedesktop.login1", "/org/freedesktop/login1")


@dataclass(frozen=True, slots=True)
class Session:
    """Who is logged in, and in which control group of systemd this process is."""

    user: str
    lingers: bool
    group: str

    @property
    def is_of_user_manager(self) -> bool:
        """Below user@UID.service, which ends at the last logout of a user who does not linger."""
        return "/user@" in self.group

    @property
    def is_login(self) -> bool:
        """In the scope of a login, which KillUserProcesses clears."""
        return "/session-" in self.group and not self.is_of_user_manager


def check_logout(place: Place) -> Iterator[Check]:
    """Whether a logout ends the runs that were started here."""
    if not _BOOTED.is_dir():
        yield Check("logout", "ok", "no systemd here: a logout leaves runs alone (the end of a container does not)")
        return
    yield judge_logout(_rules_in_force(), _session())


def judge_logout(rules: LogoutRules, session: Session) -> Check:
    """What a logout does to processes in that session."""
    if session.is_of_user_manager:
        if session.lingers:
            return Check("logout", "ok", f"runs go on: services of {session.user} stay after a logout (lingering)")
        message = f"runs would end with the last logout of {session.user}, who does not linger"
        return Check("logout", "warning", message, _ENABLE)
    if not session.is_login:
        return Check("logout", "ok", "runs go on: this is not part of a login session")
    hits = rules.hits(session.user)
    if hits is None:
        message = "it is not known whether a logout kills what runs (KillUserProcesses is not set in logind.conf)"
        return Check("logout", "warning", message, f"ask with busctl, or be safe: {_SCOPE}")
    if hits:
        return Check("logout", "warning", "a logout kills runs: logind has KillUserProcesses=yes", _SCOPE)
    return Check("logout", "ok", f"runs go on: logind does not kill the processes of {session.user}")


def _rules_in_force() -> LogoutRules:
    """The files, with the one answer that logind itself gives where it can be asked."""
    rules = read_rules()
    said = first_words([*_BUS, "org.freedesktop.login1.Manager", "KillUserProcesses"])  # `b true`
    if said in ("b true", "b false"):
        return LogoutRules(said == "b true", rules.only_users, rules.spared_users)
    return rules


def _session() -> Session:
    user = user_name()
    said = first_words(["loginctl", "show-user", user, "--property=Linger", "--value"])
    lingers = said == "yes" if said in ("yes", "no") else (_LINGER / user).exists()
    return Session(user, lingers, systemd_group(Path("/proc/self/cgroup").read_text(encoding="utf-8")))


def user_name() -> str:
    """The user's name, or the number where it has none."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def systemd_group(text: str) -> str:
    """The control group by which systemd knows this process: its own hierarchy in version 1, else that of version 2."""
    groups = {controllers: path for _, controllers, path in (line.split(":", 2) for line in text.splitlines())}
    return groups.get("name=systemd") or groups.get("", "")
