"""A plan: a model, and the base format and method settings of each of its sites. Immutable."""

from dataclasses import asdict, dataclass, field
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from workbench.canonical import digest
from workbench.plan.catalogue import CATALOGUE, NONE
from workbench.plan.formats import bits_per_weight, site_bytes
from workbench.plan.model_map import ModelMap
from workbench.plan.settings import AdapterSettings, BaseSettings
from workbench.plan.site import Site
from workbench.plan.structure import Structure

if TYPE_CHECKING:
    from workbench.run.record import SiteRecord

if TYPE_CHECKING:
    from workbench.plan.resolve import Resolution


@dataclass(frozen=True, slots=True)
class PlannedSite:
    """A site with what the plan sets there; `adapter` is None where the method is `none`."""

    site: Site
    base: BaseSettings
    adapter: AdapterSettings | None

    @property
    def kind(self) -> tuple[int, ...]:
        """Equal for sites of one shape that share their settings, as those do that the same rules set."""
        return id(self.base), id(self.adapter), self.site.in_features, self.site.out_features

    @property
    def method(self) -> str:
        return self.adapter.method if self.adapter else NONE

    @property
    def scaling(self) -> float | None:
        """s in y += s·B·A·x; None where nothing is adapted."""
        return CATALOGUE[self.method].scaling(self.adapter) if self.adapter else None

    @property
    def trainable_params(self) -> int:
        return _trainable(self.adapter, self.site.in_features, self.site.out_features) if self.adapter else 0

    @property
    def structure(self) -> Structure | None:
        """The matrices of the adapter; None where nothing is adapted."""
        return _structure(self.adapter) if self.adapter else None

    @property
    def loss_of_merge(self) -> str | None:
        """Why merging into the site's own format loses something; None where nothing is lost."""
        return CATALOGUE[self.method].loss_of_merge(self.adapter, self.base) if self.adapter else None

    @property
    def bits(self) -> float:
        """Bits per weight of the base format on large sites."""
        return bits_per_weight(self.base)

    @property
    def base_bytes(self) -> int:
        """Bytes that the frozen weight takes, partial blocks included."""
        return site_bytes(self.site.out_features, self.site.in_features, self.base)


# Few settings are asked for at many sites: `kinds` serves sums, and these whoever goes through the sites.
@lru_cache(maxsize=4096)
def _structure(adapter: AdapterSettings) -> Structure:
    return CATALOGUE[adapter.method].structure(adapter)


@lru_cache(maxsize=4096)
def _trainable(adapter: AdapterSettings, in_features: int, out_features: int) -> int:
    return _structure(adapter).trainable(in_features, out_features)


@dataclass(frozen=True)  # without slots: cached properties keep their values in the instance
class Plan:
    """What is trained where. `sites` holds every site of the map, in its order.

    `groups` are the user's layer groups with their sites' names; `file` is the plan file as plain values; `resolution`
    is what its rules came to, for the check of an edited one.
    """

    name: str
    model: str
    map: ModelMap
    sites: tuple[PlannedSite, ...]
    groups: tuple[tuple[str, tuple[str, ...]], ...] = ()
    require: tuple[str, ...] = ()
    notes: str = ""
    file: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)
    resolution: "Resolution | None" = field(default=None, compare=False, repr=False)

    @cached_property
    def hash(self) -> str:
        """12 hex digits over the resolved sites; names, notes and the way rules are written are not in it."""
        return digest([_identity(planned) for planned in self.sites], 12)

    @cached_property
    def kinds(self) -> tuple[tuple[PlannedSite, int], ...]:
        """One of each kind of site, with how many there are: of one shape, with the very same settings."""
        found: dict[tuple[int, ...], list[PlannedSite]] = {}
        for planned in self.sites:
            found.setdefault(planned.kind, []).append(planned)
        return tuple((alike[0], len(alike)) for alike in found.values())

    @cached_property
    def trainable_params(self) -> int:
        return sum(count * planned.trainable_params for planned, count in self.kinds)

    @property
    def adapted(self) -> tuple[PlannedSite, ...]:
        return tuple(planned for planned in self.sites if planned.adapter)

    @property
    def losses_of_merge(self) -> dict[str, tuple[str, ...]]:
        """The sites that cannot be merged without loss, by reason."""
        reasons: dict[str, list[str]] = {}
        for planned in self.sites:
            if reason := planned.loss_of_merge:
                reasons.setdefault(reason, []).append(planned.site.name)
        return {reason: tuple(names) for reason, names in reasons.items()}

    @property
    def reference(self) -> bool:
        """Whether nothing is adapted: such a plan is evaluated only."""
        return not self.adapted

    @property
    def groups_dict(self) -> dict[str, list[str]]:
        return {name: list(sites) for name, sites in self.groups}

    def site(self, name: str) -> PlannedSite:
        """What the plan sets at the site of that full name. Raises NotFoundError with the nearest one."""
        return self.sites[self.map.place(name)]


def _identity(planned: PlannedSite) -> dict[str, Any]:
    return {
        "site": planned.site.name,
        "shape": [planned.site.out_features, planned.site.in_features],
        "base": asdict(planned.base),
        "adapter": asdict(planned.adapter) if planned.adapter else None,
    }


def plan_to_dict(plan: Plan) -> dict[str, Any]:
    """The plan file as plain values, as `run.json` keeps it."""
    return dict(plan.file)


def site_records(plan: Plan) -> "tuple[SiteRecord, ...]":
    """All sites as `run.json` keeps them."""
    return tuple(site_record(planned) for planned in plan.sites)


def site_record(planned: PlannedSite) -> "SiteRecord":
    """A site as `run.json` keeps it."""
    from workbench.run.record import SiteRecord

    site, base, adapter = planned.site, planned.base, planned.adapter
    return SiteRecord(
        site=site.name,
        block=site.block,
        module=site.module,
        layer_type=site.layer_type,
        depth=site.depth,
        band=site.band,
        in_features=site.in_features,
        out_features=site.out_features,
        base=base.format,
        blocksize=base.blocksize,
        double_quant=base.double_quant,
        threshold=base.threshold,
        bits=planned.bits,
        method=planned.method,
        r=adapter.r if adapter else None,
        alpha=adapter.alpha if adapter else None,
        scaling=planned.scaling,
        balance=adapter.balance if adapter else None,
        pool=adapter.pool if adapter else None,
        dropout=adapter.dropout if adapter else None,
        init=adapter.init if adapter else None,
        trainable_params=planned.trainable_params,
    )
