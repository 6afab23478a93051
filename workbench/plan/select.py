"""Which sites of a model a rule selects."""

from collections.abc import Callable, Mapping
from functools import lru_cache

from workbench.plan.model_map import ModelMap
from workbench.plan.rule import BlockTerm, Every, InBand, InGroup, Last, ModuleTerm, Part, Range, Rule, format_rule
from workbench.plan.selector_error import SelectorError
from workbench.plan.site import BANDS, LAYER_TYPES, Site, band_of

Groups = Mapping[str, tuple[Site, ...]]
BUILT_IN_GROUPS: tuple[str, ...] = (*LAYER_TYPES, *BANDS)


def built_in_groups(model_map: ModelMap) -> dict[str, tuple[Site, ...]]:
    """Layer types and bands as layer groups."""
    return {
        name: tuple(site for site in model_map.sites if name in (site.layer_type, site.band))
        for name in BUILT_IN_GROUPS
    }


def select(rule: Rule, model_map: ModelMap, groups: Groups) -> tuple[Site, ...]:
    """The sites of a rule, in the order of the map. `groups` are the user's own; built-in ones are added.

    Raises SelectorError for a block, module or group that the model does not have, and where nothing is selected.
    """
    sites = matching(rule, model_map, groups)
    if not sites:
        message = f"selects no site of {model_map.model}"
        raise SelectorError(_text(rule), 1, message, f"sites among {_what_it_has(model_map)}")
    return sites


def matching(rule: Rule, model_map: ModelMap, groups: Groups) -> tuple[Site, ...]:
    """Like select, but a rule may select nothing."""
    terms = [term for term in rule.blocks if isinstance(term, InGroup)]
    if not terms:
        return _crossed(rule, model_map)
    names = {site.name for term in terms for site in _members(term, rule, model_map, groups)}
    modules, blocks = _modules(rule, model_map), _all_blocks(rule, model_map)
    inside = (site for site in model_map.sites if site.module in modules)
    return tuple(site for site in inside if site.block in blocks or site.name in names)


@lru_cache(maxsize=512)  # an edit of a plan asks again for the sites of all its rules
def _crossed(rule: Rule, model_map: ModelMap) -> tuple[Site, ...]:
    """Blocks × modules: a map has every module of every block, in order, so no other site is looked at."""
    modules, blocks = _modules(rule, model_map), _all_blocks(rule, model_map)
    columns = [column for column, module in enumerate(model_map.modules) if module.name in modules]
    width = len(model_map.modules)
    return tuple(model_map.sites[block * width + column] for block in sorted(blocks) for column in columns)


def _all_blocks(rule: Rule, model_map: ModelMap) -> set[int]:
    """The blocks of all terms but groups."""
    terms = [term for term in rule.blocks if not isinstance(term, InGroup)]
    return {block for term in terms for block in filter(_blocks(term, rule, model_map), range(model_map.blocks))}


def _members(term: InGroup, rule: Rule, model_map: ModelMap, groups: Groups) -> tuple[Site, ...]:
    known = {**built_in_groups(model_map), **groups}
    if term.name not in known:
        raise SelectorError(_text(rule), term.column, f"unknown group '@{term.name}'", f"one of {', '.join(known)}")
    return known[term.name]


def _blocks(term: BlockTerm, rule: Rule, model_map: ModelMap) -> Callable[[int], bool]:
    """Whether a block belongs to the term."""
    blocks = model_map.blocks
    match term:
        case Every(divisor):
            return lambda block: block % divisor == 0
        case InBand(band):
            return lambda block: band_of(block, blocks) == band
        case Part("first", parts):
            return lambda block: (2 * block + 1) * parts < 2 * blocks
        case Part("last", parts):
            return lambda block: (2 * (blocks - 1 - block) + 1) * parts < 2 * blocks
        case Last(count):
            _check_block(count - 1, term, rule, model_map)
            return lambda block: block >= blocks - count
        case Range(start, end):
            last = start if end is None else end
            _check_block(last, term, rule, model_map)
            return lambda block: start <= block <= (blocks - 1 if end is None else end)
        case _:
            raise TypeError(f"{term!r} is no term of blocks")


def _check_block(block: int, term: BlockTerm, rule: Rule, model_map: ModelMap) -> None:
    if block >= model_map.blocks:
        message = f"'{term}' reaches beyond the {model_map.blocks} blocks of {model_map.model}"
        raise SelectorError(_text(rule), term.column, message, f"blocks from 0 to {model_map.blocks - 1}")


def _modules(rule: Rule, model_map: ModelMap) -> set[str]:
    """The full names of the rule's modules; all of the model's where the rule names none."""
    terms = rule.modules or (ModuleTerm("all"),)
    return {name for term in terms for name in _names(term, rule, model_map)}


def _names(term: ModuleTerm, rule: Rule, model_map: ModelMap) -> set[str]:
    wanted = {"attn": "attention"}.get(term.word, term.word)
    names = {m.name for m in model_map.modules if wanted in ("all", m.layer_type, m.short, m.name)}
    if not names:
        has = ", ".join(module.short for module in model_map.modules)
        message = f"{model_map.model} has no module '{term.word}'"
        raise SelectorError(_text(rule), term.column, message, f"all, attn, mlp or one of {has}")
    return names


def _what_it_has(model_map: ModelMap) -> str:
    return f"blocks 0 to {model_map.blocks - 1} × {', '.join(module.short for module in model_map.modules)}"


def _text(rule: Rule) -> str:
    return rule.text or format_rule(rule)
