"""The heat strip of a layer map: blocks across, modules down, a digit and a shade for every cell."""

from tui.compare.chart.drawing import Line, Span
from tui.compare.chart.points import FEW
from tui.compare.chart.scale import scale_of
from tui.compare.layer_heat import LayerHeat
from tui.widgets.result_table import fitted, written
from workbench.report.plain import visible

_WIDEST, _LABEL = 4, 10
_LEVELS = 10


def draw_layers(heat: LayerHeat, width: int) -> list[Line]:
    """Nine is the greatest value, none the least: the shade alone says nothing to whoever sees no colours."""
    blocks = sorted({block for block, _ in (*heat.sites, *heat.cells)})
    modules = list(dict.fromkeys(module for _, module in (*heat.sites, *heat.cells)))
    label = min(_LABEL, max(map(len, modules)))
    cell = max(1, min(_WIDEST, (width - label - 1) // len(blocks)))
    scale = scale_of(heat.cells.values(), _LEVELS)
    known = set(heat.sites)

    def shown(block: int, module: str) -> Span:
        value = heat.cells.get((block, module))
        if value is None:
            return Span(fitted("·" if (block, module) in known else "", cell, True), "muted")
        level = scale.place(value) if scale.high > scale.low else _LEVELS // 2
        return Span(f"{level:>{cell}}", "cell", level=level / (_LEVELS - 1))

    rows = [
        (Span(fitted(visible(module), label, True) + " "), *(shown(block, module) for block in blocks))
        for module in modules
    ]
    return [*_head(heat), _blocks(blocks, label, cell), *rows, _scale(scale.low, scale.high)]


def _head(heat: LayerHeat) -> list[Line]:
    low, high = heat.n or (0, 0)
    count = f" · n={low}" + (f"–{high}" if high > low else "") if heat.n else " · n not told"
    few = f", fewer than {FEW}" if heat.n and low < FEW else ""
    return [(Span(f"{heat.number}{count}{few}"),), *([(Span(heat.of, "muted"),)] if heat.of else [])]


def _blocks(blocks: list[int], label: int, cell: int) -> Line:
    """As many block numbers as there is room for."""
    room = max(len(str(block)) for block in blocks) + 1
    every = -(-room // cell)
    text = "".join(
        f"{block:<{cell * every}}"[: cell * every] if cell < room else f"{block:>{cell}}"
        for i, block in enumerate(blocks)
        if cell >= room or i % every == 0
    )
    return (Span(f"{'block':>{label}} {text}", "muted"),)


def _scale(low: float, high: float) -> Line:
    shades = tuple(Span(str(i), "cell", level=i / (_LEVELS - 1)) for i in range(_LEVELS))
    return (Span(f"{written(low)} ", "muted"), *shades, Span(f" {written(high)}", "muted"))
