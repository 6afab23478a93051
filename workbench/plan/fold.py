"""Two rules in a row that say one thing: `r*=2` after `r*=2` is `r*=4`, and `r/=2` after `r*=2` is nothing."""

from dataclasses import replace
from fractions import Fraction

from workbench.plan.rule import Assignment, Rule, format_rule


def folded(old: Rule, new: Rule) -> tuple[str, ...] | None:
    """The rules that say what `old` and `new` say one after the other; None where that takes both of them.

    Only rules for the same place that set the same keys are folded, and factors only where the result is a whole
    number or one part of it. An empty answer: the two undo each other.
    """
    same_place = (old.blocks, old.modules, old.off) == (new.blocks, new.modules, new.off)
    if not same_place or [a.key for a in old.assignments] != [a.key for a in new.assignments]:
        return None
    if all(a.operator == "=" for a in (*old.assignments, *new.assignments)):
        return (new.text or format_rule(new),)
    if any(a.operator == "=" for a in (*old.assignments, *new.assignments)):
        return None
    factors = [_factor(a) * _factor(b) for a, b in zip(old.assignments, new.assignments, strict=True)]
    if any(1 not in (factor.numerator, factor.denominator) for factor in factors):
        return None
    changed = [_scaling(a, factor) for a, factor in zip(new.assignments, factors, strict=True) if factor != 1]
    return (format_rule(replace(new, assignments=tuple(changed))),) if changed else ()


def _factor(assignment: Assignment) -> Fraction:
    factor = Fraction(str(assignment.value))
    return 1 / factor if assignment.operator == "/=" else factor


def _scaling(assignment: Assignment, factor: Fraction) -> Assignment:
    if factor > 1:
        return replace(assignment, operator="*=", value=float(factor))
    return replace(assignment, operator="/=", value=float(1 / factor))
