"""Feeds of remote peers that break, lag, or know less than CouchDB."""

import json
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
from aiohttp import web

from docstore.replication.errors import PeerBroken, PeerError, PeerNotFound, PeerUnreachable
from docstore.replication.peer import Change, ChangesBatch, ChangesRequest, Peer
from docstore.replication.remote.options import RemoteOptions
from docstore.replication.remote.peer import RemotePeer
from tests.replication.fake_server import FakeServer, NoSleep, Said, fake_server, until_the_client_leaves
from tests.replication.places import read_all

PATH = "/db/_changes"


@pytest.fixture
async def fake() -> AsyncIterator[FakeServer]:
    async with fake_server() as server:
        yield server


@pytest.fixture
async def peer(fake: FakeServer) -> AsyncIterator[RemotePeer]:
    made = RemotePeer(f"{fake.url}/db", RemoteOptions(retries_per_request=2), sleep=NoSleep())
    yield made
    await made.close()


def row(seq: object, doc_id: str = "a") -> dict[str, object]:
    return {"seq": seq, "id": doc_id, "changes": [{"rev": "1-a"}]}


def page(*rows: dict[str, object], last_seq: object = 0, **members: object) -> Said:
    return Said(200, {"results": list(rows), "last_seq": last_seq, **members})


async def take(peer: Peer, count: int, **request: object) -> list[ChangesBatch]:
    """The first batches of a continuous feed."""
    batches: list[ChangesBatch] = []
    async with aclosing(peer.changes(ChangesRequest(continuous=True, **request))) as feed:
        async for batch in feed:
            batches.append(batch)
            if len(batches) == count:
                break
    return batches


async def take_changes(peer: Peer, count: int, **request: object) -> list[Change]:
    """The first changes of a continuous feed."""
    changes: list[Change] = []
    async with aclosing(peer.changes(ChangesRequest(continuous=True, **request))) as feed:
        async for batch in feed:
            assert not batch.changes or batch.last_seq == batch.changes[-1].seq
            changes += batch.changes
            if len(changes) >= count:
                break
    return changes


class Feed:
    """The continuous feeds of a server: each request gets the next script, of lines and of ends."""

    def __init__(self, fake: FakeServer, *scripts: list[bytes | None]) -> None:
        self.scripts = list(scripts)
        self.since: list[str] = []
        fake.on("GET", PATH, self.answer)

    async def answer(self, request: web.Request, body: bytes) -> web.StreamResponse:
        query = request.query
        if query["feed"] == "normal":
            return web.json_response({"results": [], "last_seq": query["since"], "pending": 0})
        self.since.append(f"{query['feed']} {query['since']}")
        response = web.StreamResponse()
        await response.prepare(request)
        script = self.scripts.pop(0) if self.scripts else [None]
        for line in script:
            if line is None:  # silence, until the client leaves
                await until_the_client_leaves()
            elif line == b"CUT":
                request.transport.abort()
            else:
                await response.write(line)
        return response


def line(seq: object, doc_id: str = "a") -> bytes:
    return json.dumps(row(seq, doc_id)).encode() + b"\n"


class TestPages:
    async def test_the_parameters(self, fake, peer) -> None:
        fake.reply("GET", PATH, page(row("5-x"), last_seq="5-x", pending=3))
        [batch] = await read_all(
            peer, since="4-a b", filter="f/two", query_params={"t": "2", "n": 7, "o": {"a": [1]}}, batch_rows=10
        )
        assert (batch.last_seq, batch.pending) == ("5-x", 3)
        assert fake.asked[0].query == {
            "feed": "normal",
            "limit": "10",
            "since": "4-a b",
            "style": "all_docs",
            "filter": "f/two",
            "t": "2",
            "n": "7",
            "o": '{"a":[1]}',
            "heartbeat": "10000",
        }

    async def test_sequences_of_other_servers(self, fake, peer) -> None:
        fake.reply("GET", PATH, page(row([3, "x"]), last_seq=[3, "x"]))
        [batch] = await read_all(peer, since=[2, "w"])
        assert fake.asked[0].query["since"] == '[2,"w"]'
        assert batch.changes[0].seq == batch.last_seq == [3, "x"]

    async def test_nothing_new_where_couchdb_1_says_zero(self, fake, peer) -> None:
        fake.reply("GET", PATH, page(last_seq=0))
        [batch] = await read_all(peer, since=17)
        assert batch == ChangesBatch([], 17, None)

    async def test_pages_until_one_is_not_full(self, fake, peer) -> None:
        fake.reply("GET", PATH, page(row(1), row(2), last_seq=2), page(row(3), row(4), last_seq=4), page(last_seq=4))
        batches = await read_all(peer, batch_rows=2)
        assert [one.last_seq for one in batches] == [2, 4, 4]
        assert [one.query["since"] for one in fake.asked] == ["0", "2", "4"]

    async def test_a_selector_and_doc_ids_are_posted(self, fake, peer) -> None:
        fake.reply("POST", PATH, page(last_seq=1))
        await read_all(peer, selector={"a": {"$gt": 1}})
        await read_all(peer, doc_ids=("a", "ü"))
        assert [one.query["filter"] for one in fake.asked] == ["_selector", "_doc_ids"]
        assert [one.json for one in fake.asked] == [{"selector": {"a": {"$gt": 1}}}, {"doc_ids": ["a", "ü"]}]

    async def test_a_page_that_breaks_off_is_read_again(self, fake, peer) -> None:
        whole = page(row(1), last_seq=1)
        fake.reply("GET", PATH, Said(200, whole.body, cut=10), whole)
        assert len((await read_all(peer))[0].changes) == 1

    @pytest.mark.parametrize("body", [b"<html>", b'{"results":[{"id":1}]}', b"[]", b'{"results":[', b"\xff"])
    async def test_what_is_no_feed(self, fake, peer, body) -> None:
        fake.reply("GET", PATH, Said(200, body))
        with pytest.raises(PeerBroken):
            await read_all(peer)

    async def test_an_unknown_filter(self, fake, peer) -> None:
        fake.reply("GET", PATH, Said(404, {"error": "not_found", "reason": "missing json key: none"}))
        with pytest.raises(PeerNotFound, match="missing json key"):
            await read_all(peer, filter="f/none")


class TestContinuous:
    async def test_lines_as_they_come_whatever_the_pieces(self, fake, peer) -> None:
        both = line("1-a") + line("2-b", "ü")
        Feed(fake, [b"\n", both[:20], both[20:70], both[70:], b"\n", None])
        changes = await take_changes(peer, 2, heartbeat=5.0)
        assert [(one.seq, one.id) for one in changes] == [("1-a", "a"), ("2-b", "ü")]

    async def test_goes_on_where_a_broken_connection_ended(self, fake, peer) -> None:
        feed = Feed(fake, [line("1-a"), b"CUT"], [line("2-b"), b'{"seq":"3-', b"CUT"], [line("3-c"), None])
        changes = await take_changes(peer, 3, heartbeat=5.0)
        assert [one.seq for one in changes] == ["1-a", "2-b", "3-c"]
        assert feed.since == ["continuous 0", "continuous 1-a", "continuous 2-b"]

    async def test_goes_on_when_the_server_ends_the_feed(self, fake, peer) -> None:
        feed = Feed(fake, [line("1-a")], [b'{"last_seq":"7-x","pending":0}\n'], [line("8-b"), None])
        changes = await take_changes(peer, 2, heartbeat=5.0)
        assert [one.seq for one in changes] == ["1-a", "8-b"]
        assert feed.since == ["continuous 0", "continuous 1-a", "continuous 7-x"]

    async def test_a_server_that_cuts_every_feed_at_once(self, fake, peer) -> None:
        Feed(fake, *[[b"CUT"]] * 20)
        with pytest.raises(PeerUnreachable):
            await take(peer, 2)

    async def test_a_line_that_tells_of_an_error(self, fake, peer) -> None:
        Feed(fake, *[[b'{"error":"x","reason":"the words"}\n']] * 20)
        with pytest.raises(PeerUnreachable, match="the words"):
            await take(peer, 2)

    async def test_a_line_that_is_too_long(self, fake, peer, monkeypatch) -> None:
        monkeypatch.setattr("docstore.replication.remote.changes.MAX_LINE_BYTES", 100)
        Feed(fake, [b'{"seq":"' + b"x" * 200, None])
        with pytest.raises(PeerBroken, match="too long"):
            await take(peer, 2)

    async def test_without_signs_of_life_it_falls_back_to_longpoll(self, fake) -> None:
        feed = Feed(fake, [None], [None], [json.dumps(page(row("1-a"), last_seq="1-a").body).encode()])
        options = RemoteOptions(connection_timeout=0.02)
        peer = RemotePeer(f"{fake.url}/db", options, sleep=NoSleep())
        batches = await take(peer, 2, heartbeat=0.01)
        await peer.close()
        assert [batch.last_seq for batch in batches] == ["0", "1-a"]
        assert feed.since == ["continuous 0", "continuous 0", "longpoll 0"]

    @pytest.mark.parametrize("status", [400, 501])
    async def test_a_server_that_only_knows_longpoll(self, fake, peer, status) -> None:
        async def answer(request: web.Request, body: bytes) -> web.StreamResponse:
            feeds.append(request.query["feed"])
            if request.query["feed"] == "continuous":
                return web.json_response({"error": "e", "reason": "r"}, status=status)
            last = len(feeds)
            return web.json_response({"results": [row(last)] if last > 2 else [], "last_seq": last})

        feeds: list[str] = []
        fake.on("GET", PATH, answer)
        batches = await take(peer, 3)
        assert feeds == ["normal", "continuous", "longpoll", "longpoll"]
        assert [len(batch.changes) for batch in batches] == [0, 1, 1]

    async def test_a_server_that_fails_for_a_while(self, fake, peer) -> None:
        said = [page(last_seq=0), Said(500), Said(502), Said(200, line("1-a"))]
        fake.reply("GET", PATH, *said)
        assert [one.seq for one in await take_changes(peer, 1)] == ["1-a"]

    async def test_a_refusal_ends_it(self, fake, peer) -> None:
        fake.reply("GET", PATH, page(last_seq=0), Said(403, {"error": "forbidden", "reason": "no"}))
        with pytest.raises(PeerError) as caught:
            await take(peer, 2)
        assert caught.value.error == "forbidden"

    async def test_a_limit_counts_over_all_requests(self, fake, peer) -> None:
        Feed(fake, [line("1-a"), line("2-b"), b"CUT"], [line("3-c"), line("4-d"), None])
        async with aclosing(peer.changes(ChangesRequest(continuous=True, limit=3, batch_rows=1))) as feed:
            changes = [change async for batch in feed for change in batch.changes]
        assert [one.seq for one in changes][:3] == ["1-a", "2-b", "3-c"]
