"""A study file from a built-in one: name, model, rank, alpha, seeds and levels written in, comments kept."""

from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from io import StringIO
from math import ceil
from typing import Any

from workbench.errors import NotFoundError, UsageError
from workbench.nearest import nearest
from workbench.plan.files import read_text
from workbench.plan.keys import KEYS, Multiple, ValueProblem, format_value, read_value
from workbench.study.levels import level_text, read_levels
from workbench.study.study import built_in_studies

FIXED = "fixed"
WINDOW = "window"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a person wants otherwise than the built-in study has it; None and empty leave it.

    `alpha` is `fixed` (the number that 2r is at the full rank), a number or a multiple of the rank. `levels` names, for
    a factor, those of its levels that are kept. `windows` are ranges of blocks for a study over depth.
    """

    model: str
    revision: str | None = None
    recipe: str | None = None
    base: str | None = None
    rank: int | None = None
    alpha: str | None = None
    seeds: Sequence[int] = ()
    metric: str | None = None
    levels: Mapping[str, Sequence[str]] = field(default_factory=dict)


def built_in_names() -> list[str]:
    return sorted(path.stem for path in built_in_studies().glob("*.yaml"))


def built_in_text(name: str) -> str:
    """The file of a built-in study. Raises NotFoundError with the nearest name."""
    if name not in built_in_names():
        raise NotFoundError(f"no built-in study '{name}'", nearest(name, built_in_names()))
    return read_text(built_in_studies() / f"{name}.yaml")


def study_text(text: str, name: str, wishes: Wishes, blocks: int) -> str:
    """The text with what is wanted written in; `blocks` is how many the model has.

    Raises UsageError for an alpha that cannot be read, a factor or a level that the study does not have.
    """
    yaml, data = _loaded(text)
    data["name"], data["model"] = name, wishes.model
    if wishes.revision:
        data.insert(list(data).index("model") + 1, "revision", wishes.revision)
    for key in ("recipe", "base", "metric"):
        if (value := getattr(wishes, key)) is not None:
            data[key] = value
    if wishes.rank is not None:
        data["defaults"]["r"] = wishes.rank
    if wishes.alpha is not None:
        data["defaults"]["alpha"] = _alpha(wishes.alpha, int(data["defaults"]["r"]))
    if wishes.seeds:
        _replace_items(data["seeds"], list(wishes.seeds))
    if WINDOW in data.get("factors", {}):
        _replace_items(data["factors"][WINDOW], [_quoted(window) for window in windows(blocks)])
    for factor, kept in wishes.levels.items():
        _keep(data.get("factors", {}), factor, kept)
        _keep_in_claims(data.get("claims", {}), factor, kept)
    out = StringIO()
    yaml.dump(data, out)
    return out.getvalue()


def with_values(text: str, values: Mapping[str, str]) -> str:
    """The text of a study file with other values for these keys; comments and all else stay."""
    yaml, data = _loaded(text)
    if all(data.get(key) == value for key, value in values.items()):
        return text
    data.update(values)
    out = StringIO()
    yaml.dump(data, out)
    return out.getvalue()


def windows(blocks: int) -> list[str]:
    """Windows over depth, a third of the blocks wide and half a window apart; the last ends with the last block."""
    width = max(1, ceil(blocks / 3))
    step = max(1, width // 2)
    starts = [*range(0, blocks - width, step), blocks - width]
    return [str(start) if width == 1 else f"{start}-{start + width - 1}" for start in starts]


def _loaded(text: str) -> tuple[Any, Any]:
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 120
    return yaml, yaml.load(text)


def _quoted(text: str) -> Any:
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString

    return DoubleQuotedScalarString(text)


def _replace_items(sequence: Any, items: list[Any]) -> None:
    sequence[:] = items


def _alpha(written: str, rank: int) -> int | float | str:
    """What stands in `defaults`. Raises UsageError."""
    if written == FIXED:
        return 2 * rank
    try:
        value = read_value(KEYS["alpha"], written)
    except ValueProblem as problem:
        raise UsageError(f"--alpha {written}: {problem.message}", f"{problem.hint}; or {FIXED}") from problem
    if isinstance(value, Multiple | str):
        return format_value(value)
    number = float(value)
    return int(number) if number.is_integer() else number


def _keep(factors: Any, factor: str, kept: Sequence[str]) -> None:
    if factor not in factors:
        raise UsageError(f"the study has no factor '{factor}'", nearest(factor, factors) if factors else "")
    known = [level.name for level in read_levels(factors[factor])]
    for name in kept:
        if name not in known:
            raise UsageError(f"factor '{factor}' has no level '{name}'", f"{nearest(name, known)}; add it to the file")
    written = factors[factor]
    if isinstance(written, MutableMapping):
        for name in known:
            if name not in kept:
                del written[name]
        return
    _replace_items(written, [item for item, name in zip(list(written), known, strict=True) if name in kept])


def _keep_in_claims(claims: Any, factor: str, kept: Sequence[str]) -> None:
    """Claims speak of what is left; one that compares what is not asked any more is left out with it."""
    for name, claim in list(claims.items()):
        named = [claim[side][factor] for side in ("worse", "better") if factor in claim.get(side, {})]
        named += claim.get("change", {}).get(factor, [])
        if any(level_text(level) not in kept for level in named):
            del claims[name]
        elif factor in claim.get("where", {}):
            left = [level for level in claim["where"][factor] if level_text(level) in kept]
            if left:
                _replace_items(claim["where"][factor], left)
            else:
                del claim["where"][factor]
