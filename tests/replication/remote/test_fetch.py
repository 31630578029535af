"""Fetching from peers that break off, lie, or lack ``_bulk_get``."""

import gzip
import json
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from docstore.replication.errors import PeerBroken, PeerError, PeerNotFound, PeerUnreachable
from docstore.replication.peer import MissingDoc, Wanted
from docstore.replication.remote.options import RemoteOptions
from docstore.replication.remote.peer import RemotePeer
from tests.replication.fake_server import FakeServer, NoSleep, Said, fake_server, say
from tests.replication.places import (
    Peers,
    contents,
    doc,
    fetch_all,
    fetch_one,
    inline,
    leaves_of,
    md5,
    members,
    rev,
    seed,
    transfer,
)

BULK_GET = "/db/_bulk_get"
TEXT = b"gzipped text " * 20


@pytest.fixture
async def fake() -> AsyncIterator[FakeServer]:
    async with fake_server() as server:
        yield server


class Remote:
    """Makes peers of the fake server."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.made: list[RemotePeer] = []

    def __call__(self, **options: object) -> RemotePeer:
        settings = RemoteOptions(**{"retries_per_request": 2, **options})
        self.made.append(RemotePeer(f"{self.url}/db", settings, sleep=NoSleep()))
        return self.made[-1]


@pytest.fixture
async def remote(fake: FakeServer) -> AsyncIterator[Remote]:
    made = Remote(fake.url)
    yield made
    for peer in made.made:
        await peer.close()


def text_of(doc_id: str, **more: object) -> dict[str, object]:
    return {"_id": doc_id, "_rev": rev("1-a"), "_revisions": {"start": 1, "ids": ["a" * 32]}, **more}


def found(*doc_ids: str, **more: object) -> Said:
    return Said(200, {"results": [{"id": one, "docs": [{"ok": text_of(one, **more)}]} for one in doc_ids]})


def wanted(*doc_ids: str) -> list[Wanted]:
    return [Wanted(one, (rev("1-a"),)) for one in doc_ids]


class TestBulkGet:
    async def test_the_request(self, fake, remote) -> None:
        fake.reply("POST", BULK_GET, found("a", "b"))
        docs, missing = await fetch_all(remote(), *wanted("a", "b"))
        assert ([one.id for one in docs], missing) == (["a", "b"], [])
        assert fake.asked[0].query == {"revs": "true", "latest": "true", "att_encoding_info": "true"}
        assert fake.asked[0].json == {"docs": [{"id": "a", "rev": rev("1-a")}, {"id": "b", "rev": rev("1-a")}]}

    async def test_texts_are_handed_on_to_the_byte(self, fake, remote) -> None:
        odd = b'{ "_rev":"1-x","_id" : "a", "n": 1.0000000000000000000001, "u":"\\u00fc\\/", "e":1E400 }'
        fake.reply("POST", BULK_GET, Said(200, b'{"results":[{"id":"a","docs":[{"ok":%b}]}]}' % odd))
        [one], _ = await fetch_all(remote(), *wanted("a"))
        assert one.text == odd

    async def test_portions(self, fake, remote) -> None:
        async def answer(request: web.Request, body: bytes) -> web.StreamResponse:
            ids = [row["id"] for row in json.loads(body)["docs"]]
            portions.append(len(ids))
            return await say(request, found(*ids))

        portions: list[int] = []
        fake.on("POST", BULK_GET, answer)
        docs, _ = await fetch_all(remote(max_batch_docs=4), *wanted(*"abcdefghij"))
        assert ([one.id for one in docs], portions) == (list("abcdefghij"), [4, 4, 2])

    async def test_long_replies_are_cut_up_while_they_arrive_and_go_on_after_a_break(self, fake, remote) -> None:
        ids = [f"d{number}" for number in range(30)]

        async def answer(request: web.Request, body: bytes) -> web.StreamResponse:
            asked = [row["id"] for row in json.loads(body)["docs"]]
            asks.append(len(asked))
            reply = found(*asked, x="é" * 25_000)
            return await say(request, Said(200, reply.body, cut=len(reply.bytes) // 2 if len(asks) < 3 else None))

        asks: list[int] = []
        fake.on("POST", BULK_GET, answer)
        docs, missing = await fetch_all(remote(), *wanted(*ids))
        assert ([one.id for one in docs], missing) == (ids, [])
        assert asks[0] == 30
        assert asks == sorted(asks, reverse=True)
        assert asks[-1] < 30, "what has arrived is not asked for again"

    async def test_errors_of_rows(self, fake, remote) -> None:
        rows = [
            {"id": "a", "docs": [{"error": {"id": "a", "rev": "1-a", "error": "not_found", "reason": "missing"}}]},
            {"id": "b", "docs": [{"error": "forbidden", "reason": "no"}]},
            {"id": "c", "docs": []},
            {"id": "d", "docs": [{"ok": text_of("d")}, {"ok": text_of("d", _deleted=True)}]},
        ]
        fake.reply("POST", BULK_GET, Said(200, {"results": rows}))
        docs, missing = await fetch_all(remote(), *wanted("a", "b", "c", "d"))
        assert [(one.id, one.deleted) for one in docs] == [("d", False), ("d", True)]
        assert missing == [
            MissingDoc("a", "1-a", "not_found", "missing"),
            MissingDoc("b", rev("1-a"), "forbidden", "no"),
        ]

    @pytest.mark.parametrize(
        "body",
        [b"<html>", b"{}", b'{"results":[]}', b'{"results":[{"id":"a","docs":[]},{"id":"b","docs":[]}]}', b"\xff\xfe"],
    )
    async def test_replies_that_are_none(self, fake, remote, body) -> None:
        fake.reply("POST", BULK_GET, Said(200, body))
        with pytest.raises(PeerBroken):
            await fetch_all(remote(), *wanted("a"))

    async def test_a_database_that_is_gone(self, fake, remote) -> None:
        fake.reply("POST", BULK_GET, Said(404, {"error": "not_found", "reason": "Database does not exist."}))
        with pytest.raises(PeerNotFound) as caught:
            await fetch_all(remote(), *wanted("a"))
        assert caught.value.error == "db_not_found"
        assert len(fake.asked) == 1


class TestWithoutBulkGet:
    @pytest.mark.parametrize("status", [404, 405, 500, 501])
    async def test_documents_are_asked_for_one_by_one(self, fake, remote, status) -> None:
        fake.reply("POST", BULK_GET, Said(status, {"error": "e", "reason": "r"}))
        fake.reply("GET", "/db/a%2Fb", Said(200, [{"ok": text_of("a/b")}, {"missing": rev("1-b")}]))
        fake.reply("GET", "/db/_design/c", Said(200, [{"ok": text_of("_design/c")}]))
        peer = remote(retries_per_request=0)
        question = [Wanted("a/b", (rev("1-a"), rev("1-b"))), Wanted("_design/c", (rev("1-a"),))]
        question += wanted("nowhere")
        docs, missing = await fetch_all(peer, *question)
        assert [(one.id, one.bulk) for one in docs][1] == ("_design/c", False)
        assert [(one.id, one.rev) for one in missing] == [("a/b", rev("1-b")), ("nowhere", rev("1-a"))]
        asked = fake.asked_for("GET", "/db/a%2Fb")[0]
        assert asked.query == {
            "revs": "true",
            "latest": "true",
            "att_encoding_info": "true",
            "open_revs": f'["{rev("1-a")}","{rev("1-b")}"]',
        }
        assert asked.headers["Accept"] == "application/json"

    async def test_it_is_not_asked_again(self, fake, remote) -> None:
        fake.reply("POST", BULK_GET, Said(405))
        fake.reply("GET", "/db/a", Said(200, [{"ok": text_of("a")}]))
        peer = remote()
        await fetch_all(peer, *wanted("a"))
        await fetch_all(peer, *wanted("a"))
        assert len(fake.asked_for("POST", BULK_GET)) == 1

    async def test_a_bulk_get_that_worked_once_is_trusted(self, fake, remote) -> None:
        fake.reply("POST", BULK_GET, found("a"), Said(500, {"error": "e", "reason": "a bad moment"}))
        peer = remote(retries_per_request=0)
        await fetch_all(peer, *wanted("a"))
        with pytest.raises(PeerError, match="a bad moment"):
            await fetch_all(peer, *wanted("a"))

    async def test_many_revisions_are_asked_for_in_portions(self, fake, remote) -> None:
        fake.reply("GET", "/db/a", Said(200, []))
        revs = tuple(f"1-{number:032x}" for number in range(500))
        await fetch_all(remote(use_bulk_get=False), Wanted("a", revs))
        asked = [json.loads(one.query["open_revs"]) for one in fake.asked]
        assert [one for some in asked for one in some] == list(revs)
        assert max(len(some) for some in asked) * 34 < 7000

    async def test_attachments(self, server) -> None:
        peers = Peers(server)
        attached = {"t.txt": inline("text/plain", TEXT), "p/ü.png": inline("image/png", b"\x00" * 99)}
        await seed(peers.local("source"), doc("a", "2-b", "1-a", _attachments=attached))
        target = peers.remote("target")
        await target.create()
        assert await transfer(peers.remote("source", use_bulk_get=False), target) == []
        assert await contents(peers, "target") == await contents(peers, "source")
        await peers.close()


class TestAttachments:
    async def test_a_peer_without_multipart_gives_them_one_by_one(self, fake, remote) -> None:
        stub = {"content_type": "text/plain", "revpos": 1, "digest": "md5-x", "length": 9, "stub": True}
        gzipped = {**stub, "encoding": "gzip", "encoded_length": 4}
        fake.reply("POST", BULK_GET, found("a", _attachments={"t": gzipped}))
        fake.reply("GET", "/db/a/t", Said(200, b"GZIP", {"Content-Encoding": "gzip", "Content-Type": "text/plain"}))
        one = await fetch_one(remote(), "a", "1-a")
        [attachment] = one.attachments
        assert b"".join([piece async for piece in attachment.open()]) == b"GZIP"
        asked = fake.asked_for("GET", "/db/a/t")[0]
        assert (asked.query, asked.headers["Accept-Encoding"]) == ({"rev": rev("1-a")}, "gzip")
        assert [one.headers["Accept"] for one in fake.asked_for("POST", BULK_GET)][1] == "multipart/mixed"

    async def test_one_that_comes_in_another_encoding_than_it_is_stored(self, fake, remote) -> None:
        stub = {"revpos": 1, "length": 99_000, "stub": True, "encoding": "gzip", "encoded_length": 4}
        fake.reply("POST", BULK_GET, found("a", _attachments={"t": stub}))
        fake.reply("GET", "/db/a/t", Said(200, b"PLAIN"))
        one = await fetch_one(remote(), "a", "1-a")
        with pytest.raises(PeerBroken, match="as it is stored"):
            [piece async for piece in one.attachments[0].open()]

    async def test_one_that_a_proxy_has_compressed(self, fake, remote) -> None:
        stub = {"revpos": 1, "length": 99_000, "stub": True}
        fake.reply("POST", BULK_GET, found("a", _attachments={"t": stub}))
        fake.reply("GET", "/db/a/t", Said(200, gzip.compress(b"PLAIN"), {"Content-Encoding": "gzip"}))
        one = await fetch_one(remote(), "a", "1-a")
        assert b"".join([piece async for piece in one.attachments[0].open()]) == b"PLAIN"

    async def test_one_that_breaks_off(self, fake, remote) -> None:
        fake.reply("POST", BULK_GET, found("a", _attachments={"t": {"revpos": 1, "length": 99_000, "stub": True}}))
        fake.reply("GET", "/db/a/t", Said(200, b"x" * 99_000, cut=500))
        one = await fetch_one(remote(), "a", "1-a")
        with pytest.raises(PeerUnreachable):
            [piece async for piece in one.attachments[0].open()]

    async def test_a_peer_that_sends_stubs_where_bytes_are_asked_for(self, fake, remote) -> None:
        stub = {"content_type": "image/png", "revpos": 1, "digest": md5(b"abc"), "length": 3, "stub": True}
        fake.reply("POST", BULK_GET, found("a", _attachments={"t": stub}))
        fake.reply("GET", "/db/a/t", Said(200, b"abc"))
        one = await fetch_one(remote(), "a", "1-a")
        assert members(one)["_attachments"]["t"]["follows"] is True
        assert b"".join([piece async for piece in one.attachments[0].open()]) == b"abc"

    async def test_bytes_in_memory_count(self, server) -> None:
        peers = Peers(server)
        await seed(peers.local("db"), doc("a", "1-a", _attachments={"t.txt": inline("text/plain", TEXT)}))
        one = await fetch_one(peers.remote("db"), "a", "1-a")
        assert one.size == len(one.text) + one.attachments[0].encoded_length
        await peers.close()

    async def test_small_ones_of_many_documents_take_few_requests(self, server) -> None:
        peers = Peers(server)
        docs = [doc(f"d{number}", "1-a", _attachments={"t": inline("text/plain", TEXT)}) for number in range(40)]
        docs += [doc(f"e{number}", "1-a", _attachments={"t": inline("image/png", TEXT)}) for number in range(40)]
        await seed(peers.local("source"), *docs)
        asked = server.node.counters.requests
        found_docs, _ = await fetch_all(peers.remote("source"), *wanted(*[one.id for one in docs]))
        assert len(found_docs) == 80
        assert server.node.counters.requests - asked <= 5, "a session, stubs, text, parts"
        assert len(await leaves_of(peers.local("source"))) == 80
        await peers.close()
