"""The merge report as tables: evaluation, and the share of the learned change that is kept, by group and site."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from workbench.report.numbers import decimal, percent
from workbench.report.table import Column, Table

if TYPE_CHECKING:
    from workbench.run.record import RunRecord, SiteRecord
    from workbench.train.merge import Kept
    from workbench.train.merge_report import MergeReport, TargetReport


def summary_table(report: "MergeReport") -> Table:
    """A row for the adapter on its base, and one for every target."""
    names = [evaluation.evaluator for evaluation in report.before]
    before = tuple(decimal(evaluation.value) for evaluation in report.before)
    rows = [("adapter on its base", *before, "–", "–")]
    for found in report.targets:
        values = tuple(decimal(e.value) for e in found.evaluations) or ("–",) * len(names)
        rows.append((found.target.name, *values, _share(found.total), _error(found.total)))
    return Table((Column("merged into", "left"), *map(Column, (*names, "kept", "error"))), tuple(rows))


def group_table(report: "MergeReport", record: "RunRecord") -> Table:
    """What layer types, bands and modules keep."""
    groups: dict[str, set[str]] = {}
    for site in record.sites:
        for name in _groups(site):
            groups.setdefault(name, set()).add(site.site)
    possible = [found for found in report.targets if found.kept]
    rows = [(name, *(_share(_within(found, sites)) for found in possible)) for name, sites in groups.items()]
    adapted = {name for found in possible for name in found.kept or {}}
    kept_rows = tuple(row for row, sites in zip(rows, groups.values(), strict=True) if sites & adapted)
    return Table((Column("kept of the change", "left"), *_headings(possible)), kept_rows)


def _groups(site: "SiteRecord") -> Iterable[str]:
    return (site.layer_type, site.band, site.module)


def _within(found: "TargetReport", sites: set[str]) -> "Kept":
    from workbench.train.merge import total

    return total(kept for site, kept in (found.kept or {}).items() if site in sites)


def site_table(report: "MergeReport") -> Table:
    """What every adapted site keeps."""
    possible = [found for found in report.targets if found.kept]
    sites = dict.fromkeys(site for found in possible for site in found.kept or {})
    rows = tuple((site, *(_share((found.kept or {})[site]) for found in possible)) for site in sites)
    return Table((Column("site", "left"), *_headings(possible)), rows)


def _headings(reports: Sequence["TargetReport"]) -> list[Column]:
    return [Column(found.target.name) for found in reports]


def _share(kept: "Kept") -> str:
    return "–" if kept.fraction is None else percent(kept.fraction)


def _error(kept: "Kept") -> str:
    return "–" if kept.error is None else f"{kept.error:.2g}"
