"""In one word, which layers of its model a run adapts."""

from collections.abc import Iterable, Mapping, Sequence

from workbench.run.record import RunRecord, SiteRecord

ALL, NONE, MIXED = "all", "none", "mixed"


def adapted_group(record: RunRecord) -> str:
    """The layer group that is adapted whole and alone: one that the plan names, else a built-in one.

    `all`, `attention`, `upper`, `upper mlp`; `none` for a reference, `mixed` where no group says it.
    """
    adapted = {site.site for site in record.sites if site.r is not None}
    if not adapted:
        return NONE
    known = {**record.groups, **_built_in(record.sites)}
    return next((name for name, sites in known.items() if adapted == set(sites)), MIXED)


def _built_in(sites: Sequence[SiteRecord]) -> Mapping[str, Iterable[str]]:
    found: dict[str, list[str]] = {ALL: []}
    for site in sites:
        for name in (ALL, site.layer_type, site.band, f"{site.band} {site.layer_type}", site.module):
            found.setdefault(name, []).append(site.site)
    return found
