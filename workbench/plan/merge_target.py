"""Where an adapter can be merged into, and how each site is stored then."""

from collections.abc import Sequence
from dataclasses import dataclass

from workbench.errors import InvalidError, UsageError
from workbench.nearest import nearest
from workbench.plan.compact import name_sites
from workbench.plan.formats import FORMATS
from workbench.plan.settings import BaseSettings
from workbench.run.record import SiteRecord

FORMS = ("int4", "nf4", "bf16", "fp32")
BASES = ("quantized", "original")


@dataclass(frozen=True, slots=True)
class Target:
    """Where to: `into` is one of FORMS; `onto` the base as it was trained on, or the original weights."""

    into: str
    onto: str = "quantized"

    @property
    def name(self) -> str:
        return self.into if self.onto == "quantized" else f"{self.into}-original"

    @property
    def packed(self) -> bool:
        return FORMATS[self.into].quantized


TARGETS = tuple(Target(into, onto) for into in FORMS for onto in BASES)


def read_target(name: str) -> Target:
    """The target of a name such as `int4` or `bf16-original`. Raises UsageError with the nearest one."""
    known = {target.name: target for target in TARGETS}
    if name not in known:
        raise UsageError(f"cannot merge into '{name}'", f"{nearest(name, known)}; known: {', '.join(known)}")
    return known[name]


def own_settings(site: SiteRecord) -> BaseSettings:
    """How the run stored the site."""
    return BaseSettings(site.base, site.blocksize, site.double_quant, site.threshold)


def merged_settings(site: SiteRecord, target: Target) -> BaseSettings:
    """How the site is stored after merging.

    In 16 and 32 bits every site is; into 4 bits the adapted ones go that were quantized, and the others stay as they
    are, since nothing is merged there.
    """
    own = own_settings(site)
    if not target.packed:
        return FORMATS[target.into].settings()
    if site.method == "none" or not FORMATS[site.base].quantized or site.base == target.into:
        return own
    return FORMATS[target.into].settings()


def check_target(sites: Sequence[SiteRecord], target: Target) -> None:
    """Raises InvalidError, with the sites, where a layer does not fit the format to merge into."""
    found: dict[tuple[str, str], list[str]] = {}
    for site in sites:
        settings = merged_settings(site, target)
        if problem := FORMATS[settings.format].problem(settings, site.in_features):
            found.setdefault(problem, []).append(site.site)
    for (message, _), names in found.items():
        others = "merge into nf4, bf16 or fp32, which fit every layer"
        raise InvalidError(f"cannot merge into {target.into}: {name_sites(names)}: {message}", others)
