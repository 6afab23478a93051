"""Examples as people read them: what was asked, what was wanted, and what came out."""

from collections.abc import Iterable, Sequence
from typing import Any

from workbench.report.numbers import decimal
from workbench.report.plain import folded
from workbench.report.table import Column, Table
from workbench.run.predictions import Prediction
from workbench.study.paired import ExamplePair, PairedCounts

LINES_PER_TEXT = 3
_INDENT = 10


def prediction_text(prediction: Prediction, width: int) -> str:
    """One example as a few lines of at most `width` cells; longer texts lose their middle."""
    verdict = "right" if prediction.correct else "wrong"
    fields = (("prompt", prediction.prompt), ("target", prediction.target), ("output", prediction.output))
    head = f"#{prediction.index}  {verdict}  loss {decimal(prediction.loss)}"
    return "\n".join([head, *_fields(fields, width)])


def pair_text(pair: ExamplePair, width: int) -> str:
    """One example on which two sides differ."""
    winner = "A" if pair.a.correct else "B"
    losses = f"loss A {decimal(pair.a.loss)}, B {decimal(pair.b.loss)}"
    head = f"#{pair.index}  seed {pair.seed}  only {winner} right  {losses}"
    fields = (("prompt", pair.a.prompt), ("target", pair.a.target), ("A", pair.a.output), ("B", pair.b.output))
    return "\n".join([head, *_fields(fields, width)])


def pair_rows(pair: ExamplePair) -> dict[str, Any]:
    """One example of two sides as plain values, in full."""
    return {
        "seed": pair.seed,
        "index": pair.index,
        "right": "a" if pair.a.correct else "b",
        "prompt": pair.a.prompt,
        "target": pair.a.target,
        "a": {"output": pair.a.output, "loss": pair.a.loss},
        "b": {"output": pair.b.output, "loss": pair.b.loss},
    }


def counts_table(counts: Sequence[tuple[str, PairedCounts, float | None]]) -> Table:
    """A row per seed (or all of them): the four cells of the paired table, and p where it can be had from them."""
    headings = ("both right", "only A", "only B", "both wrong", "n", "McNemar p")
    rows = tuple(
        (label, str(c.both_right), str(c.only_a), str(c.only_b), str(c.both_wrong), str(c.n), p_text(p))
        for label, c, p in counts
    )
    return Table((Column("seed", "left"), *map(Column, headings)), rows)


def p_text(p: float | None) -> str:
    return "" if p is None else "< 0.0001" if p < 1e-4 else f"= {p:.4f}"


def _fields(fields: Iterable[tuple[str, str]], width: int) -> Iterable[str]:
    for name, text in fields:
        first, *rest = folded(text, max(20, width - _INDENT), LINES_PER_TEXT)
        yield f"  {name:<{_INDENT - 2}}{first}".rstrip()
        yield from (" " * _INDENT + line for line in rest)
