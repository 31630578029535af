"""A sequence of a seed: which steps, how many of each.

Owns the weights. A sequence has a mood, so that some go deep into trees, some into attachments, and some into what
is wrong or odd.
"""

from collections.abc import Callable, Mapping

from tests.differential import (
    drawing_attachments,
    drawing_changes,
    drawing_documents,
    drawing_find,
    drawing_functions,
    drawing_listings,
    drawing_many,
    drawing_server,
    drawing_views,
)
from tests.differential.drawing import Draw
from tests.differential.noise import spoil
from tests.differential.partitioning import partition, partitioned
from tests.differential.steps import Sequence, Step

Drawer = Callable[[Draw], Step]
SHORTEST, LONGEST = 15, 70

WRITES: Mapping[Drawer, float] = {
    drawing_documents.put: 14,
    drawing_documents.delete: 4,
    drawing_documents.post: 2,
    drawing_documents.copy: 2,
    drawing_documents.put_related: 1,
    drawing_many.bulk_docs: 8,
}
READS: Mapping[Drawer, float] = {
    drawing_documents.get: 10,
    drawing_documents.open_revs: 4,
    drawing_many.bulk_get: 3,
    drawing_many.revs_diff: 4,
    drawing_listings.listing: 6,
    drawing_listings.queries: 1,
    drawing_changes.changes: 6,
    drawing_server.info: 1.5,
}
ATTACHMENTS: Mapping[Drawer, float] = {
    drawing_attachments.put: 3,
    drawing_attachments.get: 4,
    drawing_attachments.delete: 1.5,
}
OTHERS: Mapping[Drawer, float] = {
    drawing_documents.local: 3,
    drawing_server.settings: 0.8,
    drawing_server.revs_limit: 0.3,
    drawing_server.maintenance: 0.4,
    drawing_server.server: 2,
    drawing_server.database: 0.5,
    partition: 0.8,
}
VIEWS: Mapping[Drawer, float] = {
    drawing_views.design: 3,
    drawing_views.view: 8,
    drawing_views.views: 1,
}
FIND: Mapping[Drawer, float] = {
    drawing_find.make_index: 3,
    drawing_find.find: 10,
    drawing_find.explain: 3,
    drawing_find.list_indexes: 1,
    drawing_find.delete_index: 1.5,
}
FUNCTIONS: Mapping[Drawer, float] = {
    drawing_functions.show: 5,
    drawing_functions.list_: 4,
    drawing_functions.update: 3,
    drawing_functions.rewrite: 4,
    drawing_functions.changes: 3,
}
MOODS: tuple[tuple[float, float, float, float, float, float, float, float], ...] = (
    # writes, reads, attachments, others, views, find, functions; share of steps that are spoiled
    (1, 1, 1, 1, 0, 0, 0, 0.06),
    (2, 1, 0.3, 0.2, 0, 0, 0, 0.0),
    (1, 1, 6, 0.2, 0, 0, 0, 0.02),
    (1, 2, 0.5, 0.5, 0, 0, 0, 0.15),
    (0.5, 1, 1, 5, 0, 0, 0, 0.1),
    (1, 0.2, 0, 0.1, 3, 0, 0, 0.05),
    (1, 0.1, 0, 0.1, 0.1, 3, 0, 0.03),
    (1, 0.1, 0, 0, 0, 3, 0, 0.0),
    (0.6, 0.1, 0, 0, 0, 0, 3, 0.02),
)
PAGED = 0.2
"""The share of queries of which two pages more are read."""
PARTITIONED = 0.25
"""The share of sequences that are for a partitioned database."""


def draw_sequence(seed: int, number: int) -> Sequence:
    """The sequence of this number; the same for the same seed, on any machine."""
    draw = Draw(f"{seed}/{number}")
    writes, reads, attachments, others, views, find, functions, spoiled = draw.choice(MOODS)
    weights: dict[Drawer, float] = {}
    factors = (writes, reads, attachments, others, views, find, functions)
    for table, factor in zip((WRITES, READS, ATTACHMENTS, OTHERS, VIEWS, FIND, FUNCTIONS), factors, strict=True):
        weights |= {drawer: weight * factor for drawer, weight in table.items()}
    drawers = list(weights)
    steps = [drawing_server.revs_limit(draw)] if draw.chance(0.2) else []
    if functions:
        steps.append(drawing_functions.design(draw))
    for drawer in draw.choices(drawers, [weights[drawer] for drawer in drawers], k=draw.randint(SHORTEST, LONGEST)):
        step = drawer(draw)
        steps.append(spoil(draw, step) if draw.chance(spoiled) else step)
        if step.kind == "find" and draw.chance(PAGED):
            steps += [drawing_find.next_page(step)] * 2
        if step.kind == "database.revs_limit":
            # CouchDB stems a document of which an edit is refused, which takes a sequence number. So all are stemmed.
            steps.append(drawing_server.COMPACT)
    if draw.chance(0.25):  # late, since CouchDB counts and judges wrongly after the deciding leaf of a document is gone
        steps += [drawing_many.purge(draw), drawing_many.purged_infos(draw), drawing_documents.get(draw)]
    if draw.chance(0.06):  # last, since nobody knows where an id that a server makes up comes in a listing
        steps += [drawing_documents.post_anonymous(draw), Step("document.get", "GET", "/${db}/${id:0}")]
    return partitioned(draw, tuple(steps)) if draw.chance(PARTITIONED) else tuple(steps)
