"""What stands in a cell of the map, by what the map shows: text that carries the state without colour."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from workbench.plan.plan import PlannedSite

if TYPE_CHECKING:
    from tui.plan.measured import Measured

# One letter per method, so that four characters hold method and rank.
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
MIXED, UNKNOWN = "≈", "–"


class Shown(StrEnum):
    """What colours and texts of the map stand for."""

    RANK = "rank"
    METHOD = "method"
    BASE = "base"
    PARAMS = "parameters"
    MEASURED = "measured"


@dataclass(frozen=True, slots=True)
class Scale:
    """What is on the scale of colours: the values it goes from and to."""

    low: float
    high: float

    def level(self, value: float) -> float:
        """Where a value stands, from 0 to 1; all in the middle where they are one."""
        return (value - self.low) / (self.high - self.low) if self.high > self.low else 0.5


@dataclass(frozen=True, slots=True)
class CellText:
    """Text of at most four characters; `kind` names its style, `value` its place on the scale of colours, if any."""

    text: str
    kind: str
    value: float | None = None


def cell_text(sites: Sequence[PlannedSite], shown: Shown, measured: "Measured | None" = None) -> CellText:
    """The cell of these sites; where several share it, parameters are summed and measured values averaged."""
    if shown is Shown.BASE:
        return _same([planned.base.format for planned in sites], "base")
    if shown is Shown.PARAMS:
        total = sum(planned.trainable_params for planned in sites)
        return CellText(short(total), sites[0].method, total) if total else CellText("·", "none")
    if shown is Shown.MEASURED:
        value = _mean(sites, measured)
        return CellText(UNKNOWN, "absent") if value is None else CellText(short(value), "measured", value)
    found = _same([_adapter(planned) for planned in sites], sites[0].method)
    if shown is Shown.METHOD:
        return found
    return replace(found, value=max((planned.adapter.r for planned in sites if planned.adapter), default=None))


def scale_of(cells: Iterable[CellText], shown: Shown) -> Scale:
    """From the least to the greatest value of the map; ranks and parameters from nothing on."""
    values = [cell.value for cell in cells if cell.value is not None]
    low = min(values, default=0.0) if shown is Shown.MEASURED else 0.0
    return Scale(low, max(values, default=0.0))


def short(value: float) -> str:
    """A number in at most four characters: `4096`, `12k`, `1.2M`, `0.42`, `4e-5`."""
    for limit, unit in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= (9999.5 if unit == "k" else limit * 0.9995):
            parts = value / limit
            return (f"{parts:.1f}" if abs(parts) < 9.95 else f"{parts:.0f}") + unit
    if float(value).is_integer() or abs(value) >= 999.5:
        return f"{value:.0f}"
    if abs(value) < 0.0095:
        return f"{value:.0e}".replace("e-0", "e-")
    return f"{value:.{2 if abs(value) < 9.995 else 1 if abs(value) < 99.95 else 0}f}"


def _mean(sites: Sequence[PlannedSite], measured: "Measured | None") -> float | None:
    values = measured.values if measured else {}
    found = [values[planned.site.name] for planned in sites if planned.site.name in values]
    return sum(found) / len(found) if found else None


def _adapter(planned: PlannedSite) -> str:
    letter = LETTERS.get(planned.method, "?")
    if planned.adapter is None:
        return letter
    rank = planned.adapter.r
    return f"{letter}{rank}" if rank < 1000 else f"{letter}{rank // 1000}k"


def _same(texts: Sequence[str], kind: str) -> CellText:
    return CellText(texts[0], kind) if len(set(texts)) == 1 else CellText(MIXED, "mixed")
