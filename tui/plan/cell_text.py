"""What stands in a cell of the map, by what the map shows: text that carries the state without colour."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from workbench.plan.plan import PlannedSite
from workbench.report.numbers import count

# One letter per method, so that five characters hold method and rank.
LETTERS: Mapping[str, str] = {
    "lora": "L",
    "rslora": "S",
    "dora": "D",
    "blora": "B",
    "qalora": "Q",
    "qablora": "A",
    "qahira": "H",
    "irqlora": "I",
    "none": "·",
}
MIXED, ABSENT = "≈", ""


class Shown(StrEnum):
    """What colours and texts of the map stand for."""

    RANK = "rank"
    METHOD = "method"
    BASE = "base"
    PARAMS = "parameters"


@dataclass(frozen=True, slots=True)
class CellText:
    """Text of at most five characters; `kind` names its style, `level` its place on a scale from 0 to 1, if any."""

    text: str
    kind: str
    level: float | None = None


def cell_text(sites: Sequence[PlannedSite], shown: Shown, most: int) -> CellText:
    """The cell of these sites; `most` is the largest value of the map, which the scale ends with."""
    if not sites:
        return CellText(ABSENT, "absent")
    if shown is Shown.BASE:
        return _same([planned.base.format for planned in sites], "base")
    if shown is Shown.PARAMS:
        total = sum(planned.trainable_params for planned in sites)
        return CellText(_short(total), sites[0].method, total / most if most else 0.0)
    texts = [_adapter(planned) for planned in sites]
    found = _same(texts, sites[0].method)
    if shown is Shown.METHOD or found.text == MIXED:
        return found
    rank = max((planned.adapter.r for planned in sites if planned.adapter), default=0)
    return CellText(found.text, found.kind, rank / most if most else 0.0)


def largest(cells: Mapping[object, Sequence[PlannedSite]], shown: Shown) -> int:
    """Where the scale of the map ends."""
    if shown is Shown.PARAMS:
        return max((sum(p.trainable_params for p in sites) for sites in cells.values()), default=0)
    return max((p.adapter.r for sites in cells.values() for p in sites if p.adapter), default=0)


def _adapter(planned: PlannedSite) -> str:
    letter = LETTERS.get(planned.method, "?")
    return letter if planned.adapter is None else f"{letter}{planned.adapter.r}"


def _same(texts: Sequence[str], kind: str) -> CellText:
    return CellText(texts[0], kind) if len(set(texts)) == 1 else CellText(MIXED, "mixed")


def _short(value: int) -> str:
    return "·" if not value else count(value).replace(" ", "").replace(",", "")
