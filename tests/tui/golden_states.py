"""The states of every screen whose texts are kept: a home, the keys that lead there, and what holds it there.

Left out, since there is no such state:
* Plan, locked: it asks the store for the time of earlier runs alone, and without an answer says that it is not known.
* Plan, one and many: of sites, not of plans. `plan` has one under the cursor, `plan-area` and `plan-deep` many.
* Guide and keys: text that is always there.
* A failed run opened: it is read anew after the window changed its size, and nothing tells when that is done.
"""

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tests.tui import golden_homes as homes
from tests.tui.pilot import keys
from tests.tui.written_homes import LIVE, at_work
from tui.plan.desk import open_model
from tui.plan.opening import First
from tui.plan.preflight import Finding
from workbench.errors import LockedError
from workbench.run.layout import Home

Hold = Callable[[pytest.MonkeyPatch], Callable[[], None]]
UNTIL = "until:"  # among keys: waits for this text
LOCKED = LockedError("the store is in use by pid 812 (python notebook.py)", "close that program")


def waiting(*names: str) -> Hold:
    """These functions answer only when the state was drawn."""

    def hold(patch: pytest.MonkeyPatch) -> Callable[[], None]:
        released = threading.Event()

        def waits(*_: Any, **__: Any) -> Any:
            released.wait(60)
            raise LOCKED  # an answer that every reader takes; nobody looks any more

        for name in names:
            patch.setattr(name, waits)
        return released.set

    return hold


def failing(name: str, error: Exception) -> Hold:
    """This function raises it whenever it is asked."""

    def hold(patch: pytest.MonkeyPatch) -> Callable[[], None]:
        def fails(*_: Any, **__: Any) -> Any:
            raise error

        patch.setattr(name, fails)
        return lambda: None

    return hold


def answering(name: str, answer: Any) -> Hold:
    def hold(patch: pytest.MonkeyPatch) -> Callable[[], None]:
        patch.setattr(name, lambda *_, **__: answer)
        return lambda: None

    return hold


def _held_store(patch: pytest.MonkeyPatch) -> Callable[[], None]:
    """As `listed_runs` has it: the rows are told from the logs, and who holds the store is said beside."""
    from workbench.cli import run_list

    listed = run_list.listed_runs

    def while_held(home: Home, held: Callable[[LockedError], None] | None = None) -> Any:
        found = listed(home)
        if held:
            held(LOCKED)
        return found

    patch.setattr(run_list, "listed_runs", while_held)
    patch.setattr(run_list, "rows_at_hand", lambda home: None)  # the store is asked
    return lambda: None


def _at_work(patch: pytest.MonkeyPatch) -> Callable[[], None]:
    """One run begins: its locks are held."""
    home = homes.place_of(homes.live)
    shutil.rmtree(home.run_dir(LIVE).path, ignore_errors=True)
    holding = ExitStack()
    holding.enter_context(at_work(home))
    return holding.close


@dataclass(frozen=True)
class State:
    """`shows` is what comes last: it is waited for. `hold` keeps the state from being over; `model` begins."""

    make: Callable[[Home], None]
    keys: tuple[str, ...]
    shows: str
    hold: Hold | None = None
    model: str = ""

    @contextmanager
    def held(self, patch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
        """Gives what ends the holding, so that threads can be left."""
        with patch.context() as inner:
            yield self.hold(inner) if self.hold else lambda: None


_CHECKS = [
    Finding("✓", "model demo, 233 k trainable parameters"),
    Finding("✓", "480 examples to train on, 240 to evaluate"),
    Finding("!", "3 of 100 steps are warm-up"),
    Finding("✓", "about 542 MB each, 9.2 GB free (memory)"),
    Finding(" ", "100 steps each; time not known: no finished run of this model"),
    Finding("✓", "about 2.1 MB on disk at most, 51 GB free"),
]


def _slow_model(patch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Another model is asked for as the screen opens, and its answer does not come."""
    patch.setattr("tui.plan.screen.first", lambda home, model: First(open_model(home, "demo"), "owner/large"))
    return waiting("tui.plan.answered.open_model")(patch)


PLAN = {
    "plan": State(homes.runs, (), "fits"),
    "plan-first": State(homes.empty, (), "Welcome"),
    "plan-area": State(homes.runs, ("v", "down", "right", "minus"), "L8 <"),
    "plan-deep": State(homes.deep, ("G", "V", "up", "minus"), "28 blocks", model=homes.DEEP),
    "plan-folded": State(homes.deep, ("Z",), "24-27", model=homes.DEEP),
    "plan-rule": State(homes.runs, ("colon", *keys("* mlp r=8")), "18 sites"),
    "plan-rule-error": State(homes.runs, ("colon", *keys("* mpl r=8")), "mpl"),
    "plan-errors": State(homes.runs, ("colon", *keys("* all method=qalora pool=5"), "enter"), "errors"),
    "plan-inspector": State(homes.runs, ("i",), "brush"),
    "plan-loading": State(homes.runs, (), "reading owner/large", _slow_model),
    "plan-run-loading": State(homes.launched, ("R",), "looking at", waiting("tui.plan.run_dialog.preflight")),
    "plan-run": State(homes.launched, ("R",), "on disk", answering("tui.plan.run_dialog.preflight", _CHECKS)),
}

RUNS = {
    "runs-empty": State(homes.empty, ("2",), "No runs yet"),
    "runs-loading": State(homes.runs, ("2",), "reading runs", waiting("tui.runs.feed.ListFeed.read")),
    "runs-one": State(homes.one_run, ("2",), "0.025"),
    "runs": State(homes.runs, ("2",), "0.333"),
    "runs-many": State(homes.many_runs, ("2", "G", "k"), "0.333"),
    "runs-error": State(
        homes.runs, ("2",), "cannot be read", failing("tui.runs.feed.ListFeed.read", OSError(5, "Input/output error"))
    ),
    "runs-locked": State(homes.runs, ("2",), "pid 812", _held_store),
    "runs-none-fits": State(homes.runs, ("2", "slash", *keys("status:lost"), "enter"), "None of 3"),
    "runs-filter-error": State(homes.runs, ("2", "slash", *keys("r=x")), "^"),
    "runs-marked": State(homes.runs, ("2", "G", "p", "g", "space"), "★"),
    "runs-answers": State(homes.runs, ("2", "G", "v"), "1 of 2 right"),
    "runs-stop": State(homes.live, ("2", f"{UNTIL}live-s0", "x"), "Cancel", _at_work),
}

COMPARE = {
    "compare-empty": State(homes.empty, ("3",), "have 0"),
    "compare-loading": State(homes.study, ("3",), "reading the results", waiting("tui.compare.asking.look")),
    "compare": State(homes.study, ("3",), "21 finished"),
    "compare-running": State(
        homes.study, ("3", f"{UNTIL}21 finished", "down", "enter"), "esc stops", waiting("tui.compare.asking.ask")
    ),
    "compare-lens": State(homes.study, ("3", "down", "enter"), "36 rows"),
    "compare-chart": State(homes.study, ("3", "down", "enter", f"{UNTIL}36 rows", "v"), "kept@int4"),
    "compare-one": State(homes.study, ("3", "s", *keys("select 42 as answer"), "f5"), "1 row"),
    "compare-many": State(homes.study, ("3", "s", *keys("from range(200000)"), "f5"), "10,000 of 100,000"),
    "compare-error": State(homes.study, ("3", "s", *keys("select lss from evals"), "f5"), "Binder Error"),
    "compare-locked": State(homes.study, ("3",), "pid 812", failing("tui.compare.asking.look", LOCKED)),
    "compare-list": State(homes.study, ("3", "i"), "Lenses"),
}

LIBRARY = {
    "library-empty": State(homes.empty, ("4", "end"), "factors"),
    "library-loading": State(
        homes.runs, ("4",), "reading", waiting("tui.library.run_rows.RunReader.read", "tui.library.book.Book.preview")
    ),
    "library-one": State(homes.one_plan, ("4", "i"), "file"),
    "library": State(homes.runs, ("4", "end", "l", "end"), "factors"),
    "library-many": State(homes.many_runs, ("4", "slash", *keys("rank-s"), "enter", "up"), "of 60"),
    "library-error": State(homes.broken_plan, ("4", "i"), "uper"),
    "library-none-fits": State(
        homes.runs, ("4", "slash", *keys("none such"), "enter", "i"), "Nothing here has 'none such'"
    ),
    "library-study": State(homes.sample, ("4",), "not separated"),
}

OTHERS = {
    "guide": State(homes.empty, ("f1",), "page 1"),
    "keys": State(homes.runs, ("question_mark",), "Keys of"),
}

STATES = PLAN | RUNS | COMPARE | LIBRARY | OTHERS
