"""Mango of one node: the indexes of databases, queries, and explanations of them.

Owns which indexes a database has (remembered as long as no design document of it changes), and the way from a checked
query to its documents. It must not know HTTP. Indexes themselves are those of views: ``query/views`` keeps and sweeps
them. Full scans of several readers take turns, so that requests beside them wait for one of them at most.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple, cast

from docstore.core.json_text import JsonValue, decode
from docstore.database.database import Database
from docstore.database.reading.at_once import in_thread
from docstore.database.reading.index_feed import design_texts
from docstore.database.unique_indexes import UniqueIndexes
from docstore.errors import DocstoreError, NotFound, QueryParseError
from docstore.query.design.document import QUERY, Design, design_id, parse_design
from docstore.query.mango import editing
from docstore.query.mango.bookmarks import NONE, PlaceRead, bookmark_of, read_bookmark
from docstore.query.mango.definitions import BY_ID, SPECIAL, MangoIndex, indexes_of
from docstore.query.mango.explaining import covers, explain, required_fields
from docstore.query.mango.finding import Finding
from docstore.query.mango.matching import CoveredRows, Documents
from docstore.query.mango.options import FindOptions, NewIndex
from docstore.query.mango.planner import Choice, choose_index, is_exact, is_named, name_of
from docstore.query.mango.ranges import fields_of
from docstore.query.mango.sources import IdSource, IndexSource, Source
from docstore.query.mango.words import refused
from docstore.query.views.plan import Plan, plan_of
from docstore.query.views.views import Views
from docstore.settings import Limits, Settings
from docstore.storage.databases import get_state
from docstore.storage.tables import ReadTransaction

MAX_DATABASES: Final = 1_000
SCANS_AT_ONCE: Final = 2
_MARK: Final = f'"{QUERY}"'.encode()

NO_PARTITIONS: Final = "`partition` parameter is not supported on this db"
NO_INDEX: Final = "No matching index found, create an index to optimize query time."
SCANNED: Final = (
    "The number of documents examined is high in proportion to the number of results returned."
    " Consider adding a more specific index to improve this."
)


class _Defined(NamedTuple):
    """The indexes of a database, and the plans of their design documents by id."""

    design_seq: int
    indexes: tuple[MangoIndex, ...]
    plans: dict[str, Plan]


@dataclass(slots=True)
class FoundEnd:
    """What stands behind the documents of a reply. ``warning`` and ``bookmark`` may be None: then there is none."""

    bookmark: str | None = None
    execution_stats: dict[str, JsonValue] | None = None
    warning: str | None = None


class Mango:
    """The queries of a node. Used on its event loop.

    Settings that may change while the node runs come with each call.
    """

    def __init__(self, views: Views, settings: Settings) -> None:
        self._views = views
        self._functions = settings.functions
        self._defined: OrderedDict[int, _Defined] = OrderedDict()
        self._scans = asyncio.Semaphore(SCANS_AT_ONCE)

    # --- Indexes

    async def indexes(self, database: Database) -> Sequence[MangoIndex]:
        """The indexes of a database, that of ids first. Raises DatabaseNotFound."""
        return (await self._definitions(database)).indexes

    async def make_index(
        self, database: Database, new: NewIndex, limits: Limits, unique: UniqueIndexes
    ) -> dict[str, JsonValue]:
        """Define one; the reply. Raises as ``editing.make_index``."""
        return await editing.make_index(database, new, limits, unique)

    async def remove_index(self, database: Database, ddoc: str, kind: str, name: str, limits: Limits) -> None:
        """Remove one. Raises NotFound, IndexNotSaved."""
        wanted = (design_id(ddoc), kind, name)
        for index in await self.indexes(database):
            if (index.ddoc, index.kind, index.name) == wanted:
                await editing.remove_index(database, index, limits)
                return
        raise NotFound

    async def remove_named(
        self, database: Database, ddocs: Sequence[str], limits: Limits
    ) -> tuple[list[JsonValue], list[JsonValue]]:
        """Remove the one index of each of these design documents: what was removed, and what was not.

        Raises BadRequest, before anything is removed, where there are several: they have to be named.
        """
        wanted: list[tuple[str, list[MangoIndex]]] = []
        indexes = await self.indexes(database)
        for ddoc in dict.fromkeys(map(design_id, ddocs)):
            found = [index for index in indexes if index.ddoc == ddoc]
            if len(found) > 1:
                raise refused("invalid_index", f"{ddoc} has several indexes: delete them by their names.")
            wanted.append((ddoc, found))
        success: list[JsonValue] = []
        fail: list[JsonValue] = []
        for ddoc, found in wanted:
            try:
                if not found:
                    raise NotFound
                await editing.remove_index(database, found[0], limits)
            except DocstoreError as error:
                fail.insert(0, {"id": ddoc, "error": error.error})
            else:
                success.insert(0, {"id": ddoc, "ok": True})
        return success, fail

    async def _definitions(self, database: Database) -> _Defined:
        with database.environment.snapshot() as snapshot:
            design_seq = get_state(snapshot, database.number).design_seq
        known = self._defined.get(database.number)
        if known is None or known.design_seq != design_seq:
            known = await in_thread(database.environment, partial(self._read, database=database))
            self._defined[database.number] = known
            if len(self._defined) > MAX_DATABASES:
                self._defined.popitem(last=False)
        return known

    def _read(self, txn: ReadTransaction, database: Database) -> _Defined:
        """In a thread."""
        design_seq = get_state(txn, database.number).design_seq
        indexes: list[MangoIndex] = [BY_ID]
        plans: dict[str, Plan] = {}
        for text in design_texts(txn, database.number):
            if _MARK not in text:
                continue
            design = cast("dict[str, JsonValue]", decode(text))
            found = indexes_of(design, partitioned=database.partitioned)
            if not found:
                continue
            try:
                parsed: Design = parse_design(design)
            except DocstoreError:  # stored before design documents were checked
                continue
            plans[parsed.id] = plan_of(parsed, self._functions, partitioned=database.partitioned)
            indexes += found
        return _Defined(design_seq, tuple(sorted(indexes, key=lambda index: index.order)), plans)

    # --- Queries

    async def explain(self, database: Database, options: FindOptions) -> dict[str, JsonValue]:
        """How a query would be answered. Raises BadRequest."""
        indexes = await self.indexes(database)
        if options.large:
            return await asyncio.to_thread(_explained, database, indexes, options)
        return _explained(database, indexes, options)

    async def find(
        self, database: Database, options: FindOptions, end: FoundEnd, settings: Settings
    ) -> AsyncGenerator[list[bytes]]:
        """The documents of a query, as JSON texts, in pieces; then ``end`` is filled in.

        The first piece, perhaps without any, comes when nothing can be wrong with the query any more. Raises BadRequest
        in CouchDB's words, DatabaseNotFound, and what the update of an index raises.
        """
        defined = await self._definitions(database)
        if options.large:
            choice = await asyncio.to_thread(choose_index, defined.indexes, options, partitioned=database.partitioned)
        else:
            choice = choose_index(defined.indexes, options, partitioned=database.partitioned)
        if options.partition and not database.partitioned:
            raise QueryParseError(NO_PARTITIONS)
        if choice.nothing or choice.index is None:
            yield []
            return
        behind = None if options.bookmark is None else read_bookmark(options.bookmark)
        source = await self._source(database, defined, choice, options, behind)
        finding = self._finding(database, choice, options, source, settings.limits.max_filter_steps)
        yield finding.work(at_once=True)
        while not finding.done:
            async with self._scans:
                shown = await asyncio.to_thread(finding.work, at_once=False)
            yield shown
        last = finding.last
        end.bookmark = (options.bookmark or NONE) if last is None else bookmark_of(last)
        if options.execution_stats:
            end.execution_stats = finding.stats.shown()
        end.warning = "\n".join(_warnings(choice, options, finding, settings.find.scan_warning)) or None

    async def _source(
        self,
        database: Database,
        defined: _Defined,
        choice: Choice,
        options: FindOptions,
        behind: PlaceRead | None,
    ) -> Source:
        """The rows of the index that was chosen, brought up to date if the query says so."""
        chosen = choice.index
        assert chosen is not None
        if chosen.ddoc is None:
            return IdSource(
                database,
                choice.ranges[0],
                behind,
                partition=options.partition,
                descending=options.descending,
                conflicted=options.conflicts_only,
            )
        plan = defined.plans[chosen.ddoc]
        index = self._views.index(database, plan)
        if options.updates:
            await index.update()
        return IndexSource(
            index,
            plan.view(chosen.name).slot,
            chosen.fields,
            choice.ranges,
            behind,
            partition=options.partition,
            descending=options.descending,
        )

    def _finding(
        self, database: Database, choice: Choice, options: FindOptions, source: Source, max_steps: int
    ) -> Finding:
        chosen = choice.index
        assert chosen is not None
        covered = None
        if not options.conflicts_only and covers(chosen, required_fields(options)):
            covered = CoveredRows(options, chosen.fields)
        documents = Documents(options, fields_of(options.normal))
        return Finding(
            database,
            options,
            source,
            documents,
            covered,
            exact=is_exact(choice, options.normal),
            max_steps=max_steps,
        )


def _explained(database: Database, indexes: Sequence[MangoIndex], options: FindOptions) -> dict[str, JsonValue]:
    choice = choose_index(indexes, options, partitioned=database.partitioned, explain=True)
    return explain(database.name, choice, options, partitioned=database.partitioned)


def _warnings(choice: Choice, options: FindOptions, finding: Finding, threshold: int) -> list[str]:
    """What the reader should know of how it was answered, in CouchDB's words and order."""
    chosen = choice.index
    assert chosen is not None
    warnings: list[str] = []
    if options.use_index and not is_named(chosen, options.use_index):
        named = name_of(options.use_index)
        if len(options.use_index) == 1:
            warnings.append(f"{named} was not used because it does not contain a valid index for this query.")
        else:
            warnings.append(f"{named} was not used because it is not a valid index for this query.")
    if chosen.kind == SPECIAL:
        warnings.append(NO_INDEX)
    stats = finding.stats
    if 0 < threshold < (stats.docs + stats.quorum) / max(1, stats.returned):
        warnings.append(SCANNED)
    return warnings
