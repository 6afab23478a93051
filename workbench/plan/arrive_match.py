"""Which modules an adapter specification means: the matching rules of peft 0.21, over names alone.

Sources: `peft.tuners.tuners_utils.check_target_module_exists`, `peft.utils.other.get_pattern_key`. Tests compare with
models that peft itself builds.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache

from workbench.plan.arrive_spec import AdapterSpec
from workbench.plan.findings import Finding

ALL_LINEAR = "all-linear"
_CONDENSED_FROM = 20  # peft shortens lists of targets from this length on
_PATTERN = (r"(.*\.)?(", r")$")
_SAVED = (r"(^|.*\.)", r"($|\..*)")
_LAYERS = (r"(?:^|.*?\.)", r"\.(?P<idx>\d+)\.")
_ANY_LAYERS = r".*?\.[^.]*\.(?P<idx>\d+)\."


def names_entry(entry: str, name: str) -> bool:
    """Whether an entry of a list names a module: fully, or by the end of its name after a dot."""
    return name == entry or name.endswith(f".{entry}")


@lru_cache(maxsize=4)  # the report and the rules ask for the same patterns; hundreds of them are usual
def fitting(patterns: tuple[str, ...], names: tuple[str, ...]) -> Mapping[str, tuple[str, ...]]:
    """For each name, the keys of rank_pattern or alpha_pattern that match it, in their order: the first decides."""
    compiled = [(pattern, re.compile(pattern.join(_PATTERN))) for pattern in patterns]
    return {name: tuple(pattern for pattern, regex in compiled if regex.match(name)) for name in names}


def fits_targets(targets: str | Collection[str], name: str) -> bool:
    """Whether a regular expression matches a module as a whole, or a list names it."""
    if isinstance(targets, str):
        return re.fullmatch(targets, name) is not None
    return any(names_entry(entry, name) for entry in targets)


def is_saved(entry: str, name: str) -> bool:
    """Whether a module is, or lies inside, one that `modules_to_save` names; peft puts no adapter there."""
    return re.match(entry.join(_SAVED), name) is not None


def excluded(spec: AdapterSpec, name: str) -> bool:
    """Whether `exclude_modules` or `modules_to_save` keep adapters off a module."""
    if spec.exclude and fits_targets(spec.exclude, name):
        return True
    return any(is_saved(entry, name) for entry in spec.saved)


def layer_of(spec: AdapterSpec, name: str) -> int | None:
    """The number that `layers_to_transform` compares: after the layers pattern, else the first in the name."""
    patterns = [pattern.join(_LAYERS) for pattern in spec.layers_pattern] or [_ANY_LAYERS]
    match = next((found for pattern in patterns if (found := re.match(pattern, name))), None)
    return int(match["idx"]) if match else None


def in_layers(spec: AdapterSpec, name: str) -> bool:
    return not spec.layers or layer_of(spec, name) in spec.layers


def targeted(spec: AdapterSpec, linear: Sequence[str], others: Sequence[str]) -> tuple[str, ...]:
    """All names, of linear modules and of `others`, on which peft would put an adapter, in their order.

    `all-linear` means the linear modules only. A full name in a list of targets passes by `layers_to_transform`.
    """
    names = [*linear, *others]
    if isinstance(spec.targets, str):
        found = linear if spec.targets.lower() == ALL_LINEAR else [n for n in names if fits_targets(spec.targets, n)]
        return tuple(name for name in found if not excluded(spec, name))
    entries = _condensed(spec.targets or (), names) if spec.layers else set(spec.targets or ())
    found = [name for name in names if name in entries or (fits_targets(entries, name) and in_layers(spec, name))]
    return tuple(name for name in found if not excluded(spec, name))


def _condensed(targets: Collection[str], names: Sequence[str]) -> set[str]:
    """What peft makes of a long list of targets: the shortest endings that tell them from all other modules.

    This matters only together with `layers_to_transform`, which endings obey and full names do not.
    """
    entries = set(targets)
    if len(entries) < _CONDENSED_FROM:
        return entries
    taken = {ending for name in names if not fits_targets(entries, name) for ending in _endings(name)}
    kept: set[str] = set()
    for entry in sorted(entries, key=_endings):
        for ending in _endings(entry):
            if ending not in kept and ending not in taken and not any(entry.endswith(f".{k}") for k in kept):
                kept.add(ending)
                break
    return kept if kept and len(kept) < len(entries) else entries


def _endings(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[-count:]) for count in range(1, len(parts) + 1)]


def broken_patterns(spec: AdapterSpec, keys: Mapping[str, str]) -> Iterator[Finding]:
    """One finding for every regular expression that cannot be compiled as peft would; `keys` as in Arriving."""
    texts: list[tuple[str, str, tuple[str, str]]] = []
    if isinstance(spec.targets, str) and spec.targets.lower() != ALL_LINEAR:
        texts.append(("targets", spec.targets, ("", "")))
    if isinstance(spec.exclude, str):
        texts.append(("exclude", spec.exclude, ("", "")))
    texts += [("saved", entry, _SAVED) for entry in spec.saved]
    texts += [("layers_pattern", entry, _LAYERS) for entry in spec.layers_pattern]
    texts += [("ranks", pattern, _PATTERN) for pattern, _ in spec.ranks]
    texts += [("alphas", pattern, _PATTERN) for pattern, _ in spec.alphas]
    for name, text, around in texts:
        try:
            re.compile(text.join(around))
        except re.error as error:
            path = (keys[name], text) if name in ("ranks", "alphas") else (keys[name],)
            yield _broken(path, text, error, len(around[0]))


def _broken(path: tuple[str, ...], text: str, error: re.error, before: int) -> Finding:
    place = min(max((error.pos or 0) - before, 0), len(text))
    message = f"'{text}' is no regular expression: {error.msg} at position {place}"
    return Finding(path, message, f"{text}\n{' ' * place}^\ncorrect it, or escape the sign with \\")
