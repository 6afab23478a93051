"""`workbench plan export`: a plan as the configuration of another tool."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.cli.context import current_home, print_json
from workbench.errors import UsageError

if TYPE_CHECKING:
    from workbench.plan.export import PlanExport
    from workbench.plan.plan import Plan


def export_plan(ref: str, format_: str, to: Path | None, force: bool, as_json: bool) -> None:
    """Writes or prints the file; what it leaves out goes to stderr, or into the JSON."""
    from workbench import atomic
    from workbench.plan.files import load_plan

    make = _maker(format_)
    if to and to.exists() and not (force and to.is_file()):
        hint = "name another file" if to.is_dir() else "name another file, or replace it with --force"
        raise UsageError(f"{to} exists already", hint)
    exported = make(load_plan(ref, current_home()))
    if to:
        to.parent.mkdir(parents=True, exist_ok=True)
        atomic.write_text(to, exported.text)
    if as_json:
        said = {"file": str(to) if to else None, "format": format_, "values": exported.values}
        print_json({**said, "not_said": [item.to_json() for item in exported.not_said]})
        return
    for item in exported.not_said:
        print(f"warning: {item}", file=sys.stderr)
    print(f"wrote {to}" if to else exported.text.rstrip("\n"))


def _maker(format_: str) -> "Callable[[Plan], PlanExport]":
    from workbench.nearest import nearest
    from workbench.plan.export_axolotl import export_axolotl
    from workbench.plan.export_peft import export_peft

    makers = {"peft": export_peft, "axolotl": export_axolotl}
    if format_ not in makers:
        raise UsageError(f"--format {format_}: no such format", nearest(format_, makers))
    return makers[format_]
