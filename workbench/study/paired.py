"""Two sides compared example by example: who was right where, and whether chance explains the difference."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from workbench.errors import InvalidError, Problem
from workbench.run.predictions import Prediction
from workbench.study.statistics import mcnemar_exact

_SHOWN_DIFFERENCES = 3


@dataclass(frozen=True, slots=True)
class ExamplePair:
    """One evaluation example, as A and as B answered it. `seed` is A's, or B's where A is a reference run."""

    seed: int
    a: Prediction
    b: Prediction

    @property
    def index(self) -> int:
        return self.a.index

    @property
    def differs(self) -> bool:
        """Whether one side was right and the other wrong."""
        return self.a.correct != self.b.correct


@dataclass(frozen=True, slots=True)
class PairedCounts:
    """The four cells of the paired table."""

    both_right: int
    only_a: int
    only_b: int
    both_wrong: int

    @property
    def n(self) -> int:
        return self.both_right + self.only_a + self.only_b + self.both_wrong

    @property
    def p(self) -> float:
        """McNemar's exact two-sided p; it holds for pairs of one seed only, where each example counts once."""
        return mcnemar_exact(self.only_a, self.only_b)


@dataclass(frozen=True, slots=True)
class ByExample:
    """Examples by the side that was right under more seeds. For one seed this is McNemar's table again.

    `p` is the exact two-sided sign test over examples. Answers to one example under several seeds are not
    independent, so an example counts once however many seeds there are.
    """

    more_a: int
    more_b: int
    equal: int

    @property
    def p(self) -> float:
        return mcnemar_exact(self.more_a, self.more_b)


def pair_examples(
    seed: int, a: Sequence[Prediction], b: Sequence[Prediction], names: tuple[str, str]
) -> list[ExamplePair]:
    """The predictions of two evaluations, paired by index.

    Raises InvalidError when the sides were not evaluated on the same examples: indices, prompts and targets must be
    equal. `names` are what the message calls A and B.
    """
    of_a, of_b = ({found.index: found for found in side} for side in (a, b))
    problems = [*_one_sided(of_a.keys(), of_b.keys(), names), *_unlike(of_a, of_b, names)]
    if problems:
        raise InvalidError(
            f"{names[0]} and {names[1]} were not evaluated on the same examples",
            "only runs with the same evaluation data (and prompt format and max_length) can be compared example by "
            "example: run one of them again with the other's",
            tuple(problems),
        )
    return [ExamplePair(seed, of_a[index], of_b[index]) for index in sorted(of_a)]


def count_pairs(pairs: Iterable[ExamplePair]) -> PairedCounts:
    cells = Counter((pair.a.correct, pair.b.correct) for pair in pairs)
    return PairedCounts(cells[True, True], cells[True, False], cells[False, True], cells[False, False])


def by_example(pairs: Iterable[ExamplePair]) -> ByExample:
    """Sums up each example over its seeds."""
    leads: Counter[int] = Counter()
    for pair in pairs:
        leads[pair.index] += pair.a.correct - pair.b.correct
    more_a, more_b = sum(lead > 0 for lead in leads.values()), sum(lead < 0 for lead in leads.values())
    return ByExample(more_a, more_b, len(leads) - more_a - more_b)


def _one_sided(a: Iterable[int], b: Iterable[int], names: tuple[str, str]) -> list[Problem]:
    problems = []
    for name, own, other in ((names[0], set(a), set(b)), (names[1], set(b), set(a))):
        if alone := sorted(own - other):
            some = ", ".join(f"#{index}" for index in alone[:5]) + (" …" if len(alone) > 5 else "")
            problems.append(Problem(name, f"{len(alone)} of its {len(own)} examples have no partner ({some})"))
    return problems


def _unlike(a: dict[int, Prediction], b: dict[int, Prediction], names: tuple[str, str]) -> list[Problem]:
    problems = []
    common = sorted(a.keys() & b.keys())
    differing = [i for i in common if (a[i].prompt, a[i].target) != (b[i].prompt, b[i].target)]
    for index in differing[:_SHOWN_DIFFERENCES]:
        part = "prompt" if a[index].prompt != b[index].prompt else "target"
        ours, theirs = (repr(getattr(side[index], part))[:60] for side in (a, b))
        problems.append(Problem(f"example #{index}", f"the {part} is {ours} in {names[0]}, {theirs} in {names[1]}"))
    if more := len(differing) - len(problems):
        problems.append(Problem("and so on", f"{more} more of {len(common)} examples differ"))
    return problems
