"""Beside the map: what the selection is set to, what the plan costs, what differs, and what is wrong with it."""

from collections.abc import Sequence
from textwrap import wrap

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from tui.widgets.saying import say
from workbench.errors import Problem
from workbench.report.plain import visible

_LABEL, _VALUE = 12, 27
_MOST = 40  # problems shown


class Inspector(VerticalScroll, can_focus=True):
    """Parts of plain text; nothing in them is taken for markup."""

    DEFAULT_CSS = """
    Inspector { width: 44; height: 1fr; padding: 0 1; scrollbar-size-vertical: 1; }
    Inspector Static { height: auto; margin-bottom: 1; }
    Inspector #difference { display: none; &.-some { display: block; } }
    """

    def compose(self) -> ComposeResult:
        for part in ("selection", "checks", "difference", "budget"):
            yield Static("", id=part, markup=False)

    def show_selection(self, title: str, lines: Sequence[tuple[str, str]]) -> None:
        say(self.query_one("#selection", Static), _table(title, lines))

    def show_budget(self, title: str, lines: Sequence[tuple[str, str]]) -> None:
        say(self.query_one("#budget", Static), _table(title, lines))

    def show_difference(self, title: str, lines: Sequence[str]) -> None:
        """Without a title there is nothing to compare with."""
        part = self.query_one("#difference", Static)
        part.set_class(bool(title), "-some")
        text = Text(f"{visible(title)}\n", style="bold")
        for line in lines[:_MOST]:
            text.append(f"~ {visible(line)}\n")
        say(part, text)

    def show_checks(self, errors: Sequence[Problem], warnings: Sequence[Problem]) -> None:
        text = Text("✓ valid\n", style="bold") if not errors else Text("")
        for mark, problems in (("✗", errors), ("!", warnings)):
            for problem in problems[:_MOST]:
                text.append(f"{mark} {visible(problem.message)}\n", style="bold" if mark == "✗" else "")
                text.append(f"  {visible(problem.where)}\n", style="dim")
                if problem.hint:
                    text.append(f"  {visible(problem.hint)}\n")
            if len(problems) > _MOST:
                text.append(f"… {len(problems) - _MOST} more\n")
        say(self.query_one("#checks", Static), text)


def _table(title: str, lines: Sequence[tuple[str, str]]) -> Text:
    text = Text(f"{visible(title)}\n", style="bold")
    for label, value in lines:
        text.append(f"{label:<{_LABEL}}", style="dim")
        lines_of_value = wrap(visible(value), _VALUE, drop_whitespace=False) or [""]
        text.append(
            f"\n{'':<{_LABEL}}".join(part.strip() if i else part for i, part in enumerate(lines_of_value)) + "\n"
        )
    return text
