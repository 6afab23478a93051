"""How `model show --quant` answers."""

from collections.abc import Iterable, Sequence
from typing import Any

from workbench.plan.compact import compact
from workbench.plan.format_list import NamedFormat
from workbench.plan.formats import bits_per_weight
from workbench.plan.model_map import ModelMap, map_json
from workbench.report.numbers import decimal
from workbench.report.table import Column, Table
from workbench.train.quant_error import GroupErrors, SiteErrors, group_errors, misfits


def quant_text(model_map: ModelMap, formats: Sequence[NamedFormat], measured: Sequence[SiteErrors]) -> str:
    """A table of groups by formats, and which sites a format does not fit."""
    columns = (Column("group", "left"), Column("sites"), *(Column(asked.name) for asked in formats))
    bits = ("bits per weight", "", *(f"{bits_per_weight(asked.settings):.3g}" for asked in formats))
    rows = (bits, *(_row(group) for group in group_errors(measured, formats)))
    lines = ["relative error of the stored weights, ‖W − Ŵ‖/‖W‖", "", Table(columns, rows).text()]
    return "\n".join((*lines, *_misfit_lines(model_map, measured)))


def _row(group: GroupErrors) -> tuple[str, ...]:
    return group.name, str(group.sites), *(_cell(group, name) for name in group.errors)


def _cell(group: GroupErrors, name: str) -> str:
    if not group.covered[name]:
        return "does not fit"
    partly = f"(of {group.covered[name]}) " if group.covered[name] < group.sites else ""
    return partly + decimal(group.errors[name])


def _misfit_lines(model_map: ModelMap, measured: Sequence[SiteErrors]) -> Iterable[str]:
    for (_, why), sites in misfits(measured).items():
        yield f"{'; '.join(compact(sites, model_map))}: {why}"


def quant_json(model_map: ModelMap, formats: Sequence[NamedFormat], measured: Sequence[SiteErrors]) -> dict[str, Any]:
    """The answer of `model show`, with the errors of every site, and of every group."""
    answer = map_json(model_map)
    for site, found in zip(answer["sites"], measured, strict=True):
        site["weight_norm"] = found.weight_norm
        site["quant_error"] = {asked.name: found.errors.get(asked.name) for asked in formats}
        site["misfits"] = found.misfits
    answer["formats"] = [_format_json(asked) for asked in formats]
    answer["groups"] = [
        {"group": group.name, "sites": group.sites, "covered": group.covered, "quant_error": group.errors}
        for group in group_errors(measured, formats)
    ]
    return answer


def _format_json(asked: NamedFormat) -> dict[str, Any]:
    settings = asked.settings
    return {
        "name": asked.name,
        "format": settings.format,
        "blocksize": settings.blocksize,
        "double_quant": settings.double_quant,
        "bits": bits_per_weight(settings),
    }
