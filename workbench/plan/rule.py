"""A rule as a value: which blocks, which modules, and what is set there. `str` of each part is its grammar."""

from dataclasses import dataclass, field
from typing import Literal

from workbench.plan.keys import KEYS, Value, format_value
from workbench.plan.site import Band

Operator = Literal["=", "*=", "/="]


def _column() -> int:
    return field(default=1, compare=False, repr=False)  # where the part stands in the text, from 1


@dataclass(frozen=True, slots=True)
class Every:
    """`*`: all blocks; `%n`: those whose index n divides."""

    divisor: int = 1
    column: int = _column()

    def __str__(self) -> str:
        return "*" if self.divisor == 1 else f"%{self.divisor}"


@dataclass(frozen=True, slots=True)
class Range:
    """`3`, `0-7`, or `24-`: from `start` to `end`, both included; `end` None is the last block."""

    start: int
    end: int | None
    column: int = _column()

    def __str__(self) -> str:
        if self.end is None:
            return f"{self.start}-"
        return str(self.start) if self.start == self.end else f"{self.start}-{self.end}"


@dataclass(frozen=True, slots=True)
class Last:
    """`-4`: the last four blocks."""

    count: int
    column: int = _column()

    def __str__(self) -> str:
        return f"-{self.count}"


@dataclass(frozen=True, slots=True)
class InBand:
    """`lower`, `middle`, or `upper`."""

    band: Band
    column: int = _column()

    def __str__(self) -> str:
        return self.band


@dataclass(frozen=True, slots=True)
class Part:
    """`first/3`, `last/4`: the blocks whose middle lies in the first third, the last quarter."""

    side: Literal["first", "last"]
    parts: int
    column: int = _column()

    def __str__(self) -> str:
        return f"{self.side}/{self.parts}"


@dataclass(frozen=True, slots=True)
class InGroup:
    """`@late`: the sites of a layer group."""

    name: str
    column: int = _column()

    def __str__(self) -> str:
        return f"@{self.name}"


BlockTerm = Every | Range | Last | InBand | Part | InGroup


@dataclass(frozen=True, slots=True)
class ModuleTerm:
    """`all`, `attn`, `mlp`, or one module by its short or full name."""

    word: str
    column: int = _column()

    def __str__(self) -> str:
        return self.word


@dataclass(frozen=True, slots=True)
class Assignment:
    """`key=value`, `key*=number`, or `key/=number`."""

    key: str
    operator: Operator
    value: Value
    column: int = _column()

    def __str__(self) -> str:
        return f"{self.key}{self.operator}{format_value(self.value)}"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. No modules: the groups' own sites. `text` is what was written, for messages."""

    blocks: tuple[BlockTerm, ...]
    modules: tuple[ModuleTerm, ...] = ()
    assignments: tuple[Assignment, ...] = ()
    off: bool = False
    text: str = field(default="", compare=False, repr=False)

    @property
    def adapts(self) -> bool:
        """Whether the rule makes its sites adapted ones: it assigns nothing, or sets an adapter key."""
        if self.turns_off:
            return False
        return not self.assignments or any(a.operator == "=" and KEYS[a.key].adapter for a in self.assignments)

    @property
    def turns_off(self) -> bool:
        return self.off or any(a.key == "method" and a.value == "none" for a in self.assignments)


def format_rule(rule: Rule) -> str:
    """The rule in the selector grammar; parsing it gives an equal rule."""
    parts = [",".join(map(str, rule.blocks)), ",".join(map(str, rule.modules))]
    parts += ["off"] if rule.off else []
    parts += map(str, rule.assignments)
    return " ".join(part for part in parts if part)
