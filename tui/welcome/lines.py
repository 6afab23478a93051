"""The lines that a screen carries beside its own: a welcome on an empty home, and that this is the sample."""

from textual.screen import Screen
from textual.widgets import Static

from workbench.run.layout import Home
from workbench.sample.mark import is_sample

WELCOME = (
    "Welcome. The map shows the demo model: a row for each block, a column for each kind of layer, LoRA everywhere.\n"
    "R then enter trains it here, about a minute without a GPU; 2 shows it live. t opens a finished sample study."
)
SAMPLE = "SAMPLE study, read only"
RETURN = " · 0 goes back to your own home"


class Welcome(Static):
    """What to do first; it goes when something was done."""

    DEFAULT_CSS = "Welcome { height: auto; padding: 0 1; background: $primary 20%; }"


class SampleLine(Static):
    """Says on every screen that what it shows is not the person's own."""

    DEFAULT_CSS = "SampleLine { dock: top; height: 1; padding: 0 1; background: $warning 30%; text-style: bold; }"


def is_new(home: Home) -> bool:
    """Whether nobody has run or saved anything here yet."""
    return not home.run_dirs() and not any(home.plans.glob("*.yaml"))


async def add_lines(screen: Screen[None], home: Home, own: Home, greets: bool) -> None:
    """Puts the lines on a screen that hold now, and takes off those that do not; `greets` marks where to begin."""
    sample = is_sample(home)
    if sample and not screen.query(SampleLine):
        await screen.mount(SampleLine(SAMPLE + (RETURN if home != own else ""), markup=False), before=0)
    wanted = greets and not sample and is_new(home)
    if not wanted:
        await screen.query(Welcome).remove()
    elif not screen.query(Welcome):
        await screen.mount(Welcome(WELCOME, markup=False), after="#title")
