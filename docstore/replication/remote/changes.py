"""The changes feed of a remote peer.

Owns which requests a feed is made of, and how it goes on after a broken connection. It must not know what becomes of
the changes. Follows ``couch_replicator_changes_reader`` and the manual's page on ``_changes``.

What happened already is read in pages (``feed=normal`` with a ``limit``), each a reply of bounded size. A continuous
feed goes on from there with ``feed=continuous``: a row a line, and an empty line (heartbeat) when nothing happens.
Where not even heartbeats come through, as behind a proxy that gathers replies, it falls back to ``feed=longpoll``,
whose replies are whole: one as soon as something happens, or after ``heartbeat`` seconds.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from docstore.core.json_text import JsonValue, encode
from docstore.replication.errors import PeerBroken, PeerError, PeerUnreachable
from docstore.replication.peer import Change, ChangesBatch, ChangesRequest
from docstore.replication.remote.http_client import ASK_AGAIN, HttpClient
from docstore.replication.remote.http_messages import Answer, Ask, Body
from docstore.replication.remote.urls import query_string
from docstore.replication.wire import ChangesReply, FeedLine, read, read_changes, read_line, seq_text

SILENCE: Final = 3.0
"""So many heartbeats may be missing before a connection counts as dead."""

MAX_LINE_BYTES: Final = 8 * 1024 * 1024
NO_CONTINUOUS: Final = frozenset({400, 405, 406, 415, 501})
DEAD_FEEDS: Final = 2
"""Feeds in a row without a sign of life, after which longpoll is used instead."""


@dataclass(slots=True)
class _Position:
    """How far a feed was read, and how many rows are still wanted."""

    since: JsonValue
    left: int | None

    def take(self, batch: ChangesBatch) -> None:
        self.since = batch.last_seq
        if self.left is not None:
            self.left -= len(batch.changes)

    @property
    def over(self) -> bool:
        return self.left is not None and self.left <= 0


async def remote_changes(client: HttpClient, request: ChangesRequest) -> AsyncGenerator[ChangesBatch]:
    """The feed in batches. Raises PeerError."""
    position = _Position(request.since, request.limit)
    async with aclosing(_pages(client, request, position)) as pages:
        async for page in pages:
            yield page
    if not request.continuous:
        return
    live = _Live(client, request, position)
    while not position.over:
        async with aclosing(live.batches()) as batches:
            async for batch in batches:
                yield batch


async def _pages(client: HttpClient, request: ChangesRequest, position: _Position) -> AsyncGenerator[ChangesBatch]:
    while True:
        limit = request.batch_rows if position.left is None else min(request.batch_rows, position.left)
        feed = [("feed", "normal"), ("limit", str(limit))]
        reply = await client.request(_ask(request, position.since, feed))
        page = _batch(read(read_changes, reply.body, client.url), position.since)
        position.take(page)
        yield page
        if len(page.changes) < limit or position.over:
            return


class _Live:
    """What follows once everything was read."""

    def __init__(self, client: HttpClient, request: ChangesRequest, position: _Position) -> None:
        self._client = client
        self._request = request
        self._position = position
        self._heartbeat = str(max(int(request.heartbeat * 1000), 1))
        self._patience = client.patience()
        self._longpoll = False
        self._dead = 0

    async def batches(self) -> AsyncGenerator[ChangesBatch]:
        """One request's worth of batches. Raises PeerError once the attempts are used up."""
        silent = True
        try:
            async with aclosing(self._poll() if self._longpoll else self._follow()) as batches:
                async for batch in batches:
                    self._patience.progressed()
                    self._dead = 0
                    self._position.take(batch)
                    silent = silent and not batch.changes
                    yield batch
                    if self._position.over:
                        return
            if silent:
                await self._client.rest()  # so that a server that ends feeds at once is not asked without pause
        except PeerError as error:
            if not isinstance(error, PeerUnreachable) and error.status not in ASK_AGAIN:
                raise
            self._dead += isinstance(error, PeerUnreachable) and error.silent
            self._longpoll = self._longpoll or self._dead >= DEAD_FEEDS
            await self._patience.again(error)

    async def _poll(self) -> AsyncGenerator[ChangesBatch]:
        feed = [("feed", "longpoll"), ("timeout", self._heartbeat), ("limit", str(self._limit()))]
        ask = _ask(self._request, self._position.since, feed, silence=self._request.heartbeat * SILENCE)
        reply = await self._client.request(ask)
        yield _batch(read(read_changes, reply.body, self._client.url), self._position.since)

    async def _follow(self) -> AsyncGenerator[ChangesBatch]:
        feed = [("feed", "continuous"), ("heartbeat", self._heartbeat)]
        if self._position.left is not None:
            feed.append(("limit", str(self._position.left)))
        silence = self._request.heartbeat * SILENCE
        try:
            ask = _ask(self._request, self._position.since, feed, silence=silence)
            # A server that compresses a feed gathers it.
            answer = await self._client.open(replace(ask, once=True, headers={"Accept-Encoding": "identity"}))
        except PeerError as error:
            if error.status not in NO_CONTINUOUS:
                raise
            self._longpoll = True
            return
        try:
            async with aclosing(self._lines(answer)) as lines:
                async for batch in lines:
                    yield batch
        finally:
            answer.close()

    async def _lines(self, answer: Answer) -> AsyncGenerator[ChangesBatch]:
        rest = b""
        spoken = False
        async with aclosing(answer.pieces()) as pieces:
            async for piece in pieces:
                *lines, rest = (rest + piece).split(b"\n")
                if len(rest) > MAX_LINE_BYTES:
                    raise PeerBroken(f"{self._client.url}: a line of the feed is too long", url=self._client.url)
                for start in range(0, len(lines), self._request.batch_rows):
                    batch, ended = self._read(lines[start : start + self._request.batch_rows])
                    spoken = True
                    yield batch
                    if ended:
                        return
        if not spoken:
            raise PeerUnreachable(f"{self._client.url}: the feed ended at once", url=self._client.url)

    def _read(self, lines: list[bytes]) -> tuple[ChangesBatch, bool]:
        """What some lines say, and whether the feed ends with them."""
        changes: list[Change] = []
        last, pending, ended = self._position.since, None, False
        for text in lines:
            if not text.strip():
                continue
            line = read(read_line, text, self._client.url)
            if line.id is not None and line.changes is not None:
                changes.append(Change(line.seq, line.id, tuple([one.rev for one in line.changes]), line.deleted))
                last = line.seq
            elif line.last_seq is not None:
                last, pending, ended = line.last_seq, line.pending, True
            else:
                raise _refused(line, self._client.url)
        return ChangesBatch(changes, last, pending), ended

    def _limit(self) -> int:
        rows, left = self._request.batch_rows, self._position.left
        return rows if left is None else min(rows, left)


def _refused(line: FeedLine, url: str) -> PeerError:
    if line.error is None:
        return PeerBroken(f"{url}: a line of the feed says nothing", url=url)
    return PeerUnreachable(f"{url}: the feed ended ({line.error}: {line.reason})", url=url)


def _batch(reply: ChangesReply, since: JsonValue) -> ChangesBatch:
    """A whole reply. CouchDB 1 says ``last_seq`` 0 where there is nothing new."""
    changes = [row.change() for row in reply.results]
    last = reply.last_seq
    if last is None or (not changes and last == 0):
        last = changes[-1].seq if changes else since
    return ChangesBatch(changes, last, reply.pending)


def _ask(request: ChangesRequest, since: JsonValue, feed: list[tuple[str, str]], *, silence: float = 0.0) -> Ask:
    query = [*feed, ("since", seq_text(since))]
    if request.all_leaves:
        query.append(("style", "all_docs"))
    body: Body | None = None
    if request.doc_ids is not None:
        query.append(("filter", "_doc_ids"))
        body = Body.of_json(msgspec.json.encode({"doc_ids": request.doc_ids}))
    elif request.selector is not None:
        query.append(("filter", "_selector"))
        body = Body.of_json(encode({"selector": dict(request.selector)}))
    elif request.filter is not None:
        query.append(("filter", request.filter))
        query += [(name, _parameter(value)) for name, value in request.query_params.items()]
    if all(name != "heartbeat" and name != "timeout" for name, _ in feed):
        # A filter that lets little pass is silent for long.
        query.append(("heartbeat", str(max(int(request.heartbeat * 1000), 1))))
        silence = max(silence, request.heartbeat * SILENCE)
    return Ask("GET" if body is None else "POST", "/_changes" + query_string(query), body, silence=silence)


def _parameter(value: JsonValue) -> str:
    return value if isinstance(value, str) else encode(value).decode()
