"""A database behind a URL: CouchDB, docstore, PouchDB-server, Cloudant.

Owns the ``Peer`` protocol over HTTP: which endpoint answers which question. Feeds, fetching and writing have modules of
their own; attempts, credentials and patience are ``http_client.py``'s.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence

import msgspec

from docstore.core.json_text import JsonValue, decode, encode
from docstore.errors import Conflict, DocstoreError, IllegalDocId
from docstore.replication.errors import PeerBroken, PeerError, PeerForbidden, PeerNotFound, PeerUnauthorized
from docstore.replication.patience import Sleep
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
from docstore.replication.remote.changes import remote_changes
from docstore.replication.remote.fetch import RemoteFetcher
from docstore.replication.remote.http_client import HttpClient
from docstore.replication.remote.http_messages import Ask, Body, error_of
from docstore.replication.remote.options import RemoteOptions
from docstore.replication.remote.rate_control import RateController
from docstore.replication.remote.urls import document_path, query_string
from docstore.replication.remote.write import RemoteWriter
from docstore.replication.wire import read, read_commit, read_database, read_diff, read_written

EXISTS = frozenset({412})
ABSENT = frozenset({404})
CONFLICT = frozenset({409})
NO_DATABASE = "db_not_found"
NO_COMMIT = frozenset({404, 405, 501})
"""Answers of a peer that has no ``_ensure_full_commit``."""


class RemotePeer:
    """The database at a URL, with or without user and password in it."""

    def __init__(
        self,
        url: str,
        options: RemoteOptions | None = None,
        *,
        rate: RateController | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        """Nothing is asked of the server yet. ``rate`` is shared by the peers of a job that talk to one server.

        Raises PeerError for what is no URL.
        """
        self._client = HttpClient(url, options or RemoteOptions(), rate=rate, sleep=sleep)
        self._fetcher = RemoteFetcher(self._client)
        self._writer = RemoteWriter(self._client)

    @property
    def name(self) -> str:
        """The URL, with a slash at its end, without user and password."""
        return self._client.url + "/"

    async def info(self) -> PeerInfo:
        """Counts and sequences. Raises PeerNotFound, PeerUnauthorized, PeerForbidden in the replicator's words."""
        try:
            reply = await self._client.request(Ask("GET", ""))
        except PeerNotFound:
            raise PeerNotFound(f"could not open {self.name}", error="db_not_found", url=self.name, status=404) from None
        except (PeerUnauthorized, PeerForbidden) as error:
            raise self._no_access(error) from None
        found = read(read_database, reply.body, self.name)
        return PeerInfo(
            found.db_name,
            found.update_seq,
            str(found.instance_start_time),
            found.purge_seq,
            found.doc_count,
            found.doc_del_count,
            found.partitioned,
        )

    async def create(self, params: Mapping[str, str] | None = None) -> bool:
        """Create the database; False if it was there."""
        try:
            reply = await self._client.request(Ask("PUT", query_string(list((params or {}).items())), allows=EXISTS))
        except (PeerUnauthorized, PeerForbidden) as error:
            raise self._no_access(error) from None
        return reply.status not in EXISTS

    def changes(self, request: ChangesRequest) -> AsyncGenerator[ChangesBatch]:
        """The feed in batches."""
        return remote_changes(self._client, request)

    async def revs_diff(self, revs: Mapping[str, Sequence[str]]) -> dict[str, MissingRevs]:
        """Which of these revisions this peer lacks."""
        if not revs:
            return {}
        body = Body.of_json(msgspec.json.encode(revs))
        try:
            reply = await self._client.request(Ask("POST", "/_revs_diff", body))
        except PeerError as error:
            if error.error != IllegalDocId.error:
                raise
            return await self._divided_diff(revs)
        rows = read(read_diff, reply.body, self.name)
        return {doc_id: MissingRevs(tuple(row.missing), tuple(row.possible_ancestors)) for doc_id, row in rows.items()}

    async def _divided_diff(self, revs: Mapping[str, Sequence[str]]) -> dict[str, MissingRevs]:
        """By halves what is refused as a whole: one id is none that the database can have, so nothing of it is there.

        It is told as missing, and refused when it is written.
        """
        if len(revs) == 1:
            return {doc_id: MissingRevs(tuple(missing), ()) for doc_id, missing in revs.items()}
        entries = list(revs.items())
        middle = len(entries) // 2
        return await self.revs_diff(dict(entries[:middle])) | await self.revs_diff(dict(entries[middle:]))

    def fetch(self, wanted: Sequence[Wanted]) -> AsyncGenerator[FetchedDoc | MissingDoc]:
        """The revisions, or the leaves that descend from them."""
        return self._fetcher.fetch(wanted)

    async def write(self, docs: Sequence[FetchedDoc]) -> list[WriteFailure]:
        """Write revisions as they are; the failures."""
        return await self._writer.write(docs)

    async def get_doc(self, doc_id: str) -> dict[str, JsonValue] | None:
        """The winning revision, None if there is none."""
        reply = await self._client.request(Ask("GET", f"/{document_path(doc_id)}", allows=ABSENT))
        return self._document(reply.status, reply.body)

    async def get_local(self, doc_id: str) -> dict[str, JsonValue] | None:
        """A ``_local`` document, None if there is none."""
        reply = await self._client.request(Ask("GET", f"/{_local(doc_id)}", allows=ABSENT))
        return self._document(reply.status, reply.body)

    async def put_local(self, doc_id: str, body: Mapping[str, JsonValue]) -> str:
        """Write a ``_local`` document; its revision. Raises Conflict."""
        members = {name: value for name, value in body.items() if name != "_id"}
        ask = Ask("PUT", f"/{_local(doc_id)}", Body.of_json(encode(members)), allows=CONFLICT)
        reply = await self._client.request(ask)
        if reply.status not in CONFLICT:
            return read(read_written, reply.body, self.name).rev
        # An attempt whose answer was lost may have written it.
        found = await self.get_local(doc_id)
        if found is not None and _content(found) == _content(members):
            return str(found["_rev"])
        raise Conflict

    async def ensure_full_commit(self) -> str:
        """Everything written is on disk; the ``instance_start_time``."""
        ask = Ask("POST", "/_ensure_full_commit", Body.of_json(b"{}"), allows=NO_COMMIT)
        reply = await self._client.request(ask)
        if reply.status in NO_COMMIT:
            return (await self.info()).instance_start_time
        return str(read(read_commit, reply.body, self.name).instance_start_time)

    async def close(self) -> None:
        """End all connections."""
        await self._client.close()

    def _no_access(self, error: PeerUnauthorized | PeerForbidden) -> PeerUnauthorized | PeerForbidden:
        """In the words of CouchDB's replicator (``couch_replicator_scheduler_job:init``)."""
        word = type(error).error
        reason = f"{word} to access or create database {self.name}"
        return type(error)(reason, error=word, url=self.name, status=error.status)

    def _document(self, status: int, text: bytes) -> dict[str, JsonValue] | None:
        if status in ABSENT:
            error = error_of(status, text, self._client.url)
            if error.error == NO_DATABASE:
                raise error
            return None
        try:
            document = decode(text)
        except DocstoreError:
            document = None
        if not isinstance(document, dict):
            raise PeerBroken(f"{self.name}: a document that is no object", url=self.name)
        return document


def _local(doc_id: str) -> str:
    return document_path(f"_local/{doc_id}")


def _content(members: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    return {name: value for name, value in members.items() if not name.startswith("_")}
