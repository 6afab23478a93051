"""`workbench doctor`: what is right, doubtful or wrong here, and what to do."""

import io
import os
import sys
import textwrap
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli.context import current_home, how_home_was_chosen, print_json
from workbench.cli.width import text_width

if TYPE_CHECKING:
    from workbench.doctor.check import Check

_COLOURS = {"ok": typer.colors.GREEN, "warning": typer.colors.YELLOW, "failing": typer.colors.RED}
_STATE_CELLS, _NAME_CELLS = 9, 14
_WIDEST = 110


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Examine Python, packages, devices, disk, home, locks and the system. Exit code 1 if anything fails."""
    from workbench.doctor.examine import examine

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # where the terminal is not UTF-8, it is told so and can read it
    checks: list[Check] = []
    for check in examine(current_home(), how_home_was_chosen()):
        checks.append(check)
        if not as_json:
            print("\n".join(_lines(check)), flush=True)
    counts = {state: sum(check.state == state for check in checks) for state in _COLOURS}
    ok = counts["failing"] == 0
    if as_json:
        print_json({"ok": ok, "checks": [asdict(check) for check in checks]})
    else:
        print("\n" + ", ".join(f"{count} {state}" for state, count in counts.items()))
    if not ok:
        raise typer.Exit(1)


def _lines(check: "Check") -> list[str]:
    """A check folded to the terminal: the message under itself, and what to do below it."""
    from workbench.report.plain import visible

    indent = " " * (_STATE_CELLS + _NAME_CELLS)
    room = max(30, min(text_width(), _WIDEST) - len(indent))
    first, *rest = textwrap.wrap(visible(check.message), room, break_on_hyphens=False) or [""]
    lines = [f"{_state(check.state)}{check.name:<{_NAME_CELLS}}{first}", *(indent + line for line in rest)]
    fix = textwrap.wrap(visible(check.fix), room - 2, break_on_hyphens=False)
    return lines + [f"{indent}{'→ ' if number == 0 else '  '}{line}" for number, line in enumerate(fix)]


def _state(state: str) -> str:
    cell = f"{state:<{_STATE_CELLS}}"
    return typer.style(cell, fg=_COLOURS[state]) if sys.stdout.isatty() and not os.environ.get("NO_COLOR") else cell
