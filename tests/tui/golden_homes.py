"""Homes of the kept texts. They lie beside each other in a folder that the tests stand in: no path is another's."""

import re
from collections.abc import Callable
from pathlib import Path

from tests.cli.written_runs import RECIPE, failed_run
from tests.store.helpers import Metric, finished_run, record, sites
from tests.store.lens_home import fill
from tests.tui.written_homes import written
from tests.unit.plan.support import write_llama
from workbench.run.layout import Home
from workbench.sample.home import unpack

DEEP = "deep-model"
_PLAN = """\
name: quarter-mlp
model: demo
base: nf4
defaults: {method: lora, r: 16, alpha: 2r}
rules:
  - "* all"
  - "* mlp r=4"
  - "upper q,v r=32"
notes: Does the MLP keep its accuracy with a quarter of the rank?
"""


def empty(home: Home) -> None:
    home.path.mkdir(parents=True)


def runs(home: Home) -> None:
    empty(home)
    written(home)


def launched(home: Home) -> None:
    """Where the dialog that launches runs writes the plan file."""
    runs(home)


def live(home: Home) -> None:
    """One of its runs is at work while a state holds it."""
    runs(home)


def study(home: Home) -> None:
    empty(home)
    fill(home)


def one_run(home: Home) -> None:
    empty(home)
    finished_run(home, record("0000000000aa", name="only-s0", recipe=RECIPE), [Metric("loss", 0.5, False)], last=40)


def many_runs(home: Home) -> None:
    """Sixty, of which every ninth failed; some have long names."""
    empty(home)
    for number in range(60):
        name = f"rank-{number % 7}-of-every-layer-of-the-model-s{number}" if number % 5 == 0 else f"rank-s{number}"
        if number % 9 == 4:
            failed_run(home, f"{number + 1:012x}", "cuda_oom", "CUDA out of memory\n", hint="lower batch")
            continue
        placed = sites({"attention": 4 + number % 3, "mlp": None if number % 2 else 4})
        changed = record(f"{number + 1:012x}", name=name, plan=f"rank-{number % 7}", placed=placed, seed=number)
        finished_run(home, changed, [Metric("loss", 0.5 + number / 100, False)])


def one_plan(home: Home) -> None:
    empty(home)
    home.plans.mkdir()
    (home.plans / "quarter-mlp.yaml").write_text(_PLAN, encoding="utf-8")


def broken_plan(home: Home) -> None:
    """A rule that cannot be read, and a key that there is not."""
    one_plan(home)
    text = re.sub("upper q,v r=32", "uper q,v r=32", _PLAN).replace("base: nf4", "bse: nf4")
    (home.plans / "quarter-mlp.yaml").write_text(text, encoding="utf-8")


def deep(home: Home) -> None:
    """Beside it a model of 28 blocks."""
    empty(home)
    write_llama(Path(DEEP), blocks=28)


def sample(home: Home) -> None:
    """The study that ships, as a home of one's own."""
    unpack(home.path)
    (home.path / "SAMPLE.md").unlink()


def place_of(make: Callable[[Home], None]) -> Home:
    """By a path from where the tests stand: the kept texts have it."""
    return Home(Path(make.__name__.replace("_", "-")))


HOMES: tuple[Callable[[Home], None], ...] = (
    empty,
    runs,
    launched,
    live,
    study,
    one_run,
    many_runs,
    one_plan,
    broken_plan,
    deep,
    sample,
)
