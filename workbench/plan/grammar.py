"""Reads one rule of the selector grammar, left to right: blocks, modules, assignments."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal, cast

from workbench.nearest import nearest
from workbench.plan.families import MODULE_WORDS
from workbench.plan.keys import KEYS, SCALABLE_KEYS, Key, Value, ValueProblem, nearest_key, read_number, read_value
from workbench.plan.rule import (
    Assignment,
    BlockTerm,
    Every,
    InBand,
    InGroup,
    Last,
    ModuleTerm,
    Operator,
    Part,
    Range,
    Rule,
)
from workbench.plan.selector_error import SelectorError
from workbench.plan.site import BANDS

GROUP_NAME = r"[A-Za-z_][\w.-]*"
BLOCK_WORDS = ("*", *BANDS, "first/3", "last/3")
TYPE_WORDS = ("all", "attn", "mlp")
# What people call the layer types before they know the grammar's words.
_OTHER_WORDS = {"attention": "attn", "self_attn": "attn", "ffn": "mlp", "feedforward": "mlp", "linear": "all"}
_BLOCKS_EXPECTED = "blocks: *, 3, 0-7, 24-, -4, %4, lower, middle, upper, first/3, last/4 or @group"
_MODULES_EXPECTED = "modules: all, attn, mlp or names such as q,v"
_ASSIGNMENT_EXPECTED = "key=value, key*=number, key/=number or off, without spaces around the sign"
_TOKEN = re.compile(r"[^\s,]*(?:\s*,\s*[^\s,]*)+|[^\s,]+")
_ASSIGNMENT = re.compile(r"([^=*/\s]+)(\*=|/=|=)(\S*)")
_NOT_A_SITE = re.compile(r"lm_head|embed_out|.*embed.*|.*norm.*|wte|wpe|head|ln_f")


@dataclass(frozen=True, slots=True)
class Token:
    """A stretch of the text without blanks; `column` counts from 1."""

    text: str
    column: int

    @property
    def end(self) -> int:
        return self.column + len(self.text)

    def terms(self) -> Iterator["Token"]:
        """Its parts between commas, without blanks around them."""
        column = self.column
        for part in self.text.split(","):
            yield Token(part.strip(), column + len(part) - len(part.lstrip()))
            column += len(part) + 1


@lru_cache(maxsize=4096)  # an edit of a plan reads all of its rules again
def parse_rule(text: str) -> Rule:
    """Reads one rule. Raises SelectorError with the column, what was expected there, and near names."""
    tokens = [Token(m.group(), m.start() + 1) for m in _TOKEN.finditer(text)]
    if not tokens:
        raise SelectorError(text, 1, "an empty rule", _BLOCKS_EXPECTED)
    blocks = tuple(_block_term(text, term) for term in tokens[0].terms())
    modules: tuple[ModuleTerm, ...] = ()
    rest = tokens[1:]
    if rest and not _is_assignment(rest[0]):
        modules = tuple(_module_term(text, term) for term in rest.pop(0).terms())
    elif not all(isinstance(block, InGroup) for block in blocks):
        column = rest[0].column if rest else tokens[0].end + 1
        raise SelectorError(text, column, "the rule names no modules", _MODULES_EXPECTED)
    return _with_assignments(Rule(blocks, modules, text=text), text, rest)


def _is_assignment(token: Token) -> bool:
    return "=" in token.text or token.text == "off"


def _with_assignments(rule: Rule, text: str, tokens: list[Token]) -> Rule:
    offs = [token for token in tokens if token.text == "off"]
    assignments = tuple(_assignment(text, token) for token in tokens if token.text != "off")
    rule = replace(rule, assignments=assignments, off=bool(offs))
    seen: set[str] = set()
    for assignment in assignments:
        if assignment.key in seen:
            raise SelectorError(text, assignment.column, f"{assignment.key} is set twice", "each key once in a rule")
        seen.add(assignment.key)
        if rule.turns_off and KEYS[assignment.key].adapter and (assignment.key, assignment.value) != ("method", "none"):
            message = f"{assignment.key} is set where the rule turns the adapter off"
            raise SelectorError(text, assignment.column, message, "off alone, or off with base keys only")
    if len(offs) > 1 or (offs and "method" in seen):
        raise SelectorError(text, offs[-1].column, "the adapter is turned off twice", "off once")
    return rule


def _block_term(text: str, term: Token) -> BlockTerm:
    for pattern, build in _BLOCK_TERMS:
        if match := re.fullmatch(pattern, term.text):
            try:
                return replace(build(match), column=term.column)
            except ValueError as error:
                raise SelectorError(text, term.column, f"'{term.text}': {error}", _BLOCKS_EXPECTED) from None
    message = f"'{term.text}' is no block term" if term.text else "a comma with nothing beside it"
    raise SelectorError(text, term.column, message, _BLOCKS_EXPECTED, _near_block(term.text))


def _near_block(word: str) -> str:
    """A block term that was meant, or the modules that stand where the blocks belong."""
    modules = _OTHER_WORDS.get(word, word)
    if modules in (*TYPE_WORDS, *MODULE_WORDS):
        return f"did you mean '* {modules}'? blocks come before modules"
    return _guess(nearest(word, BLOCK_WORDS))


def _counted(number: str, what: str) -> int:
    if int(number) < 1:
        raise ValueError(f"{what} from 1")
    return int(number)


def _range(match: re.Match[str]) -> Range:
    start, end = int(match[1]), int(match[2])
    if end < start:
        raise ValueError(f"the range ends before it starts; write {end}-{start}")
    return Range(start, end)


_BLOCK_TERMS: tuple[tuple[str, Callable[[re.Match[str]], BlockTerm]], ...] = (
    (r"\*", lambda m: Every()),
    (r"(\d+)", lambda m: Range(int(m[1]), int(m[1]))),
    (r"(\d+)-(\d+)", _range),
    (r"(\d+)-", lambda m: Range(int(m[1]), None)),
    (r"-(\d+)", lambda m: Last(_counted(m[1], "-n counts the last blocks,"))),
    (r"%(\d+)", lambda m: Every(_counted(m[1], "%n takes every n-th block,"))),
    ("|".join(BANDS), lambda m: InBand(cast(Literal["lower", "middle", "upper"], m[0]))),
    (
        r"(first|last)/(\d+)",
        lambda m: Part(cast(Literal["first", "last"], m[1]), _counted(m[2], "the divisor is a whole number")),
    ),
    (rf"@({GROUP_NAME})", lambda m: InGroup(m[1])),
)


def _module_term(text: str, term: Token) -> ModuleTerm:
    if term.text in TYPE_WORDS or term.text in MODULE_WORDS:
        return ModuleTerm(term.text, term.column)
    if _NOT_A_SITE.fullmatch(term.text):
        message = f"'{term.text}' is not a site: only the linear layers inside the blocks carry adapters"
        raise SelectorError(text, term.column, message, _MODULES_EXPECTED)
    message = f"'{term.text}' is no module" if term.text else "a comma with nothing beside it"
    raise SelectorError(text, term.column, message, _MODULES_EXPECTED, _near_module(term.text))


def _near_module(word: str) -> str:
    if meant := _OTHER_WORDS.get(word):
        return f"did you mean '{meant}'?"
    return _guess(nearest(word, (*TYPE_WORDS, *MODULE_WORDS)))


def _guess(hint: str) -> str:
    """The hint where it is a guess; a list of what is known stands in the message already."""
    return hint if hint.startswith("did") else ""


def _assignment(text: str, token: Token) -> Assignment:
    match = _ASSIGNMENT.fullmatch(token.text)
    if not match:
        raise SelectorError(text, token.column, f"'{token.text}' sets nothing", _ASSIGNMENT_EXPECTED)
    name, operator, written = match.groups()
    if name not in KEYS:
        expected = f"one of {', '.join(KEYS)}"
        guess = _guess(nearest_key(name, KEYS))
        raise SelectorError(text, token.column, f"unknown key '{name}'", expected, guess)
    column = token.column + match.start(3)
    try:
        read = read_value if operator == "=" else _read_factor
        return Assignment(name, cast(Operator, operator), read(KEYS[name], written), token.column)
    except ValueProblem as problem:
        raise SelectorError(text, column, problem.message, "", problem.hint) from None


def _read_factor(key: Key, written: str) -> Value:
    if not key.scalable:
        raise ValueProblem(f"{key.name} cannot be multiplied or divided", f"these can: {', '.join(SCALABLE_KEYS)}")
    try:
        factor = float(read_number(written))
    except ValueError:
        factor = 0.0
    if not 0 < factor < float("inf"):
        raise ValueProblem(f"'{written}' is no factor", "expected a number above 0")
    return factor
