"""Fetching revisions from a remote peer.

Owns which requests a list of wanted revisions becomes, and the falling back from ``_bulk_get`` to single documents
where a peer lacks it. It must not know where the documents go. Follows ``couch_replicator_worker`` and
``couch_replicator_api_wrap:open_doc_revs``.

Documents come with stubs first, so that no reply holds the bytes of attachments that nobody asked for. Then, of the
documents whose attachments are needed (``attached_text.py``), those with few bytes are asked for once more, many in one
request, with these in base64 or as parts; of the others each attachment is read when the target asks for it.
"""

from asyncio import sleep
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from typing import Final, NamedTuple

import msgspec

from docstore.core.document import DESIGN_PREFIX
from docstore.database.slices import SliceClock
from docstore.replication.errors import PeerBroken, PeerError, PeerNotFound, PeerUnreachable
from docstore.replication.peer import Complete, FetchedAttachment, FetchedDoc, MissingDoc, Wanted
from docstore.replication.remote.attached_text import AttachedDoc, Way, encoding_of, following, look_at
from docstore.replication.remote.http_client import HttpClient
from docstore.replication.remote.http_messages import NO_DATABASE, Answer, Ask, Body
from docstore.replication.remote.parts import RelatedDocs, fetch_related
from docstore.replication.remote.reply_rows import ArrayItems
from docstore.replication.remote.urls import attachment_path, document_path, query_string
from docstore.replication.together import together
from docstore.replication.wire import (
    DocHead,
    FoundDoc,
    FoundRow,
    RefusedRow,
    StoredStub,
    read,
    read_bulk_get,
    read_found_doc,
    read_head,
    read_open_revs,
)

WHOLE_REPLY_BYTES: Final = 1024 * 1024
"""Longer replies to ``_bulk_get`` are cut up while they arrive."""

CUT_BYTES: Final = 16 * 1024
"""So much is cut up without a look at the clock."""

NO_BULK_GET: Final = frozenset({400, 404, 405, 406, 410, 415, 501})
FAILED_BULK_GETS: Final = 3
"""After so many in a row, and none that went well, ``_bulk_get`` is not asked any more."""

MAX_QUERY_BYTES: Final = 6_000
SINGLE_REQUESTS: Final = 8
"""Single documents that are asked for at the same time."""


class _WantedRev(NamedTuple):
    """One revision. ``inline``: with its attachments in base64."""

    id: str
    rev: str
    known: tuple[str, ...]
    inline: bool = False

    def row(self) -> dict[str, object]:
        row: dict[str, object] = {"id": self.id, "rev": self.rev}
        if self.inline and self.known:
            row["atts_since"] = self.known
        return row

    def missing(self, error: str = "not_found", reason: str = "missing") -> MissingDoc:
        return MissingDoc(self.id, self.rev, error, reason)


class _Later(NamedTuple):
    """A document that is to be asked for again, with its few bytes of attachments; ``text`` has stubs."""

    asked: _WantedRev
    text: bytes
    head: DocHead
    attached: AttachedDoc


class RemoteFetcher:
    """The revisions of one remote peer."""

    def __init__(self, client: HttpClient) -> None:
        self._client = client
        self._options = client.options
        self._bulk_get = client.options.use_bulk_get
        self._bulk_get_known = False
        self._parts = True
        self._failed = 0

    async def fetch(self, wanted: Sequence[Wanted]) -> AsyncGenerator[FetchedDoc | MissingDoc]:
        """As ``Peer.fetch``."""
        revs = [_WantedRev(one.id, rev, one.known) for one in wanted for rev in one.revs]
        most = self._options.max_batch_docs
        for start in range(0, len(revs), most):
            later: list[_Later] = []
            async with aclosing(self._portion(revs[start : start + most])) as found:
                async for asked, text in found:
                    if isinstance(text, MissingDoc):
                        yield text
                    elif isinstance(doc := self._doc(asked, text), FetchedDoc):
                        yield doc
                    else:
                        later.append(doc)
            for portion in self._portions_of([one for one in later if one.attached.way is Way.INLINE]):
                async with aclosing(self._portion([one.asked for one in portion])) as found:
                    async for asked, text in found:
                        yield text if isinstance(text, MissingDoc) else self._inline_doc(asked, text)
            for portion in self._portions_of([one for one in later if one.attached.way is Way.SMALL_PARTS]):
                for doc in await self._in_small_parts(portion):
                    yield doc

    def _doc(self, asked: _WantedRev, text: bytes) -> FetchedDoc | _Later:
        """The document, or what is known of one that is to be asked for again, with its attachments."""
        head = read(read_head, text, self._client.url)
        if not head.attachments:
            return FetchedDoc(head.id, head.rev, head.deleted, text, bulk=self._counts_as_bulk(head.id))
        few = self._options.inline_bytes if self._bulk_get else -1
        attached = look_at(text, head, asked.known, few)
        match attached.way:
            case Way.NONE_NEEDED:
                return FetchedDoc(head.id, head.rev, head.deleted, text, complete=self._complete_of(head, attached))
            case Way.FOLLOW:
                return self._followed(head, text, attached.needed, self._complete_of(head, attached))
            case _:
                asked = _WantedRev(head.id, head.rev, asked.known, inline=True)
                return _Later(asked, text, head, attached)

    def _complete_of(self, head: DocHead, attached: AttachedDoc) -> Complete | None:
        return partial(self._complete, head.id, head.rev) if attached.left_out else None

    def _inline_doc(self, asked: _WantedRev, text: bytes) -> FetchedDoc:
        """A document that was asked for again; what a peer sends as a stub nevertheless, follows."""
        head = read(read_head, text, self._client.url)
        attached = look_at(text, head, asked.known, 0)
        still = {name: stub for name, stub in attached.needed.items() if stub.stub}
        return self._followed(head, text, still, self._complete_of(head, attached))

    async def _in_small_parts(self, portion: Sequence[_Later]) -> list[FetchedDoc]:
        """Documents with gzipped attachments; one by one, while they are written, where the peer knows no better."""
        related: RelatedDocs | None = None
        if self._parts:
            related = await fetch_related(self._client, [one.asked.row() for one in portion])
            self._parts = related is not None
        docs: list[FetchedDoc] = []
        for _, text, head, attached in portion:
            complete = self._complete_of(head, attached)
            doc = None if related is None else related.take(head.id, head.rev, complete)
            docs.append(doc or self._followed(head, text, attached.needed, complete))
        return docs

    def _followed(
        self, head: DocHead, text: bytes, needed: Mapping[str, StoredStub], complete: Complete | None
    ) -> FetchedDoc:
        follows = tuple(self._attachment(head, name, stub) for name, stub in needed.items())
        if follows:
            text = following(text, needed)
        return FetchedDoc(head.id, head.rev, head.deleted, text, attachments=follows, complete=complete)

    async def _complete(self, doc_id: str, rev: str) -> FetchedDoc | MissingDoc:
        async with aclosing(self.fetch([Wanted(doc_id, (rev,))])) as found:
            async for one in found:
                return one
        return MissingDoc(doc_id, rev, "not_found", "missing")

    def _counts_as_bulk(self, doc_id: str) -> bool:
        return self._bulk_get and not doc_id.startswith(DESIGN_PREFIX)

    def _portions_of(self, later: Sequence[_Later]) -> Iterator[list[_Later]]:
        """Documents that are asked for together: their replies are bounded."""
        portion: list[_Later] = []
        most = min(self._options.max_batch_bytes, WHOLE_REPLY_BYTES)
        left = most
        for one in later:
            size = one.attached.held_bytes + len(one.text)
            if size > left and portion:
                yield portion
                portion, left = [], most
            portion.append(one)
            left -= size
        if portion:
            yield portion

    # --- many in one request

    async def _portion(self, revs: list[_WantedRev]) -> AsyncGenerator[tuple[_WantedRev, bytes | MissingDoc]]:
        """The text of each revision, of the latest one in its stead perhaps, by the best way that the peer has."""
        if self._bulk_get:
            done = 0
            try:
                async with aclosing(self._by_bulk_get(revs)) as found:
                    async for one in found:
                        yield one
                        done += 1
                return
            except PeerError as error:
                if done or not self._falls_back(error):
                    raise
        async with aclosing(self._one_by_one(revs)) as found:
            async for one in found:
                yield one

    def _falls_back(self, error: PeerError) -> bool:
        """Whether ``_bulk_get`` failed in a way in which single documents need not."""
        if self._bulk_get_known or isinstance(error, PeerUnreachable) or _is_about_database(error):
            return False
        if error.status in NO_BULK_GET:
            self._bulk_get = False
        elif error.status is not None and error.status >= 500:
            self._failed += 1
            self._bulk_get = self._failed < FAILED_BULK_GETS
        else:
            return False
        return True

    async def _by_bulk_get(self, revs: list[_WantedRev]) -> AsyncGenerator[tuple[_WantedRev, bytes | MissingDoc]]:
        """Rows as they arrive. After a broken reply those that are left are asked for again."""
        patience = self._client.patience()
        while revs:
            done = 0
            try:
                async with aclosing(self._bulk_get_rows(revs)) as rows:
                    async for row in rows:
                        if done >= len(revs):
                            raise PeerBroken(f"{self._client.url}: more rows than asked for", url=self._client.url)
                        asked = revs[done]
                        for found in row.docs:
                            yield asked, _text_of(found, asked)
                        done += 1
                        patience.progressed()
                if done < len(revs):
                    raise PeerBroken(f"{self._client.url}: fewer rows than asked for", url=self._client.url)
                return
            except PeerUnreachable as error:
                revs = revs[done:]
                await patience.again(error)

    async def _bulk_get_rows(self, revs: list[_WantedRev]) -> AsyncGenerator[FoundDoc]:
        body = Body.of_json(msgspec.json.encode({"docs": [one.row() for one in revs]}))
        query = [("revs", "true"), ("attachments", "true") if revs[0].inline else ("latest", "true")]
        ask = Ask("POST", "/_bulk_get" + query_string([*query, ("att_encoding_info", "true")]), body)
        answer = await self._client.open(ask)
        try:
            self._bulk_get_known = True
            async with aclosing(_rows(answer, self._client.url)) as rows:
                async for row in rows:
                    yield row
        finally:
            answer.close()

    # --- one by one

    async def _one_by_one(self, revs: list[_WantedRev]) -> AsyncGenerator[tuple[_WantedRev, bytes | MissingDoc]]:
        questions = _by_document(revs)
        for start in range(0, len(questions), SINGLE_REQUESTS):
            for answers in await together(
                SINGLE_REQUESTS, self._ask_single, questions[start : start + SINGLE_REQUESTS]
            ):
                for one in answers:
                    yield one

    async def _ask_single(self, revs: list[_WantedRev]) -> list[tuple[_WantedRev, bytes | MissingDoc]]:
        names = msgspec.json.encode([one.rev for one in revs]).decode()
        query = [("revs", "true"), ("latest", "true"), ("att_encoding_info", "true"), ("open_revs", names)]
        ask = Ask("GET", f"/{document_path(revs[0].id)}{query_string(query)}")
        try:
            reply = await self._client.request(ask)
        except PeerNotFound as error:
            if _is_about_database(error):
                raise
            return [(one, one.missing(error.error, error.reason)) for one in revs]
        rows = read(read_open_revs, reply.body, self._client.url)
        return [(revs[0], _text_of(row, revs[0])) for row in rows]

    # --- attachments

    def _attachment(self, head: DocHead, name: str, stub: StoredStub) -> FetchedAttachment:
        encoding = encoding_of(stub)
        return FetchedAttachment(
            name,
            stub.content_type,
            stub.revpos,
            stub.digest,
            stub.length,
            stub.length if encoding is None else stub.encoded_length,
            encoding,
            partial(self._read_attachment, head.id, head.rev, name, encoding),
        )

    async def _read_attachment(self, doc_id: str, rev: str, name: str, encoding: str | None) -> AsyncGenerator[bytes]:
        ask = Ask(
            "GET",
            "/" + attachment_path(doc_id, name) + query_string([("rev", rev)]),
            accept="*/*",
            headers={"Accept-Encoding": encoding or "identity"},
            decompress=encoding is None,
        )
        answer = await self._client.open(ask)
        try:
            if encoding is not None and answer.headers.get("Content-Encoding", "identity") != encoding:
                url = self._client.url
                raise PeerBroken(f"{url}: an attachment is not sent as it is stored", url=url)
            async with aclosing(answer.pieces()) as pieces:
                async for piece in pieces:
                    yield piece
        finally:
            answer.close()


async def _rows(answer: Answer, url: str) -> AsyncGenerator[FoundDoc]:
    """The rows of a reply to ``_bulk_get``, while they arrive if there are many."""
    gathered: list[bytes] = []
    size = 0
    items: ArrayItems | None = None
    clock = SliceClock()
    async with aclosing(answer.pieces()) as pieces:
        async for piece in pieces:
            gathered.append(piece)
            size += len(piece)
            if size < WHOLE_REPLY_BYTES and items is None:
                continue
            items = items or ArrayItems()
            text = b"".join(gathered)
            gathered.clear()
            for start in range(0, len(text), CUT_BYTES):
                for row in items.feed(text[start : start + CUT_BYTES]):
                    yield read(read_found_doc, row, url)
                if clock.over:
                    await sleep(0)
                    clock = SliceClock()
    if items is None:
        for found in read(read_bulk_get, b"".join(gathered), url).results:
            yield found
            if clock.over:
                await sleep(0)
                clock = SliceClock()
    elif not items.complete:
        raise PeerUnreachable(f"{url}: the reply broke off", url=url)


def _text_of(row: FoundRow, asked: _WantedRev) -> bytes | MissingDoc:
    if isinstance(row.ok, msgspec.Raw):
        return bytes(row.ok)
    match row.error:
        case RefusedRow() as refused:
            return MissingDoc(
                asked.id, refused.rev or asked.rev, refused.error or "not_found", refused.reason or "missing"
            )
        case str() as error:
            return asked.missing(error, row.reason or "missing")
        case None:
            return MissingDoc(asked.id, row.missing or asked.rev, "not_found", "missing")


def _by_document(revs: list[_WantedRev]) -> list[list[_WantedRev]]:
    """The revisions of each document, as many together as fit a URL."""
    questions: list[list[_WantedRev]] = []
    size = 0
    for one in revs:
        if questions and questions[-1][0].id == one.id and size + len(one.rev) < MAX_QUERY_BYTES:
            questions[-1].append(one)
            size += 3 * len(one.rev)
        else:
            questions.append([one])
            size = 3 * len(one.rev)
    return questions


def _is_about_database(error: PeerError) -> bool:
    return error.error == "db_not_found" or error.reason in NO_DATABASE
