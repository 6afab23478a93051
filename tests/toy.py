"""A method that the program does not have: whatever a catalogue's entry is enough for has to work with it."""

import math
from collections.abc import Iterator

from workbench.plan.catalogue import Method, Problem
from workbench.plan.settings import AdapterSettings, BaseSettings
from workbench.plan.site import Site
from workbench.plan.structure import Structure

POOL, REPEAT = 2, 4


def _scaling(adapter: AdapterSettings) -> float:
    return adapter.alpha / math.log2(1 + adapter.r)


def _problems(adapter: AdapterSettings, base: BaseSettings, site: Site) -> Iterator[Problem]:
    if site.in_features % POOL or site.out_features % REPEAT:
        yield Problem("method", "the toy does not fit", "use another method there")


def _warnings(adapter: AdapterSettings, base: BaseSettings, site: Site) -> Iterator[Problem]:
    if adapter.r == 7:
        yield Problem("r", "the toy does not like a rank of 7", "6 is better")


TOY = Method(
    name="toy",
    meaning="a toy: pairs of inputs are averaged, and results repeated four times",
    formula="y += s·repeat_4(B·A·average_2(x))",
    parameters={"r": "rank", "alpha": "s = alpha/log2(1 + r)", "dropout": "as ever", "init": "as ever"},
    inits=("default", "gaussian"),
    scaling=_scaling,
    structure=lambda adapter: Structure(adapter.r, POOL, REPEAT),
    problems=_problems,
    warnings=_warnings,
    source="nobody",
    inferred="all of it",
)
