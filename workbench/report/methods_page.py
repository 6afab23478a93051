"""Fills in what the page of methods takes from the catalogue and from a benchmark.

`python -P -m workbench.report.methods_page docs/methods.md benchmarks/results/methods-DATE.json`. What stands between a
line `<!-- written: NAME -->` and the next `<!-- end -->` is replaced; everything else is written by hand.
"""

import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from workbench import atomic
from workbench.plan.catalogue import CATALOGUE, NONE, Method
from workbench.plan.formats import FORMATS
from workbench.plan.settings import AdapterSettings, BaseSettings
from workbench.report.numbers import ABSENT, count
from workbench.report.table import Column, Table

MARKED = re.compile(r"(<!-- written: ([\w -]+) -->\n)(?:.*?\n)??(<!-- end -->)", re.DOTALL)
# Values that can be told apart in every product and quotient that a structure makes of them.
_R, _BALANCE, _POOL = 3, 5, 7
_SYMBOLS = {1: "", _R: "r", _BALANCE: "λ", _POOL: "p", _R * _BALANCE: "λr"}
_SIDE = 4096
_BLOCKSIZE = 64

Results = Mapping[str, Any]


def filled(page: str, results: Results, source: str) -> str:
    """The page with every marked part written anew; `source` is the path of the results as seen from the page.

    Raises KeyError where a marker names nothing that can be written.
    """
    writers: dict[str, Callable[[], str]] = {
        "overview": overview,
        "merging": merging,
        "measured": lambda: measured(results, source),
        "rates": lambda: rates(results),
        **{f"method {method.name}": lambda method=method: entry(method) for method in adapting()},  # type: ignore[misc]
    }
    return MARKED.sub(lambda match: f"{match[1]}\n{writers[match[2]]()}\n\n{match[3]}", page)


def adapting() -> Iterator[Method]:
    """The methods that train something."""
    return (method for method in CATALOGUE.values() if method.name != NONE)


def overview() -> str:
    """A row per method: what it trains at a site."""
    columns = (Column("method", "left"), Column("trainable at a site", "left"), Column("at 4096 × 4096"))
    rows = tuple((f"[{m.name}](#{m.name})", f"`{trainable(m)}`", count(_example(m))) for m in adapting())
    return Table(columns, rows).markdown()


def _settings(method: Method, r: int = 16, balance: int = 2, pool: int = 64) -> AdapterSettings:
    return AdapterSettings(method.name, r, 2.0 * r, 0.0, "default", balance, pool)


def _example(method: Method) -> int:
    return method.structure(_settings(method)).trainable(_SIDE, _SIDE)


def trainable(method: Method) -> str:
    """The trainable parameters at a site (out, in) as a formula, read off the structure that the entry makes."""
    made = method.structure(_settings(method, _R, _BALANCE, _POOL))
    columns, rows = _over("in", made.pool), _over("out", made.repeat)
    inner = f"({columns})·({rows})" if made.rank is None else f"{_SYMBOLS[made.rank]}·({columns} + {rows})"
    return inner + (" + 2" if made.connected else "") + (" + out" if made.magnitude else "")


def _over(side: str, factor: int) -> str:
    return f"{side}/{_SYMBOLS[factor]}" if factor > 1 else side


def entry(method: Method) -> str:
    """What the catalogue says of a method."""
    columns = (Column("key", "left"), Column("meaning", "left"))
    keys = Table(columns, tuple((f"`{key}`", meaning) for key, meaning in method.parameters.items()))
    lines = [
        f"`{method.formula}`",
        keys.markdown(),
        f"Trainable: `{trainable(method)}`. Inits: {', '.join(f'`{init}`' for init in method.inits)}.",
        f"Source: {method.source}.",
        *([f"Inferred, not read: {method.inferred}."] if method.inferred else []),
    ]
    return "\n\n".join(lines)


def merging() -> str:
    """Which base formats each method merges into without loss, and why not where it does not."""
    formats = tuple(FORMATS)
    columns = (Column("method", "left"), *(Column(name, "left") for name in formats))
    rows = tuple((method.name, *(_merges(method, name) for name in formats)) for method in adapting())
    return Table(columns, rows).markdown()


def _merges(method: Method, name: str) -> str:
    """With a pool that the block size divides, and with one that it does not."""
    stored = FORMATS[name]
    base = stored.settings(blocksize=_BLOCKSIZE) if "blocksize" in stored.parameters else stored.settings()
    fitting, other = (_lossless(method, pool, base) for pool in (_BLOCKSIZE, _BLOCKSIZE // 2))
    if fitting and other:
        return "without loss" if stored.quantized else "added"
    return "without loss where blocksize divides pool" if fitting else "rounded again"


def _lossless(method: Method, pool: int, base: BaseSettings) -> bool:
    return method.loss_of_merge(_settings(method, pool=pool), base) is None


def measured(results: Results, source: str) -> str:
    """Every line at its best rate."""
    headings = ("trainable", "deviation", "rate", "loss ↓", "exact match ↑", "loss@int4 ↓")
    columns = (Column("line", "left"), Column("base", "left"), *map(Column, headings))
    table = Table(columns, tuple(_line(line) for line in results["lines"]))
    day = results["measured"].partition("T")[0]
    seeds = len(results["seeds"])
    where = f"[{Path(source).name}]({source}), {day}, commit {results['machine']['commit']}"
    said = f"Mean ± standard deviation over {seeds} seeds, at the best of {len(results['factors'])} rates ({where})."
    notes = [f"{line['name']}: {line['note']}." for line in results["lines"] if line["note"]]
    return "\n\n".join([said, table.markdown(), *notes])


def _line(line: Mapping[str, Any]) -> tuple[str, ...]:
    best = line["best"]
    own = line["name"] == line["against"]
    deviation = ABSENT if own else f"{100 * line['deviation']:+.1f} % of {line['against']}"
    figures = (best["loss"], best["exact_match"], best.get("loss@int4"))
    whole = (line["name"], line["base"], f"{line['trainable']:,}", deviation)
    return (*whole, f"{best['lr']:g}{_edge(line)}", *map(_estimate, figures))


def _edge(line: Mapping[str, Any]) -> str:
    """Says where a better rate may lie outside of those that were tried."""
    tried = [rate["lr"] for rate in line["rates"]]
    words = {min(tried): " (lowest tried)", max(tried): " (highest tried)"}
    return words.get(line["best"]["lr"], "")


def _estimate(found: Mapping[str, float] | None) -> str:
    return f"{found['mean']:.3f} ± {found['sd']:.3f}" if found else ABSENT


def rates(results: Results) -> str:
    """The loss of every line at every rate."""
    names = [f"{factor:g} × rate" for factor in results["factors"]]
    columns = (Column("line", "left"), Column("rate"), *map(Column, names))
    rows = tuple(
        (line["name"], f"{line['middle_rate']:g}", *(_estimate(rate.get("loss")) for rate in line["rates"]))
        for line in results["lines"]
    )
    return Table(columns, rows).markdown()


def main(arguments: list[str]) -> int:
    if len(arguments) != 2:
        print("usage: python -P -m workbench.report.methods_page PAGE RESULTS", file=sys.stderr)
        return 2
    page, results = map(Path, arguments)
    source = Path(os.path.relpath(results, page.parent)).as_posix()
    text = filled(page.read_text(encoding="utf-8"), json.loads(results.read_text(encoding="utf-8")), source)
    atomic.write_text(page, text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
