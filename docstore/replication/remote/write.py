"""Writing revisions to a remote peer.

Owns which requests a list of documents becomes, and what is done when one is refused. It must not know where the
documents come from. Follows ``couch_replicator_worker`` and ``couch_replicator_api_wrap:update_docs``:

* Documents whose text is complete go by ``_bulk_docs``, bounded in number and bytes. A request that is refused as a
  whole (413, or 400 for one bad document among many) is cut in halves, until the documents at fault are alone.
* A document with attachments that follow is a PUT of its own, as multipart/related, and repeated alone: its attachments
  are opened again for that.
"""

from asyncio import sleep
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Final

from docstore.database.slices import SliceClock
from docstore.replication.errors import PeerBroken, PeerBusy, PeerError, PeerNotFound, PeerUnreachable
from docstore.replication.peer import FetchedDoc, WriteFailure
from docstore.replication.remote.http_client import HttpClient
from docstore.replication.remote.http_messages import DOCUMENT_WORDS, Ask, Body
from docstore.replication.remote.multipart_document import related_body, without_empty_parts, without_gzip
from docstore.replication.remote.urls import document_path, query_string
from docstore.replication.together import together
from docstore.replication.wire import RefusedRow, read, read_refused, read_welcome

BULK_HEAD: Final = b'{"new_edits":false,"docs":['
BULK_END: Final = b"]}"
OF_ONE_DOCUMENT: Final = frozenset({400, 409, 412, 413, 415, 417, 422})
"""Statuses that may be the fault of a single document."""

NOT_WELCOME: Final = frozenset({401, 403})
"""Statuses that may mean a document, or everything that we ask."""

SMALL_BODY_BYTES: Final = 64 * 1024
MISSING_STUB: Final = "missing_stub"
DATABASE_NOT_FOUND: Final = "db_not_found"
TRANSIENT: Final = frozenset(
    {"internal_server_error", "timeout", "service_unavailable", "attachment_bytes_gone", "too_many_requests"}
)
"""Errors of a row of ``_bulk_docs`` that another attempt need not meet."""

WRITES_AT_ONCE: Final = 12
"""Documents with attachments that are being sent at the same time."""


class RemoteWriter:
    """The writes to one remote peer."""

    def __init__(self, client: HttpClient) -> None:
        self._client = client
        self._knows_gzip: bool | None = None

    async def write(self, docs: Sequence[FetchedDoc]) -> list[WriteFailure]:
        """As ``Peer.write``."""
        failures: list[WriteFailure] = []
        streamed: list[FetchedDoc] = []
        whole: list[FetchedDoc] = []
        for doc in map(without_empty_parts, docs):
            (streamed if doc.attachments else whole).append(doc)
        async with aclosing(self._portions(whole)) as portions:
            async for portion in portions:
                failures += await self._write_bulk(portion)
        answers = await together(WRITES_AT_ONCE, self._write_streamed, streamed)
        return failures + [answer for answer in answers if answer is not None]

    async def _portions(self, docs: Sequence[FetchedDoc]) -> AsyncGenerator[list[FetchedDoc]]:
        """Documents for one request each; the text of a local one is made here, which takes a while."""
        options = self._client.options
        portion: list[FetchedDoc] = []
        size = 0
        clock = SliceClock()
        for doc in docs:
            length = len(doc.text)
            if portion and (size + length > options.max_batch_bytes or len(portion) == options.max_batch_docs):
                yield portion
                portion, size = [], 0
            portion.append(doc)
            size += length
            if clock.over:
                await sleep(0)
                clock = SliceClock()
        if portion:
            yield portion

    # --- documents that are complete

    async def _write_bulk(self, docs: list[FetchedDoc]) -> list[WriteFailure]:
        """One request; more of them if it is refused."""
        patience = self._client.patience()
        failures: list[WriteFailure] = []
        while docs:
            try:
                rows = await self._send_bulk(docs)
            except PeerError as error:
                if not _is_about_document(error):
                    raise
                return failures + await self._divide(docs, error)
            again: list[FetchedDoc] = []
            by_rev = {(doc.id, doc.rev): doc for doc in docs}
            for row in rows:
                if row.error is None:
                    continue
                failed = [doc for doc in docs if doc.id == row.id] if row.rev is None else []
                found = by_rev.get((row.id or "", row.rev or ""))
                failed = [found] if found is not None else failed
                if row.error in TRANSIENT and failed:
                    again += failed
                elif row.error == MISSING_STUB and failed:
                    failures += [one for doc in failed if (one := await self._write_complete(doc, row)) is not None]
                else:
                    failures.append(WriteFailure(row.id or "", row.rev or "", row.error, row.reason or ""))
            if again:
                await patience.again(PeerError("The target keeps failing.", url=self._client.url, status=500))
            docs = again
        return failures

    async def _send_bulk(self, docs: list[FetchedDoc]) -> list[RefusedRow]:
        text = b"".join((BULK_HEAD, b",".join([doc.text for doc in docs]), BULK_END))
        reply = await self._client.request(Ask("POST", "/_bulk_docs", Body.of_json(text)))
        return read(read_refused, reply.body, self._client.url)

    async def _divide(self, docs: list[FetchedDoc], error: PeerError) -> list[WriteFailure]:
        """The documents of a request that was refused as a whole, in halves."""
        if len(docs) > 1:
            middle = len(docs) // 2
            return await self._write_bulk(docs[:middle]) + await self._write_bulk(docs[middle:])
        if error.error == MISSING_STUB:
            failure = await self._write_complete(docs[0], RefusedRow(error=error.error, reason=error.reason))
            return [] if failure is None else [failure]
        return [_failure(docs[0], error)]

    async def _write_complete(self, doc: FetchedDoc, row: RefusedRow) -> WriteFailure | None:
        """The target lacks an attachment that it was thought to have: write the document with all of them."""
        if doc.complete is None:
            return WriteFailure(doc.id, doc.rev, row.error or MISSING_STUB, row.reason or "")
        complete = await doc.complete()
        if not isinstance(complete, FetchedDoc):
            return WriteFailure(doc.id, doc.rev, complete.error, complete.reason)
        if complete.attachments:
            return await self._write_streamed(complete)
        failures = await self._write_bulk([complete])
        return failures[0] if failures else None

    # --- documents whose attachments follow

    async def _write_streamed(self, doc: FetchedDoc) -> WriteFailure | None:
        """One PUT, and perhaps again: what fails may be the source as well as the target."""
        if any(one.encoding is not None for one in doc.attachments) and not await self._takes_gzip():
            doc = without_gzip(doc)
        patience = self._client.patience()
        path = f"/{document_path(doc.id)}{query_string([('new_edits', 'false')])}"
        while True:
            body = related_body(doc)
            try:
                if body.length is not None and body.length <= SMALL_BODY_BYTES:
                    await body.gather()
                await self._client.request(Ask("PUT", path, body))
            except PeerError as error:
                if body.failure is not error:
                    return await self._refused(doc, error)
                if isinstance(error, PeerNotFound) and error.error != DATABASE_NOT_FOUND:
                    return _failure(doc, error)  # the revision has gone from the source; its successor is still to come
                if not isinstance(error, PeerUnreachable | PeerBroken):
                    raise
                try:
                    await patience.again(error)
                except PeerBroken:
                    return _failure(doc, error)
            else:
                return None

    async def _takes_gzip(self) -> bool:
        """Whether attachments may be sent gzipped: PouchDB would take them for what they are not."""
        if self._knows_gzip is None:
            try:
                reply = await self._client.request(Ask("GET", "/", of_server=True))
                self._knows_gzip = read(read_welcome, reply.body).pouchdb is None
            except (PeerUnreachable, PeerBusy):
                raise
            except PeerError:
                self._knows_gzip = True  # who does not even say who they are is no PouchDB
        return self._knows_gzip

    async def _refused(self, doc: FetchedDoc, error: PeerError) -> WriteFailure | None:
        """What it means that the target does not take a document. Raises the error if it is not about the document."""
        if error.error == MISSING_STUB:
            return await self._write_complete(doc, RefusedRow(error=error.error, reason=error.reason))
        if error.status in NOT_WELCOME:
            await self._client.request(Ask("GET", ""))
        elif not _is_about_document(error):
            raise error
        return _failure(doc, error)


def _is_about_document(error: PeerError) -> bool:
    """Whether a refusal, of one document or many, may be the fault of a single one."""
    if error.status in NOT_WELCOME:
        return False
    return error.status in OF_ONE_DOCUMENT or error.error in DOCUMENT_WORDS


def _failure(doc: FetchedDoc, error: PeerError) -> WriteFailure:
    return WriteFailure(doc.id, doc.rev, error.error, error.reason)
