"""Mango of one node: the indexes of databases, queries, and explanations of them.

Owns which indexes a database has (remembered as long as no design document of it changes), and the way from a checked
query to its documents. It must not know HTTP. Indexes themselves are those of views: ``query/views`` keeps and sweeps
them. Full scans of several readers take turns, so that requests beside them wait for one of them at most.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, NamedTuple, cast

from docstore.core.json_text import JsonValue, decode
from docstore.database.database import Database
from docstore.database.reading.at_once import in_thread
from docstore.database.reading.index_feed import FeedEnd, design_texts
from docstore.database.unique_indexes import UniqueIndexes
from docstore.errors import BadRequest, DocstoreError, NotFound, QueryParseError
from docstore.query.design.document import QUERY, Design, design_id, parse_design
from docstore.query.following import Overtaken
from docstore.query.mango import editing
from docstore.query.mango.asked_before import AskedBefore
from docstore.query.mango.bookmarks import NONE, PlaceRead, bookmark_of, read_bookmark
from docstore.query.mango.definitions import BY_ID, SPECIAL, MangoIndex, indexes_of
from docstore.query.mango.explaining import covers, explain, required_fields
from docstore.query.mango.finding import Finding
from docstore.query.mango.matching import CoveredRows, Documents
from docstore.query.mango.options import FindOptions, NewIndex
from docstore.query.mango.planner import Choice, choose_index, is_exact, is_named, name_of
from docstore.query.mango.sources import IdSource, IndexSource, Source
from docstore.query.mango.text_index import TEXT
from docstore.query.mango.text_selector import has_text, text_query, text_sort
from docstore.query.mango.text_source import TextSource
from docstore.query.mango.words import NO_TEXT_INDEX, NoIndexService, invalid_bookmark, refused
from docstore.query.search.asked import Question, SortField
from docstore.query.search.asked import bookmark_of as bookmark_of_hit
from docstore.query.search.asked import read_bookmark as read_hit_bookmark
from docstore.query.search.folder import Folder, Unusable
from docstore.query.search.ordering import Order
from docstore.query.search.plan import SearchPlan
from docstore.query.search.plan import plan_of as search_plan_of
from docstore.query.search.searches import Searches
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
    texts: dict[tuple[str, str], SearchPlan]


@dataclass(slots=True)
class FoundEnd:
    """What stands behind the documents of a reply. ``warning`` and ``bookmark`` may be None: then there is none."""

    bookmark: str | None = None
    execution_stats: dict[str, JsonValue] | None = None
    warning: str | None = None


class _Way(NamedTuple):
    """How a query is answered in a database that has these indexes; nothing in it changes as it is used."""

    defined: _Defined
    choice: Choice
    exact: bool
    documents: Documents
    covered: CoveredRows | None
    with_text: bool


@dataclass(frozen=True, slots=True)
class Begun:
    """A query under way. ``shown``: the first documents; ``finding`` is None where none can be found."""

    options: FindOptions
    choice: Choice
    finding: Finding | None
    shown: list[bytes]
    text_sort: tuple[SortField, ...] = ()
    mend: Callable[[], Awaitable[bool]] | None = None  # looks at the files of a text index

    @property
    def done(self) -> bool:
        """Whether there are no more."""
        return self.finding is None or self.finding.done

    def end(self, settings: Settings) -> FoundEnd:
        """What stands behind the documents, when there are no more."""
        finding, options = self.finding, self.options
        if finding is None:
            return FoundEnd()
        last, hit = finding.last, finding.last_hit
        bookmark = (options.bookmark or NONE) if last is None else bookmark_of(last)
        return FoundEnd(
            bookmark if hit is None else bookmark_of_hit(hit.order, self.text_sort),
            finding.stats.shown() if options.execution_stats else None,
            "\n".join(_warnings(self.choice, options, finding, settings.find.scan_warning)) or None,
        )


class Mango:
    """The queries of a node. Used on its event loop.

    Settings that may change while the node runs come with each call.
    """

    def __init__(self, views: Views, searches: Searches, settings: Settings) -> None:
        self._views = views
        self._searches = searches
        self._with_text = settings.search.enabled
        self._functions = settings.functions
        self._defined: OrderedDict[int, _Defined] = OrderedDict()
        self._ways: AskedBefore[tuple[int, FindOptions], _Way] = AskedBefore()
        self._scans = asyncio.Semaphore(SCANS_AT_ONCE)

    # --- Indexes

    async def indexes(self, database: Database) -> Sequence[MangoIndex]:
        """The indexes of a database, that of ids first. Raises DatabaseNotFound."""
        return (await self._definitions(database))[0].indexes

    async def make_index(
        self, database: Database, new: NewIndex, limits: Limits, unique: UniqueIndexes
    ) -> dict[str, JsonValue]:
        """Define one; the reply. Raises as ``editing.make_index``."""
        return await editing.make_index(database, new, limits, unique, with_text=self._with_text)

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

    async def _definitions(self, database: Database) -> tuple[_Defined, FeedEnd]:
        """What is defined, and how far the database goes."""
        with database.environment.snapshot() as snapshot:
            state = get_state(snapshot, database.number)
        known = self._defined.get(database.number)
        if known is None or known.design_seq != state.design_seq:
            known = await in_thread(database.environment, partial(self._read, database=database))
            self._defined[database.number] = known
            if len(self._defined) > MAX_DATABASES:
                self._defined.popitem(last=False)
        return known, FeedEnd(state.update_seq, state.purge_seq)

    def _read(self, txn: ReadTransaction, database: Database) -> _Defined:
        """In a thread."""
        design_seq = get_state(txn, database.number).design_seq
        indexes: list[MangoIndex] = [BY_ID]
        plans: dict[str, Plan] = {}
        texts: dict[tuple[str, str], SearchPlan] = {}
        for text in design_texts(txn, database.number):
            if _MARK not in text:
                continue
            design = cast("dict[str, JsonValue]", decode(text))
            found = indexes_of(design, partitioned=database.partitioned, with_text=self._with_text)
            if not found:
                continue
            try:
                parsed: Design = parse_design(design)
            except DocstoreError:  # stored before design documents were checked
                continue
            plans[parsed.id] = plan_of(parsed, self._functions, partitioned=database.partitioned)
            for index in found:
                if index.text is not None:
                    plan = search_plan_of(design, index.name, self._functions, with_partitions=database.partitioned)
                    texts[parsed.id, index.name] = plan
            indexes += found
        return _Defined(design_seq, tuple(sorted(indexes, key=lambda index: index.order)), plans, texts)

    # --- Queries

    async def explain(self, database: Database, options: FindOptions) -> dict[str, JsonValue]:
        """How a query would be answered. Raises BadRequest."""
        indexes = await self.indexes(database)
        if options.large:
            return await asyncio.to_thread(_explained, database, indexes, options, with_text=self._with_text)
        return _explained(database, indexes, options, with_text=self._with_text)

    async def find(
        self, database: Database, options: FindOptions, end: FoundEnd, settings: Settings
    ) -> AsyncGenerator[list[bytes]]:
        """The documents of a query, as JSON texts, in pieces; then ``end`` is filled in. Raises as ``begin``."""
        begun = await self.begin(database, options, settings)
        yield begun.shown
        async with aclosing(self.rest(begun)) as pieces:
            async for shown in pieces:
                yield shown
        found = begun.end(settings)
        end.bookmark, end.execution_stats, end.warning = found.bookmark, found.execution_stats, found.warning

    async def begin(self, database: Database, options: FindOptions, settings: Settings) -> Begun:
        """The first documents of a query, perhaps none, when nothing can be wrong with it any more.

        Raises BadRequest in CouchDB's words, DatabaseNotFound, and what the update of an index raises.
        """
        defined, feed = await self._definitions(database)
        way = await self._way(database, defined, options)
        choice = way.choice
        if options.partition and not database.partitioned:
            raise QueryParseError(NO_PARTITIONS)
        if way.with_text:
            self._check_text(choice)
        if choice.nothing or choice.index is None:
            return Begun(options, choice, None, [])
        if choice.index.text is not None:
            return await self._begin_text(database, way, options, feed, settings)
        behind = None if options.bookmark is None else read_bookmark(options.bookmark)
        steps = settings.limits.max_filter_steps
        while True:
            source = await self._source(database, way, options, behind, feed)
            finding = Finding(database, options, source, way.documents, way.covered, exact=way.exact, max_steps=steps)
            with suppress(Overtaken):
                return Begun(options, choice, finding, finding.work(at_once=True))

    def _check_text(self, choice: Choice) -> None:
        """Raises NoIndexService, BadRequest where no text index answers a query with ``$text``."""
        if not self._with_text:
            raise NoIndexService(TEXT)
        if choice.index is None or choice.index.text is None:
            raise refused("no_usable_index", NO_TEXT_INDEX)

    async def _begin_text(
        self, database: Database, way: _Way, options: FindOptions, feed: FeedEnd, settings: Settings
    ) -> Begun:
        """The first documents of a query that a text index answers: read in a thread."""
        chosen = way.choice.index
        assert chosen is not None
        query, sort = text_query(options.normal), text_sort(options.sort, options.normal)
        if query is None:
            return Begun(options, way.choice, None, [])
        after = None if options.bookmark is None else _read_text_bookmark(options.bookmark, sort)
        index = self._searches.index(database, way.defined.texts[chosen.ddoc or "", chosen.name])
        limited = replace(options, limit=min(options.limit, settings.search.max_limit))
        question = Question(query, 0, partition=options.partition or None, sort=sort, after=after)
        steps = settings.limits.max_filter_steps

        async def begin(folder: Folder) -> Begun:
            source = TextSource(database, folder, index.plan.analyzers, question, settings.search)
            finding = Finding(database, limited, source, way.documents, None, exact=False, max_steps=steps)
            async with self._scans:
                shown = await asyncio.to_thread(finding.work, at_once=False)
            return Begun(limited, way.choice, finding, shown, sort, partial(index.mend, folder))

        return await self._searches.answered(index, begin, update=options.updates, end=feed)

    async def rest(self, begun: Begun) -> AsyncGenerator[list[bytes]]:
        """The documents behind the first ones, in pieces. Raises as ``begin``."""
        while (finding := begun.finding) is not None and not finding.done:
            try:
                async with self._scans:
                    shown = await asyncio.to_thread(finding.work, at_once=False)
            except Unusable:  # what was shown is shown: this one breaks off, and the next finds another index
                if begun.mend is not None:
                    await begun.mend()
                raise
            yield shown

    async def _way(self, database: Database, defined: _Defined, options: FindOptions) -> _Way:
        key = (database.number, options)
        known = self._ways.get(key)
        if known is not None and known.defined is defined:
            return known
        if options.large:
            return await asyncio.to_thread(_way_of, defined, options, partitioned=database.partitioned)
        found = _way_of(defined, options, partitioned=database.partitioned)
        self._ways.keep(key, found)
        return found

    async def _source(
        self,
        database: Database,
        way: _Way,
        options: FindOptions,
        behind: PlaceRead | None,
        feed: FeedEnd,
    ) -> Source:
        """The rows of the index that was chosen, brought up to date if the query says so."""
        choice = way.choice
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
        plan = way.defined.plans[chosen.ddoc]
        index = self._views.index(database, plan)
        end = await index.update(feed) if options.updates else None
        make = partial(
            IndexSource,
            index,
            plan.view(chosen.name).slot,
            chosen.fields,
            choice.ranges,
            behind,
            partition=options.partition,
            descending=options.descending,
            end=end,
        )
        return await asyncio.to_thread(make) if options.large else make()


def _way_of(defined: _Defined, options: FindOptions, *, partitioned: bool) -> _Way:
    choice = choose_index(defined.indexes, options, partitioned=partitioned)
    chosen, covered = choice.index, None
    if chosen is not None and not options.conflicts_only and covers(chosen, required_fields(options)):
        covered = CoveredRows(options, chosen.fields)
    return _Way(
        defined, choice, is_exact(choice, options.normal), Documents(options), covered, has_text(options.normal)
    )


def _read_text_bookmark(bookmark: str, sort: tuple[SortField, ...]) -> Order | None:
    try:
        return read_hit_bookmark(bookmark, sort)
    except BadRequest:
        raise invalid_bookmark(bookmark) from None


def _explained(
    database: Database, indexes: Sequence[MangoIndex], options: FindOptions, *, with_text: bool
) -> dict[str, JsonValue]:
    choice = choose_index(indexes, options, partitioned=database.partitioned, explain=True)
    return explain(database.name, choice, options, partitioned=database.partitioned, with_text=with_text)


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
