"""The search indexes of a design document.

Owns what ``indexes`` may say, and which definitions are equal: those share an index, whatever their design documents
are called. It must not know how an index is built. Follows ``dreyfus_index:design_doc_to_index``.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

from docstore.core.json_text import JsonValue, encode
from docstore.database.reading.index_feed import FeedOptions
from docstore.errors import BadRequest, NotFound
from docstore.query.design.document import ENGINES, JAVASCRIPT, QUERY
from docstore.query.errors import InvalidDesignDoc
from docstore.query.search.analyzers import STANDARD, Analyzers, analyzers_of
from docstore.settings import FunctionSettings


@dataclass(frozen=True, slots=True)
class SearchPlan:
    """One index.

    ``definition``  what workers are told;  ``signature``  32 hex digits;  ``spoken``: somebody runs its language
    ``partitioned`` each of its documents is in a partition, and it is asked of one at a time
    """

    design_id: str
    name: str
    language: str
    definition: str
    signature: str
    analyzers: Analyzers
    limits: FunctionSettings
    partitioned: bool
    with_partitions: bool

    @property
    def spoken(self) -> bool:
        """Whether somebody runs its function."""
        return self.language == QUERY or self.language in ENGINES

    @property
    def feed(self) -> FeedOptions:
        """The documents that it is made of: as in CouchDB design documents too, but for partitioned databases."""
        return FeedOptions(include_design=not self.with_partitions)

    @property
    def crossing_limits(self) -> dict[str, int | float | bool]:
        """The limits of functions as workers are told of them."""
        return asdict(self.limits)


def plan_of(
    design: Mapping[str, JsonValue], name: str, limits: FunctionSettings, *, with_partitions: bool
) -> SearchPlan:
    """The index of this name in a design document with its ``_id``. ``with_partitions``: whether its database has some.

    Raises NotFound, InvalidDesignDoc, BadRequest for an analyzer that there is not.
    """
    indexes = design.get("indexes")
    if not isinstance(indexes, dict) or name not in indexes:
        raise NotFound(f"{name} not found.")
    definition = indexes[name]
    if not isinstance(definition, dict) or "index" not in definition:
        raise InvalidDesignDoc(f"index `{name}` must have parameter `index`")
    language = design.get("language", JAVASCRIPT)
    language = language if isinstance(language, str) else JAVASCRIPT
    source, analyzer = definition["index"], definition.get("analyzer", STANDARD)
    if not isinstance(source, dict if language == QUERY else str):
        raise InvalidDesignDoc(f"index `{name}` must have parameter `index`")
    text = encode({"index": source, "analyzer": analyzer})
    options = design.get("options")
    partitioned = options.get("partitioned", with_partitions) if isinstance(options, dict) else with_partitions
    told = text + (b"p" if with_partitions else b"")
    return SearchPlan(
        design_id=str(design.get("_id", "")),
        name=name,
        language=language,
        definition=text.decode(),
        signature=hashlib.md5(told, usedforsecurity=False).hexdigest(),
        analyzers=analyzers_of(analyzer),
        limits=limits,
        partitioned=with_partitions and partitioned is True,
        with_partitions=with_partitions,
    )


def plans_of(
    design: Mapping[str, JsonValue], limits: FunctionSettings, *, with_partitions: bool
) -> Iterator[SearchPlan]:
    """All indexes of a design document that can be used."""
    indexes = design.get("indexes")
    for name in indexes if isinstance(indexes, dict) else ():
        try:
            yield plan_of(design, name, limits, with_partitions=with_partitions)
        except (BadRequest, NotFound):
            continue
