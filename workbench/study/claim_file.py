"""Claims in a study file: keys, types, and whether they speak of the study's own factors and levels."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool

from workbench.nearest import nearest
from workbench.plan.findings import Finding, Path
from workbench.study.levels import level_text

ARM = "arm"  # the factor of arms that are written one by one


def _level(value: Any) -> Any:
    return level_text(value) if isinstance(value, bool | int | float) else value


def _levels(value: Any) -> Any:
    return [value] if isinstance(value, str | bool | int | float) else value


LevelName = Annotated[str, BeforeValidator(_level)]
LevelNames = Annotated[list[LevelName], BeforeValidator(_levels, json_schema_input_type=str | list[str])]


class ClaimFile(BaseModel):
    """What is expected of the runs, said before any. Either `worse` and `better`, or `effect` and `exceeds`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    says: Annotated[str, Field(min_length=1, description="the claim in words")]
    worse: Annotated[
        dict[str, LevelName], Field(description="factors and levels of the arms that should lose more")
    ] = {}
    better: Annotated[dict[str, LevelName], Field(description="those that should lose less, all else equal")] = {}
    change: Annotated[
        dict[str, tuple[LevelName, LevelName]],
        Field(description="what is lost from one level of a factor to another, instead of against the baseline"),
    ] = {}
    against: Annotated[
        Literal["baseline", "reference"],
        Field(description="what is lost to: the baseline, or the base as it is stored"),
    ] = "baseline"
    per_parameter: Annotated[
        StrictBool, Field(description="per trainable parameter removed; against the reference, per one that there is")
    ] = False
    effect: Annotated[str, Field(description="a factor of numbers whose slope per doubling should be the larger")] = ""
    exceeds: Annotated[
        list[str], Field(description="factors between whose levels that slope should differ by less than its size")
    ] = []
    where: Annotated[dict[str, LevelNames], Field(description="only arms with these levels")] = {}


def wrong_claims(claims: Mapping[str, ClaimFile], known: Mapping[str, Sequence[str]]) -> Iterator[Finding]:
    """What claims say that the study cannot mean; `known` are its factors and the names of their levels."""
    for name, claim in claims.items():
        path: Path = ("claims", name)
        yield from _wrong_kind(path, claim)
        for key, chosen in _chosen(claim):
            for factor, levels in chosen.items():
                yield from _unknown((*path, key, factor), factor, levels, known)
        for key, factors in (("effect", [claim.effect] if claim.effect else []), ("exceeds", claim.exceeds)):
            for factor in factors:
                yield from _unknown((*path, key), factor, [], known)
        if claim.effect in known and not all(_is_positive(level) for level in known[claim.effect]):
            message = f"the levels of {claim.effect} are no positive numbers: {', '.join(known[claim.effect])}"
            yield Finding((*path, "effect"), message, "a slope needs numbers; compare levels by worse and better")


def _wrong_kind(path: Path, claim: ClaimFile) -> Iterator[Finding]:
    compares, weighs = bool(claim.worse or claim.better), bool(claim.effect or claim.exceeds)
    if compares == weighs or (compares and not (claim.worse and claim.better)) or (weighs and not claim.exceeds):
        hint = "`worse: {type: attn}`, `better: {type: mlp}`; or `effect: balance`, `exceeds: [type, depth]`"
        yield Finding(path, "a claim has either worse and better, or effect and exceeds", hint)
    elif weighs and not claim.effect:
        yield Finding((*path, "exceeds"), "exceeds needs an effect", "name the factor whose slope is meant")
    elif weighs and (claim.change or claim.per_parameter):
        key = "change" if claim.change else "per_parameter"
        yield Finding((*path, key), f"{key} does not go with effect", "leave it out")
    elif claim.against == "reference" and (claim.change or weighs):
        yield Finding((*path, "against"), "against goes neither with change nor with effect", "leave it out")
    elif compares and claim.worse == claim.better:
        yield Finding((*path, "better"), "worse and better are the same arms", "name other levels")


def _chosen(claim: ClaimFile) -> Iterator[tuple[str, Mapping[str, Sequence[str]]]]:
    yield "worse", {factor: [level] for factor, level in claim.worse.items()}
    yield "better", {factor: [level] for factor, level in claim.better.items()}
    yield "change", claim.change
    yield "where", claim.where


def _unknown(path: Path, factor: str, levels: Sequence[str], known: Mapping[str, Sequence[str]]) -> Iterator[Finding]:
    if factor not in known:
        hint = nearest(factor, list(known)) if known else "the study has no factors"
        yield Finding(path, f"no factor '{factor}'", hint)
        return
    for level in levels:
        if level not in known[factor]:
            yield Finding(path, f"factor '{factor}' has no level '{level}'", nearest(level, known[factor]))


def _is_positive(level: str) -> bool:
    try:
        return float(level) > 0
    except ValueError:
        return False
