"""A database of this process.

Owns the ``Peer`` protocol over ``Registry`` and ``Database``. What goes to a database of the same store takes the
direct way: the stored revision itself (``database/reading/replica.py``). The database is looked up by its name for
every question, as a remote one is, so a database that is deleted and created again is another one with the same name.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from functools import lru_cache, partial
from typing import Final

from docstore.core.document import DESIGN_PREFIX, LOCAL_PREFIX, parse_document
from docstore.core.json_text import JsonValue
from docstore.core.rev import Rev, parse_rev
from docstore.core.security.access import not_member
from docstore.core.security.database_security import DatabaseSecurity
from docstore.core.security.user import UserContext
from docstore.core.selector.selector import compile_selector
from docstore.core.steps import Steps
from docstore.database.database import Database
from docstore.database.reading.at_once import dict_of, list_of
from docstore.database.reading.changes import (
    ChangesQuery,
    ChangesSlice,
    DocumentFilter,
    ReadChanges,
    Style,
    follow_changes,
    read_changes,
)
from docstore.database.reading.replica import NotStored, Replica, StoredRevision
from docstore.database.reading.revisions import RevsDiff
from docstore.database.reading.selected_changes import read_selected
from docstore.database.registry import DEFAULT_SHARDS, Registry
from docstore.database.slices import CHUNK_ROWS, SliceClock
from docstore.database.write_hooks import Actor
from docstore.errors import (
    DatabaseExists,
    DatabaseNotFound,
    DocstoreError,
    Forbidden,
    NotFound,
    NotImplementedHere,
    Unauthorized,
    Unavailable,
)
from docstore.replication import peer
from docstore.replication.errors import PeerForbidden, PeerNotFound, PeerUnauthorized
from docstore.replication.local.revision import LocalRevision
from docstore.replication.local.write import LocalWriter, Validate, failure_of, refusals, stored_members
from docstore.replication.patience import Patience, Sleep
from docstore.replication.peer import (
    ChangesBatch,
    ChangesRequest,
    FetchedDoc,
    MissingDoc,
    MissingRevs,
    PeerInfo,
    Wanted,
    WriteFailure,
)
from docstore.replication.wire import read_row

read_rev: Final = lru_cache(4096)(parse_rev)
"""A revision is asked about more than once on its way: of the target, and of the source."""

ROW_BYTES: Final = 400
"""Of a row of changes, for the measure of what may be read at once."""

MAX_SHARD_DIGITS: Final = 9
DESIGN_FILTER: Final = "_design"
NEEDS_FUNCTION: Final = "Functions of design documents are not supported."


class LocalPeer:
    """The database of this name in the registry; it need not exist yet.

    ``validate`` is asked of every revision that is written, save design documents; it raises Forbidden, Unauthorized.
    ``user``: on whose behalf this is done, None for the server itself; who may not is told as a server would tell them.
    ``retries``: attempts after the first one to read the attachments of a source that breaks off.
    """

    def __init__(
        self,
        registry: Registry,
        name: str,
        *,
        user: UserContext | None = None,
        validate: Validate | None = None,
        retries: int = 5,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._registry = registry
        self._name = name
        self._user = user
        self._validate = validate
        self._patience = partial(Patience, retries, sleep=sleep)

    @property
    def name(self) -> str:
        """The database's name."""
        return self._name

    async def info(self) -> PeerInfo:
        """Counts and sequences. Raises PeerNotFound."""
        with self._unless_gone():
            found = self._database().info()
        return PeerInfo(
            found.name,
            found.update_seq,
            found.instance_start_time,
            found.purge_seq,
            found.doc_count,
            found.doc_del_count,
            found.partitioned,
        )

    async def create(self, params: Mapping[str, str] | None = None) -> bool:
        """Create the database; False if it was there. Of the parameters ``q`` and ``partitioned`` count."""
        params = params or {}
        shards = params.get("q", "")
        if self._user is not None and not self._user.is_admin and not self._registry.exists(self._name):
            raise self._denied(Unauthorized())
        try:
            await self._registry.create(
                self._name,
                shards=int(shards) if shards.isdecimal() and len(shards) <= MAX_SHARD_DIGITS else DEFAULT_SHARDS,
                partitioned=params.get("partitioned") == "true",
            )
        except DatabaseExists:
            return False
        return True

    # --- reading

    async def changes(self, request: ChangesRequest) -> AsyncGenerator[ChangesBatch]:
        """The feed in batches. Raises PeerNotFound when the database is deleted."""
        since = request.since
        while True:
            database = self._database()
            with self._unless_gone():
                query = await self._query(request, database.parse_since(since))
                read = self._reader(database, request)
                if request.continuous:
                    slices = follow_changes(database, query, once=False, heartbeat=request.heartbeat, read=read)
                else:
                    slices = read(database, query)
                async with aclosing(slices):
                    async for piece in slices:
                        size = sum([len(row) for row in piece.rows if isinstance(row, bytes)])
                        batches = _batches(database, piece, request.batch_rows)
                        for batch in await list_of(batches, size // ROW_BYTES):
                            since = batch.last_seq
                            yield batch
            if not request.continuous or request.limit is not None:
                return
            # The feed has an end because the database is gone, unless the node stops. There may be another one.
            if self._database().number == database.number:
                raise Unavailable

    async def revs_diff(self, revs: Mapping[str, Sequence[str]]) -> dict[str, MissingRevs]:
        """Which of these revisions the database lacks. Raises InvalidRev."""
        database = self._database()
        found: dict[str, MissingRevs] = {}
        documents = list(revs.items())
        clock = SliceClock()
        for start in range(0, len(documents), CHUNK_ROWS):
            some = dict(documents[start : start + CHUNK_ROWS])
            count = sum(map(len, some.values()))
            asked = await dict_of(_read_revs(some), count)
            with self._unless_gone():
                diffs = await database.compare_revs(asked)
            told = sum([len(diff.missing) + len(diff.possible_ancestors) for diff in diffs.values()])
            found |= await dict_of(_missing_of(revs, diffs), told)
            if clock.over:
                await asyncio.sleep(0)
                clock = SliceClock()
        return found

    async def fetch(self, wanted: Sequence[Wanted]) -> AsyncGenerator[FetchedDoc | MissingDoc]:
        """The revisions, or the leaves that descend from them."""
        replica = self._replica()
        count = sum(len(one.revs) + len(one.known) for one in wanted)
        known = await dict_of(((one.id, tuple(map(read_rev, one.known))) for one in wanted if one.known), count)
        revs = await list_of(((one.id, list(map(read_rev, one.revs))) for one in wanted), count)
        with self._unless_gone():
            async with aclosing(replica.read(revs)) as slices:
                async for found in slices:
                    for one in found:
                        yield _fetched(replica, one, known)

    async def get_doc(self, doc_id: str) -> dict[str, JsonValue] | None:
        """The winning revision, None if there is none."""
        return self._document(doc_id)

    async def get_local(self, doc_id: str) -> dict[str, JsonValue] | None:
        """A ``_local`` document, None if there is none."""
        return self._document(LOCAL_PREFIX + doc_id)

    # --- writing

    async def write(self, docs: Sequence[FetchedDoc]) -> list[WriteFailure]:
        """Write revisions as they are; the failures."""
        with self._unless_gone():
            return await self._write(docs)

    async def _write(self, docs: Sequence[FetchedDoc]) -> list[WriteFailure]:
        self._check(DatabaseSecurity.may_write)
        replica = self._replica()
        failures: list[WriteFailure] = []
        direct: list[LocalRevision] = []
        others: list[FetchedDoc] = []
        for doc in docs:
            found = doc.direct
            if isinstance(found, LocalRevision) and found.replica.environment is replica.environment:
                direct.append(found)
            else:
                others.append(doc)
        if direct:
            failures += await self._write_direct(replica, direct)
        if others:
            failures += await self._writer().write(others)
        return failures

    async def _write_direct(self, replica: Replica, revisions: list[LocalRevision]) -> list[WriteFailure]:
        failures: list[WriteFailure] = []
        database = self._database()
        stored = [one.stored for one in revisions]
        if self._validate is not None:
            refused = await refusals(database, [one.fetched(bulk=False) for one in revisions], self._validate)
            failures += refused.values()
            stored = [one for one in stored if (one.id, str(one.rev)) not in refused]
        if database.partitioned:
            stored = [one for one in stored if not _is_illegal(database, one, failures)]
        answers = await replica.write(stored) if stored else []
        for one, answer in zip(stored, answers, strict=True):
            if isinstance(answer, DocstoreError):
                failures.append(failure_of(one.id, str(one.rev), answer))
        return failures

    async def put_local(self, doc_id: str, body: Mapping[str, JsonValue]) -> str:
        """Write a ``_local`` document; its revision."""
        self._check(DatabaseSecurity.may_write_local)
        document = parse_document(dict(body), doc_id=LOCAL_PREFIX + doc_id, limits=self._registry.limits)
        with self._unless_gone():
            result = await self._database().update_doc(document)
        return str(result.rev)

    async def ensure_full_commit(self) -> str:
        """Everything written is on disk, whatever the durability; the ``instance_start_time``."""
        with self._unless_gone():
            return await self._database().make_durable()

    async def close(self) -> None:
        """Nothing is held."""

    # --- steps

    def _writer(self) -> LocalWriter:
        return LocalWriter(self._database(), self._registry.limits, self._validate, self._patience)

    def _database(self) -> Database:
        """The database, on behalf of the user. Raises PeerNotFound, PeerUnauthorized, PeerForbidden."""
        with self._unless_gone():
            database = self._registry.open(self._name)
        user = self._user
        if user is None:
            return database
        rules = database.access_rules()
        if not user.is_admin and (self._registry.is_system(self._name) or not rules.may_replicate(user)):
            raise self._denied(not_member(user))
        return database.acting_for(Actor(user.name, rules.is_admin(user), user.roles, rules.may_design(user)))

    def _check(self, right: Callable[[DatabaseSecurity, UserContext], bool]) -> None:
        """Raises PeerUnauthorized, PeerForbidden for a user without this right, who may read alone."""
        user = self._user
        if user is not None and not user.is_admin:
            with self._unless_gone():
                rules = self._registry.open(self._name).access_rules()
            if not right(rules, user):
                raise self._denied(not_member(user))

    def _denied(self, error: DocstoreError) -> DocstoreError:
        if isinstance(error, Forbidden):
            return PeerForbidden(error.reason)
        return PeerUnauthorized(f"{PeerUnauthorized.default_reason} {self._name}")

    async def _query(self, request: ChangesRequest, since: int) -> ChangesQuery:
        """The request in the database's terms. A function is ``_reader``'s matter."""
        accepts = None if request.accepts is None else _without_steps(request.accepts)
        if request.selector is not None:  # of which nobody knows how large it is
            limits = self._registry.limits
            accepts = await asyncio.to_thread(compile_selector, dict(request.selector), limits.max_regex_time)
        return ChangesQuery(
            since,
            request.limit,
            style=Style.ALL_DOCS if request.all_leaves else Style.MAIN_ONLY,
            doc_ids=None if request.doc_ids is None else frozenset(request.doc_ids),
            design=request.filter == DESIGN_FILTER,
            filter=accepts,
            max_filter_steps=self._registry.limits.max_filter_steps,
        )

    def _reader(self, database: Database, request: ChangesRequest) -> ReadChanges:
        """What reads the changes: as they are, or by a function. Raises PeerNotFound, NotImplementedHere."""
        if request.filter is None or request.accepts is not None or request.filter == DESIGN_FILTER:
            return read_changes
        if self._registry.design_filter is None:
            raise NotImplementedHere(NEEDS_FUNCTION)
        try:
            select = self._registry.design_filter(database, request.filter, request.query_params)
        except NotFound as error:
            raise PeerNotFound(f"no filter {request.filter} in {self._name}: {error.reason}") from None
        return partial(read_selected, select=select)

    def _replica(self) -> Replica:
        return self._registry.replica_of(self._database())

    def _document(self, doc_id: str) -> dict[str, JsonValue] | None:
        with self._unless_gone():
            return stored_members(self._database(), doc_id)

    @contextmanager
    def _unless_gone(self) -> Iterator[None]:
        """A database that is not there is a peer's error."""
        try:
            yield
        except DatabaseNotFound:
            raise PeerNotFound(f"could not open {self._name}", error="db_not_found") from None


def _is_illegal(database: Database, revision: StoredRevision, failures: list[WriteFailure]) -> bool:
    """Whether the database can have no document of this id, which is then a failure."""
    try:
        database.check_id(revision.id)
    except DocstoreError as error:
        failures.append(failure_of(revision.id, str(revision.rev), error))
        return True
    return False


def _read_revs(revs: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, list[Rev]]]:
    """Raises InvalidRev."""
    for doc_id, texts in revs.items():
        yield doc_id, list(map(read_rev, texts))


def _missing_of(asked: Mapping[str, Sequence[str]], diffs: Mapping[str, RevsDiff]) -> Iterator[tuple[str, MissingRevs]]:
    for doc_id, diff in diffs.items():
        texts = asked[doc_id]
        missing = map(str, diff.missing) if len(diff.missing) < len(texts) else texts
        ancestors = diff.possible_ancestors
        yield doc_id, MissingRevs(tuple(missing), tuple(map(str, ancestors)) if ancestors else ())


def _without_steps(accepts: peer.DocumentFilter) -> DocumentFilter:
    """A function of a document alone, which counts as one step."""

    def counted(document: dict[str, JsonValue], steps: Steps) -> bool:
        steps.take()
        return accepts(document)

    return counted


def _batches(database: Database, piece: ChangesSlice, most: int) -> Iterator[ChangesBatch]:
    """A slice in batches, one at least."""
    changes = [read_row.decode(row).change() for row in piece.rows if isinstance(row, bytes)]
    last_seq = database.update_seq_text(piece.last_seq)
    for start in range(0, len(changes) - most, most):
        some = changes[start : start + most]
        yield ChangesBatch(some, some[-1].seq, piece.pending + len(changes) - start - most)
    yield ChangesBatch(changes[(len(changes) - 1) // most * most :] if changes else [], last_seq, piece.pending)


def _fetched(
    replica: Replica, found: StoredRevision | NotStored, known: Mapping[str, tuple[Rev, ...]]
) -> FetchedDoc | MissingDoc:
    if isinstance(found, NotStored):
        return MissingDoc(found.id, str(found.rev), "not_found", "missing")
    bulk = not found.attachments and not found.id.startswith(DESIGN_PREFIX)
    return LocalRevision(replica, found, known.get(found.id, ())).fetched(bulk=bulk)
