"""What is said about a file on arrival: keys that hit nothing or are shadowed, and what was left out."""

from collections.abc import Iterator, Sized

from workbench.errors import InvalidError, Problem
from workbench.nearest import nearest
from workbench.plan.arrive_file import ArrivedFile
from workbench.plan.arrive_hits import KeyHits, order_matters, other_modules
from workbench.plan.arrive_spec import AdapterSpec, Arriving, LeftOut
from workbench.plan.compact import compact, name_sites
from workbench.plan.families import FAMILIES
from workbench.plan.findings import Finding, Path
from workbench.plan.model_map import ModelMap

_SIGNS_OF_PATTERN = set("*[]()|\\^$+?")
_FROZEN = "everything but the adapters of sites stays frozen here"


def hit_warnings(
    file: ArrivedFile, arriving: Arriving, spec: AdapterSpec, hits: tuple[KeyHits, ...], model_map: ModelMap
) -> tuple[Problem, ...]:
    """Keys that hit nothing, patterns that never decide, and overlaps whose order a saved file does not keep."""
    found = [_warning(file, hit, model_map) for hit in hits if hit.state != "hits"]
    for name, sites in order_matters(spec, model_map):
        message = f"patterns with different values overlap on {_count(sites)} ({'; '.join(compact(sites, model_map))})"
        hint = "the first in the file wins; peft sorts keys when it saves, so training may have used another order"
        found.append(Finding((arriving.keys[name],), message, hint))
    return file.document.problems(finding for finding in found if finding)


def _warning(file: ArrivedFile, hit: KeyHits, model_map: ModelMap) -> Finding | None:
    path = _path(file, hit)
    if hit.shadowed_by:
        winners = ", ".join(f"'{pattern}' ({_count(range(count))})" for pattern, count in hit.shadowed_by)
        what = "never decides" if hit.state == "shadowed" else f"decides at {_count(hit.decides)} only"
        return Finding(path, f"'{hit.entry}' {what}: shadowed by {winners}", "put the narrower pattern first")
    if hit.state == "not adapted":
        sites = "; ".join(compact(hit.matches, model_map))
        message = f"'{hit.entry}' matches {_count(hit.matches)} ({sites}), but none that is adapted"
        return Finding(path, message, "target them too, or take the key out")
    if hit.state == "no site":
        return None  # told among what is left out
    return Finding(path, f"'{hit.entry}' hits nothing in {model_map.model}", _advice(file, hit, model_map))


def _count(sites: Sized) -> str:
    return "1 site" if len(sites) == 1 else f"{len(sites)} sites"


def _path(file: ArrivedFile, hit: KeyHits) -> Path:
    """Where the entry stands: an item of a list, a key of a mapping, or the key's own text."""
    value = file.data.get(hit.key)
    if isinstance(value, list) and hit.entry in map(str, value):
        return (hit.key, [str(item) for item in value].index(hit.entry))
    return (hit.key, hit.entry) if isinstance(value, dict) else (hit.key,)


def _advice(file: ArrivedFile, hit: KeyHits, model_map: ModelMap) -> str:
    if hit.entry.lstrip("-").isdigit():
        return f"its blocks are 0 to {model_map.blocks - 1}"
    if isinstance(file.data.get(hit.key), list) and set(hit.entry) & _SIGNS_OF_PATTERN:
        return f"a list holds names; for a regular expression write {hit.key} as one text"
    return nearest(hit.entry, [module.name for module in model_map.modules])


def nothing_hit(file: ArrivedFile, arriving: Arriving, hits: tuple[KeyHits, ...], model_map: ModelMap) -> InvalidError:
    """The error of a file that adapts no site of the model: why, and which models have such names."""
    key = arriving.keys["targets"]
    targets = [hit for hit in hits if hit.key == key]
    findings = [warning for hit in hits if not hit.matches and (warning := _warning(file, hit, model_map))]
    if not targets:
        findings.append(Finding((key,), f"{key} names no modules", "name them, or write all-linear"))
    elif any(hit.matches for hit in targets):
        where = ", ".join(arriving.keys[name] for name in ("exclude", "saved", "layers"))
        findings.append(Finding((key,), "what it matches is kept out again", f"look at {where}"))
    has = ", ".join(module.name for module in model_map.modules)
    others = _families_with([hit.entry for hit in targets if not hit.matches])
    hint = f"{model_map.model} ({model_map.model_type}) has {has}"
    hint += f"; names of {others}: give that model with --model" if others else ""
    hint += f"; the file was written for {arriving.model}" if arriving.model else ""
    title = f"{file.document.file}: it adapts no site of {model_map.model}; nothing was written"
    return InvalidError(title, hint, file.document.problems(findings))


def _families_with(entries: list[str]) -> str:
    """The families that have all of these modules."""
    wanted = {entry.rpartition(".")[2] for entry in entries}
    return ", ".join(
        family.model_type
        for family in FAMILIES.values()
        if wanted and wanted <= {module.name for module in family.modules}
    )


def left_out_of_plan(arriving: Arriving, hits: tuple[KeyHits, ...], model_map: ModelMap) -> Iterator[LeftOut]:
    """What the file says and the plan does not: modules that are no sites, and those to be trained whole."""
    saved, reasons = arriving.keys["saved"], other_modules(model_map)
    for hit in hits:
        if hit.key == saved:
            yield LeftOut(saved, hit.entry, f"trained whole by peft, without an adapter: {_FROZEN}")
            continue
        by_reason: dict[str, list[str]] = {}
        for name in hit.others:
            by_reason.setdefault(reasons[name], []).append(name)
        for reason, names in by_reason.items():
            yield LeftOut(hit.key, hit.entry, f"{name_sites(names)}: {reason}")
