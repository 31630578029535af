"""How a design document's views lie in an index.

Owns the slots of an index, which functions reduce each of them, and which slot a view reads. It must not know storage.
Views with the same map function and collation share a slot, and so do design documents with equal views.
"""

from dataclasses import asdict, dataclass
from typing import NamedTuple

from docstore.core.collation_key import KeyOf, order_key, raw_key
from docstore.database.reading.index_feed import FeedOptions
from docstore.errors import NotFound
from docstore.query.design.document import QUERY, Design, ViewDefinition, is_built_in
from docstore.query.design.languages import OWN_ENGINE, Languages
from docstore.query.servers.choice import with_server
from docstore.query.views.reducers import BuiltIn, built_in
from docstore.settings import FunctionSettings

RAW = "raw"


class Reducer(NamedTuple):
    """A function that reduces a slot: ``built_in``, or the JavaScript function of this ``number``."""

    source: str
    built_in: BuiltIn | None
    number: int


class Slot(NamedTuple):
    """The rows of one map function under one collation, ``partitioned``: each partition's by itself."""

    map_index: int
    raw: bool
    partitioned: bool
    reducers: tuple[Reducer, ...]

    @property
    def key_of(self) -> KeyOf:
        """What makes an order-keeping key."""
        return raw_key if self.raw else order_key


class PlannedView(NamedTuple):
    """One view: its slot, and which of the slot's reducers is its own; None for a map view."""

    name: str
    slot: int
    reducer: int | None


@dataclass(frozen=True, slots=True)
class Plan:
    """The index of a design document's views.

    ``definition`` is what workers are told; ``spoken``: somebody runs functions in the language; ``partitioned``: its
    rows lie by partitions, and it is asked of one at a time.
    """

    design_id: str
    signature: str
    language: str
    definition: str
    slots: tuple[Slot, ...]
    views: dict[str, PlannedView]
    feed: FeedOptions
    limits: FunctionSettings
    spoken: bool
    partitioned: bool = False

    @property
    def is_declared(self) -> bool:
        """Whether its maps are no functions but fields to be indexed."""
        return self.language == QUERY

    @property
    def crossing_limits(self) -> dict[str, int | float | bool]:
        """The limits of functions as workers are told of them."""
        return asdict(self.limits)

    @property
    def signature_bytes(self) -> bytes:
        """The signature, 16 bytes."""
        return bytes.fromhex(self.signature)

    @property
    def crossing_slots(self) -> list[list[int | bool]]:
        """The slots as workers are told of them."""
        return [[slot.map_index, slot.raw, slot.partitioned] for slot in self.slots]

    def view(self, name: str) -> PlannedView:
        """The view of this name. Raises NotFound."""
        found = self.views.get(name)
        if found is None:
            raise NotFound("missing_named_view")
        return found


def plan_of(
    design: Design, limits: FunctionSettings, languages: Languages = OWN_ENGINE, *, partitioned: bool = False
) -> Plan:
    """The plan of a design document, whose functions have these limits, in a database that may be partitioned.

    There a design document is too, unless its options say that it is not.
    """
    partitioned = partitioned and design.options.get("partitioned") is not False
    places: dict[tuple[int, bool], int] = {}
    reducers: list[dict[str, Reducer]] = []
    views: dict[str, PlannedView] = {}
    for name, view in design.views.items():
        slot = places.setdefault((view.map_index, view.options.get("collation") == RAW), len(places))
        if slot == len(reducers):
            reducers.append({})
        reducer = None
        if view.reduce is not None:
            of_slot = reducers[slot]
            if view.reduce not in of_slot:
                of_slot[view.reduce] = _reducer(view)
            reducer = list(of_slot).index(view.reduce)
        views[name] = PlannedView(name, slot, reducer)
    slots = tuple(
        Slot(map_index, raw, partitioned, tuple(reducers[slot].values()))
        for slot, (map_index, raw) in enumerate(places)
    )
    feed = FeedOptions(
        local_seq=design.options.get("local_seq") is True,
        include_design=design.options.get("include_design") is True and design.language != QUERY,
    )
    spoken = design.language == QUERY or languages.speaks(design.language)
    definition = design.definition
    if spoken and design.language != QUERY:
        definition = with_server(definition, languages.command(design.language))
    return Plan(
        design.id, design.signature, design.language, definition, slots, views, feed, limits, spoken, partitioned
    )


def _reducer(view: ViewDefinition) -> Reducer:
    source = view.reduce or ""
    if is_built_in(source):
        return Reducer(source, built_in(source), 0)
    return Reducer(source, None, view.reduce_index or 0)
