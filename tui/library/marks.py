"""Which entries are marked, to see how they differ: two of a kind, numbered."""

from collections.abc import Iterable
from dataclasses import dataclass

from workbench.library.entry import Entry

MOST = 2


@dataclass(frozen=True, slots=True)
class Marks:
    """At most two, in the order in which they were marked; another kind begins anew."""

    entries: tuple[Entry, ...] = ()

    @property
    def signs(self) -> dict[tuple[str, str], int]:
        """The numbers of the marked entries, by their keys."""
        return {entry.key: number for number, entry in enumerate(self.entries, start=1)}

    def marking(self, entry: Entry) -> "Marks":
        """With the entry marked, or not any more where it was; the older of two makes room for a third."""
        if entry in self.entries:
            return Marks(tuple(one for one in self.entries if one != entry))
        same = tuple(one for one in self.entries if one.kind is entry.kind)
        return Marks((*same, entry)[-MOST:])

    def among(self, entries: Iterable[Entry]) -> "Marks":
        """Without those that are not shown any more."""
        if not self.entries:
            return self
        known = {entry.key for entry in entries}
        return Marks(tuple(entry for entry in self.entries if entry.key in known))
