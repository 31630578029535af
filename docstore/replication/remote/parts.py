"""Many documents with small attachments that are stored gzipped, in one request.

Owns one shape of reply: ``_bulk_get`` as multipart/mixed, of which each part is a multipart/related of a document and
the attachments that follow it, as they are stored. In base64 they would have to be inflated, and the target would gzip
them again, perhaps into other bytes with another digest. The replies are bounded: whoever asks knows the lengths.
"""

from collections.abc import AsyncGenerator, Sequence
from typing import Final

import msgspec

from docstore.replication.errors import PeerBroken
from docstore.replication.peer import Complete, FetchedAttachment, FetchedDoc
from docstore.replication.remote.attached_text import encoding_of
from docstore.replication.remote.http_client import HttpClient
from docstore.replication.remote.http_messages import Ask, Body
from docstore.replication.remote.multipart_parts import Part, parts_of
from docstore.replication.remote.urls import query_string
from docstore.replication.wire import DocHead, StoredStub, read, read_head

MIXED: Final = "multipart/mixed"
NOT_MULTIPART: Final = frozenset({400, 404, 405, 406, 415, 500, 501})


class RelatedDocs:
    """The reply to one request: documents by id and revision; those that are not in it were not to be had."""

    def __init__(self, docs: dict[tuple[str, str], tuple[DocHead, bytes, dict[str, bytes]]]) -> None:
        self._docs = docs

    def take(self, doc_id: str, rev: str, complete: Complete | None) -> FetchedDoc | None:
        """A document, its attachments in memory."""
        found = self._docs.pop((doc_id, rev), None)
        if found is None:
            return None
        head, text, data = found
        stubs = head.attachments or {}
        follows = tuple(_attachment(name, stubs[name], content) for name, content in data.items())
        held = sum(map(len, data.values()))
        return FetchedDoc(doc_id, rev, head.deleted, text, attachments=follows, complete=complete, held=held)


async def fetch_related(client: HttpClient, rows: Sequence[dict[str, object]]) -> RelatedDocs | None:
    """The documents of these rows of ``_bulk_get``. None if the peer does not answer in this shape."""
    body = Body.of_json(msgspec.json.encode({"docs": rows}))
    query = query_string([("revs", "true"), ("attachments", "true")])
    ask = Ask("POST", "/_bulk_get" + query, body, accept=MIXED, final=NOT_MULTIPART, allows=NOT_MULTIPART)
    reply = await client.request(ask)
    if reply.status in NOT_MULTIPART or not reply.content_type.lower().startswith(MIXED):
        return None
    found = {}
    for part in parts_of(reply.content_type, reply.body):
        if part.is_multipart:
            first, *others = parts_of(part.content_type, part.body) or [Part({}, b"")]
            head = read(read_head, first.body, client.url)
            found[head.id, head.rev] = head, first.body, _data(head, others)
    return RelatedDocs(found)


def _data(head: DocHead, parts: Sequence[Part]) -> dict[str, bytes]:
    """The bytes of the attachments that follow a document, by name."""
    names = [name for name, stub in (head.attachments or {}).items() if stub.follows]
    if len(names) != len(parts):
        raise PeerBroken(f"The document {head.id} has not as many attachments as it says.")
    return {name: part.body for name, part in zip(names, parts, strict=True)}


def _attachment(name: str, stub: StoredStub, data: bytes) -> FetchedAttachment:
    async def read_again() -> AsyncGenerator[bytes]:
        yield data

    return FetchedAttachment(
        name, stub.content_type, stub.revpos, stub.digest, stub.length, len(data), encoding_of(stub), read_again
    )
