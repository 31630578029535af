"""The endpoint ``_db_updates``: which databases were made, written to and deleted, once or as a feed.

Owns the text of its rows. It is a feed of the changes of ``_global_changes`` (``database/global_changes.py``), whose
documents' ids say what happened; without that database it is a 404. Follows ``global_changes_httpd`` of CouchDB; events
of its ``eventsource`` are the same rows here as those of the other feeds.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Final

import msgspec

from docstore.core.conditions import content_etag
from docstore.core.json_text import encode
from docstore.database.database import Database
from docstore.database.global_changes import GLOBAL_CHANGES
from docstore.database.reading.changes import ChangesQuery, ChangesSlice, read_changes
from docstore.database.reading.document_text import Row
from docstore.database.registry import Event
from docstore.errors import BadRequest
from docstore.httpd.listings.changes_framing import EventFraming, Framing, LineFraming, ObjectFraming, written
from docstore.httpd.listings.feeds import feed_reply
from docstore.httpd.params.changes import Feed, changes_params
from docstore.httpd.replies import Reply, etag_matches, not_modified
from docstore.httpd.request import Request
from docstore.httpd.wire.chunking import chunked_reply
from docstore.httpd.wire.streaming import StreamReply

EVENTS: Final = frozenset(Event)


class _Objects(ObjectFraming):
    def closing(self) -> bytes:
        return b'\n],\n"last_seq":%b}\n' % encode(self.last_seq_text)


class _Lines(LineFraming):
    def closing(self) -> bytes:
        return b'{"last_seq":%b}\n' % encode(self.last_seq_text)


FRAMINGS: Final[dict[str, type[Framing]]] = {
    Feed.NORMAL: _Objects,
    Feed.LONGPOLL: _Objects,
    Feed.CONTINUOUS: _Lines,
    Feed.EVENTSOURCE: EventFraming,
}


class _Change(msgspec.Struct):
    """What is read of a row of ``_changes``."""

    id: str
    seq: msgspec.Raw


async def get_db_updates(request: Request) -> Reply | StreamReply:
    """GET /_db_updates. Raises DatabaseNotFound without the database ``_global_changes``."""
    database = request.node.registry.open(GLOBAL_CHANGES)
    params = changes_params(request)
    kind = FRAMINGS.get(params.feed)
    if kind is None:
        raise BadRequest("Supported `feed` types: normal, continuous, longpoll, eventsource")
    query = ChangesQuery(
        since=0 if params.descending else database.parse_since(params.since),
        limit=params.limit,
        descending=params.descending,
    )
    framing = kind(database.update_seq_text, query.since)
    if params.feed == Feed.NORMAL:
        etag = content_etag(f"{database.uuid} {database.info().update_seq}".encode())
        if etag_matches(request.if_none_match, etag):
            return not_modified(etag)
        return await chunked_reply(written(_events(database, query), framing), etag=etag)
    return feed_reply(database, query, params, framing, _events)


async def _events(database: Database, query: ChangesQuery) -> AsyncGenerator[ChangesSlice]:
    """As ``read_changes``, but for documents that are no events; ``limit`` counts those that are."""
    left = query.limit
    async with aclosing(read_changes(database, replace(query, limit=None) if left else query)) as slices:
        async for piece in slices:
            rows: list[Row] = []
            seqs: list[int | None] = []
            for row, seq in zip(piece.rows, piece.seqs, strict=True):
                event = _event(row)
                if event is not None and (left is None or len(rows) < left):
                    rows.append(event)
                    seqs.append(seq)
            if left is not None and left and len(rows) == left:
                yield ChangesSlice(rows, seqs, seqs[-1] or piece.last_seq, piece.pending)
                return
            left = None if left is None else left - len(rows)
            yield piece._replace(rows=rows, seqs=seqs)


def _event(row: Row) -> bytes | None:
    """The row of an event; None for any other document."""
    if not isinstance(row, bytes):
        raise TypeError("a row without documents is one text")
    change = msgspec.json.decode(row, type=_Change)
    event, colon, name = change.id.partition(":")
    if not colon or event not in EVENTS:
        return None
    return b'{"db_name":%b,"type":"%b","seq":%b}' % (encode(name), event.encode(), bytes(change.seq))
