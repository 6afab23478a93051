"""`workbench compare --examples A B`: two runs, or two plans seed by seed, compared example by example."""

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from workbench.cli.context import answered, print_json
from workbench.cli.run_examples import MOST_EXAMPLES, require_predictions
from workbench.cli.width import text_width
from workbench.errors import UsageError
from workbench.study.paired import ByExample, ExamplePair, PairedCounts, by_example, count_pairs, pair_examples

if TYPE_CHECKING:
    from store.pairs import RunPair, SideRun
    from workbench.run.layout import Home
    from workbench.run.predictions import Prediction


@dataclass(frozen=True, slots=True)
class SeedPart:
    """One pair of runs: which, and their examples paired."""

    runs: "RunPair"
    step_a: int
    step_b: int
    examples: list[ExamplePair]

    @property
    def counts(self) -> PairedCounts:
        return count_pairs(self.examples)


@dataclass(frozen=True, slots=True)
class ExampleComparison:
    """All pairs of runs of two sides. `differing` are the examples that one side alone had right."""

    a: str
    b: str
    parts: list[SeedPart]
    warnings: tuple[str, ...]

    @property
    def examples(self) -> list[ExamplePair]:
        return [pair for part in self.parts for pair in part.examples]

    @property
    def differing(self) -> list[ExamplePair]:
        """Ordered by example, so that what several seeds agree on stands together."""
        return sorted((pair for pair in self.examples if pair.differs), key=lambda pair: (pair.index, pair.seed))


def compare_examples(home: "Home", selection: Sequence[str], limit: int | None, as_json: bool) -> None:
    """Prints the comparison of the two words. `limit` bounds the examples shown, 0 is all of those that differ.

    Raises UsageError for other than two words, NotFoundError without finished runs, a common seed or predictions,
    InvalidError when the sides were evaluated on different examples.
    """
    if len(selection) != 2:
        raise UsageError(f"--examples compares two runs or plans, not {len(selection)}", "compare --examples A B")
    found = answered(home, lambda: _compared(home, *selection))
    for warning in found.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    most = MOST_EXAMPLES if limit is None else limit
    shown = found.differing[:most] if most else found.differing
    if as_json:
        print_json(_answer(found, shown))
    else:
        print(_text(found, shown, text_width()))


def _compared(home: "Home", a: str, b: str) -> ExampleComparison:
    from store.pairs import pair_runs

    pairing = pair_runs(home, a, b)
    return ExampleComparison(a, b, [_part(home, pair) for pair in pairing.pairs], pairing.warnings)


def _part(home: "Home", pair: "RunPair") -> SeedPart:
    of_a, of_b = _last_evaluation(home, pair.a), _last_evaluation(home, pair.b)
    examples = pair_examples(pair.seed, of_a, of_b, (_label(pair.a), _label(pair.b)))
    return SeedPart(pair, of_a[0].step, of_b[0].step, examples)


def _last_evaluation(home: "Home", run: "SideRun") -> list["Prediction"]:
    from workbench.run.predictions import at_step

    return at_step(require_predictions(home.run_dir(run.run_id), run.name, run.attempt))


def _label(run: "SideRun") -> str:
    return f"{run.name} ({run.run_id})"


def _answer(found: ExampleComparison, shown: list[ExamplePair]) -> dict[str, Any]:
    from workbench.report.examples import pair_rows

    return {
        "a": found.a,
        "b": found.b,
        "pairs": [
            {
                "seed": part.runs.seed,
                "run_a": part.runs.a.run_id,
                "run_b": part.runs.b.run_id,
                "step_a": part.step_a,
                "step_b": part.step_b,
                **_counts(part.counts),
                "p": part.counts.p,
            }
            for part in found.parts
        ],
        "counts": _counts(count_pairs(found.examples)),
        "by_example": _by_example(by_example(found.examples)),
        "warnings": list(found.warnings),
        "differing": len(found.differing),
        "examples": [pair_rows(pair) for pair in shown],
    }


def _counts(counts: PairedCounts) -> dict[str, int]:
    return {**asdict(counts), "n": counts.n}


def _by_example(summed: ByExample) -> dict[str, Any]:
    return {**asdict(summed), "p": summed.p}


def _text(found: ExampleComparison, shown: list[ExamplePair], width: int) -> str:
    from workbench.report.examples import counts_table, p_text, pair_text

    rows = [(str(part.runs.seed), part.counts, part.counts.p) for part in found.parts]
    several = len(found.parts) > 1
    table = counts_table([*rows, *([("all", count_pairs(found.examples), None)] if several else [])])
    lines = [f"A = {found.a}, B = {found.b}, after their last step, paired by example", "", table.text()]
    if several:
        summed = by_example(found.examples)
        lines += [
            f"\nOver the seeds, {summed.more_a} examples are right more often in A, {summed.more_b} in B, "
            f"{summed.equal} as often: p {p_text(summed.p)}",
            "(exact sign test; an example counts once however many seeds there are)",
        ]
    lines.append("p: exact two-sided, how likely a difference at least this large is if both sides are equally good")
    blocks = [pair_text(pair, width) for pair in shown]
    left = len(found.differing) - len(shown)
    rest = [f"{left} more examples differ: --limit 0 shows all, --json in full"] if left else []
    return "\n\n".join(["\n".join(lines), *blocks, *rest])
