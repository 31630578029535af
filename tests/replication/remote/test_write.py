"""Writing to peers that refuse, lag, or go away in the middle."""

import asyncio
import gzip
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable

import pytest
from aiohttp import web

from docstore.errors import Conflict
from docstore.replication.errors import (
    PeerBroken,
    PeerError,
    PeerForbidden,
    PeerNotFound,
    PeerUnauthorized,
    PeerUnreachable,
)
from docstore.replication.peer import FetchedAttachment, FetchedDoc, MissingDoc, WriteFailure
from docstore.replication.remote.options import RemoteOptions
from docstore.replication.remote.peer import RemotePeer
from docstore.settings import Limits
from docstore.testing import run_node
from tests.replication.fake_server import FakeServer, NoSleep, Said, fake_server
from tests.replication.places import Peers, contents, doc, leaves_of, md5, rev

BULK_DOCS = "/db/_bulk_docs"
REV = rev("1-a")


@pytest.fixture
async def fake() -> AsyncIterator[FakeServer]:
    async with fake_server() as server:
        yield server


class Remote:
    def __init__(self, url: str) -> None:
        self.url = url
        self.sleep = NoSleep()
        self.made: list[RemotePeer] = []

    def __call__(self, **options: object) -> RemotePeer:
        settings = RemoteOptions(**{"retries_per_request": 2, **options})
        self.made.append(RemotePeer(f"{self.url}/db", settings, sleep=self.sleep))
        return self.made[-1]


@pytest.fixture
async def remote(fake: FakeServer) -> AsyncIterator[Remote]:
    made = Remote(fake.url)
    yield made
    for peer in made.made:
        await peer.close()


class Target:
    """A ``_bulk_docs`` that keeps what it takes."""

    def __init__(self, fake: FakeServer, refuses: Callable[[list[str], int], Said | None]) -> None:
        self.requests: list[list[str]] = []
        self.taken: list[str] = []
        self._refuses = refuses
        fake.on("POST", BULK_DOCS, self.answer)

    async def answer(self, request: web.Request, body: bytes) -> web.StreamResponse:
        members = json.loads(body)
        assert members["new_edits"] is False
        ids = [one["_id"] for one in members["docs"]]
        self.requests.append(ids)
        said = self._refuses(ids, len(body))
        if said is not None and said.status != 201:
            return web.json_response(said.body, status=said.status)
        rows = [] if said is None else said.body
        self.taken += [one for one in ids if one not in {row["id"] for row in rows}]
        return web.json_response(rows, status=201)


def docs(*ids: str, **more: object) -> list[FetchedDoc]:
    return [doc(one, "1-a", **more) for one in ids]


class TestBulk:
    async def test_portions_are_bounded_in_documents_and_bytes(self, fake, remote) -> None:
        target = Target(fake, lambda ids, size: None)
        await remote(max_batch_docs=3).write(docs(*"abcdefg"))
        assert target.requests == [list("abc"), list("def"), ["g"]]
        target.requests.clear()
        await remote(max_batch_bytes=2500).write(docs(*"abcd", x="x" * 1000))
        assert target.requests == [["a", "b"], ["c", "d"]]

    async def test_texts_are_sent_to_the_byte(self, fake, remote) -> None:
        fake.reply("POST", BULK_DOCS, Said(201, []))
        odd = b'{"_id":"a", "n":1.00000000000000000000001 ,"u":"\\u00fc"}'
        await remote().write([FetchedDoc("a", REV, False, odd)])
        assert fake.asked[0].body == b'{"new_edits":false,"docs":[' + odd + b"]}"

    async def test_a_request_that_is_too_large_is_halved_until_it_is_not(self, fake, remote) -> None:
        target = Target(
            fake, lambda ids, size: Said(413, {"error": "too_large", "reason": "r"}) if size > 700 else None
        )
        assert await remote().write(docs(*"abcdefgh")) == []
        assert sorted(target.taken) == list("abcdefgh")

    async def test_a_document_that_is_too_large_alone_is_its_own_failure(self, fake, remote) -> None:
        too_large = Said(413, {"error": "document_too_large", "reason": "d"})
        target = Target(fake, lambda ids, size: too_large if "d" in ids else None)
        assert await remote().write(docs(*"abcdefgh")) == [WriteFailure("d", REV, "document_too_large", "d")]
        assert sorted(target.taken) == list("abcefgh")

    async def test_a_request_that_is_refused_for_one_document(self, fake, remote) -> None:
        bad = Said(400, {"error": "doc_validation", "reason": "Bad special document member: _x"})
        target = Target(fake, lambda ids, size: bad if "b" in ids else None)
        failures = await remote().write(docs(*"abc"))
        assert failures == [WriteFailure("b", REV, "doc_validation", "Bad special document member: _x")]
        assert sorted(target.taken) == ["a", "c"]

    async def test_rows_that_tell_of_failures(self, fake, remote) -> None:
        rows = [
            {"id": "a", "rev": REV, "error": "forbidden", "reason": "no"},
            {"id": "b", "rev": REV, "ok": True},
        ]
        fake.reply("POST", BULK_DOCS, Said(201, rows))
        assert await remote().write(docs("a", "b")) == [WriteFailure("a", REV, "forbidden", "no")]

    async def test_rows_that_may_succeed_later_are_written_again(self, fake, remote) -> None:
        row = {"id": "a", "rev": REV, "error": "internal_server_error", "reason": "r"}
        target = Target(fake, lambda ids, size: Said(201, [row]) if len(target.requests) < 3 else None)
        assert await remote().write(docs("a", "b")) == []
        assert target.requests == [["a", "b"], ["a"], ["a"]]

    async def test_rows_that_never_succeed_end_the_work(self, fake, remote) -> None:
        row = {"id": "a", "rev": REV, "error": "internal_server_error", "reason": "r"}
        fake.reply("POST", BULK_DOCS, Said(201, [row]))
        with pytest.raises(PeerError, match="keeps failing"):
            await remote().write(docs("a"))

    @pytest.mark.parametrize(("status", "kind"), [(401, PeerUnauthorized), (403, PeerForbidden), (500, PeerError)])
    async def test_a_refusal_of_everything_is_no_failure_of_documents(self, fake, remote, status, kind) -> None:
        fake.reply("POST", BULK_DOCS, Said(status, {"error": "e", "reason": "r"}))
        with pytest.raises(kind):
            await remote().write(docs("a", "b"))

    async def test_a_database_that_is_gone(self, fake, remote) -> None:
        fake.reply("POST", BULK_DOCS, Said(404, {"error": "not_found", "reason": "no_db_file"}))
        with pytest.raises(PeerNotFound):
            await remote().write(docs("a"))

    async def test_a_target_that_dies_in_the_middle(self, fake, remote) -> None:
        fake.reply("POST", BULK_DOCS, Said(201, [], cut=1), Said(201, []))
        assert await remote().write(docs("a")) == []
        assert fake.asked[0].body == fake.asked[1].body


class Source:
    """Attachments that can be read as often as the test allows."""

    def __init__(self, data: bytes, *, failures: list[Exception | None] | None = None, digest: str = "") -> None:
        self.data = data
        self.failures = failures or []
        self.opened = 0
        self._digest = digest or md5(data)

    async def open(self) -> AsyncGenerator[bytes]:
        self.opened += 1
        failure = self.failures.pop(0) if self.failures else None
        middle = len(self.data) // 2
        yield self.data[:middle]
        if failure is not None:
            raise failure
        yield self.data[middle:]

    def doc(self, doc_id: str = "a", length: int | None = None) -> FetchedDoc:
        size = len(self.data) if length is None else length
        member = {"content_type": "image/png", "revpos": 1, "digest": self._digest, "length": size, "follows": True}
        plain = doc(doc_id, "1-a", _attachments={"p": member})
        attachment = FetchedAttachment("p", "image/png", 1, self._digest, size, size, None, self.open)
        return FetchedDoc(doc_id, plain.rev, False, plain.text, attachments=(attachment,))


SIZES = [10, 300_000]
"""Bodies that are sent at once, and in pieces."""


@pytest.fixture
async def peers(server) -> AsyncIterator[Peers]:
    made = Peers(server)
    yield made
    await made.close()


@pytest.fixture(params=["local", "remote"])
async def target(request, peers: Peers) -> object:
    peer = peers.of_kind(request.param, "db", retries_per_request=5)
    await peer.create()
    return peer


@pytest.mark.parametrize("size", SIZES)
class TestStreamed:
    """On both kinds of peers: the source is what fails here."""

    async def test_arrives(self, peers, target, size) -> None:
        source = Source(bytes(size))
        assert await target.write([source.doc(f"d{number}") for number in range(20)]) == []
        found = await contents(peers, "db")
        assert len(found) == 20
        assert all(attachments == {"p": bytes(size)} for _, attachments in found.values())

    async def test_a_source_that_breaks_off_is_read_again(self, peers, target, size) -> None:
        source = Source(bytes(size), failures=[PeerUnreachable("x"), PeerUnreachable("y")])
        assert await target.write([source.doc()]) == []
        assert source.opened == 3
        [(_, attachments)] = (await contents(peers, "db")).values()
        assert attachments == {"p": bytes(size)}

    async def test_a_source_that_always_breaks_off_ends_the_work(self, target, size) -> None:
        source = Source(bytes(size), failures=[PeerUnreachable("x")] * 9)
        with pytest.raises(PeerUnreachable, match="x"):
            await target.write([source.doc()])
        assert await leaves_of(target) == {}

    async def test_wrong_bytes_are_the_documents_failure_and_never_written(self, peers, target, size) -> None:
        source = Source(bytes(size), digest=md5(b"other"))
        [failure] = await target.write([source.doc()])
        assert (failure.id, failure.rev) == ("a", REV)
        assert source.opened == 6
        assert await leaves_of(target) == {}

    @pytest.mark.parametrize("error", [1, -1])
    async def test_a_wrong_length_is_too(self, target, size, error) -> None:
        [failure] = await target.write([Source(bytes(size)).doc(length=size + error)])
        assert failure.id == "a"
        assert await leaves_of(target) == {}

    async def test_a_revision_that_has_gone_from_the_source(self, target, size) -> None:
        source = Source(bytes(size), failures=[PeerNotFound("missing", status=404)])
        assert await target.write([source.doc()]) == [WriteFailure("a", REV, "not_found", "missing")]

    async def test_a_source_that_refuses_ends_the_work(self, target, size) -> None:
        source = Source(bytes(size), failures=[PeerUnauthorized("r", status=401)])
        with pytest.raises(PeerUnauthorized):
            await target.write([source.doc()])

    async def test_a_source_whose_database_is_gone_ends_the_work(self, target, size) -> None:
        source = Source(bytes(size), failures=[PeerNotFound("could not open x", error="db_not_found")])
        with pytest.raises(PeerNotFound):
            await target.write([source.doc()])

    async def test_cancelled_in_the_middle_nothing_is_left(self, peers, target, size) -> None:
        reading = asyncio.Event()

        async def endless() -> AsyncGenerator[bytes]:
            yield bytes(size)
            reading.set()
            await asyncio.Event().wait()

        one = Source(bytes(2 * size)).doc()
        one = FetchedDoc(
            "a",
            REV,
            False,
            one.text,
            attachments=(one.attachments[0].__class__("p", "image/png", 1, "", 2 * size, 2 * size, None, endless),),
        )
        writing = asyncio.ensure_future(target.write([one]))
        await reading.wait()
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
        assert await leaves_of(target) == {}


class TestStreamedTo:
    """The target is what fails here."""

    @pytest.mark.parametrize("size", SIZES)
    async def test_one_that_dies_in_the_middle(self, fake, remote, size) -> None:
        fake.reply("PUT", "/db/a", Said(201, {"ok": True}, cut=2), Said(500), Said(201, {"ok": True}))
        source = Source(bytes(size))
        assert await remote().write([source.doc()]) == []
        bodies = [one.body for one in fake.asked]
        assert len(bodies) == 3
        assert len({len(body) for body in bodies}) == 1
        assert {one.query["new_edits"] for one in fake.asked} == {"false"}
        assert {one.headers["Content-Length"] for one in fake.asked} == {str(len(bodies[0]))}

    async def test_one_that_takes_only_so_much(self, tmp_path) -> None:
        """It says so before everything was sent, and does not listen to the rest."""
        limits = Limits(max_attachment_size=100_000, max_request_body=1_000_000)
        async with run_node(data=tmp_path / "data", limits=limits) as server:
            peers = Peers(server)
            target = peers.remote("db")
            await target.create()
            failures = await target.write([Source(bytes(3_000_000)).doc(), Source(bytes(10)).doc("b")])
            assert [(one.id, one.error) for one in failures] == [("a", "attachment_too_large")]
            assert set(await leaves_of(target)) == {"b"}
            await peers.close()

    async def test_a_document_that_may_not_be_written(self, fake, remote) -> None:
        fake.reply("PUT", "/db/a", Said(403, {"error": "forbidden", "reason": "invalid"}))
        fake.reply("GET", "/db", Said(200, {"db_name": "db"}))
        assert await remote().write([Source(b"x").doc()]) == [WriteFailure("a", REV, "forbidden", "invalid")]

    async def test_a_user_who_may_do_nothing_any_more(self, fake, remote) -> None:
        fake.reply("PUT", "/db/a", Said(401, {"error": "unauthorized", "reason": "r"}))
        fake.reply("GET", "/db", Said(401, {"error": "unauthorized", "reason": "r"}))
        with pytest.raises(PeerUnauthorized):
            await remote().write([Source(b"x").doc()])

    async def test_a_stub_that_finds_nothing(self, fake, remote) -> None:
        missing = Said(412, {"error": "missing_stub", "reason": "r"})
        fake.reply("PUT", "/db/a", missing, Said(201, {}))
        one = Source(b"x").doc()
        whole = Source(b"xy").doc()

        async def complete() -> FetchedDoc:
            return whole

        asked = FetchedDoc("a", REV, False, one.text, attachments=one.attachments, complete=complete)
        assert await remote().write([asked]) == []
        assert len(fake.asked) == 2
        assert await remote().write([one]) == []

    async def test_a_stub_that_finds_nothing_and_a_source_that_has_nothing_more(self, fake, remote) -> None:
        fake.reply("POST", BULK_DOCS, Said(412, {"error": "missing_stub", "reason": "r"}))

        async def complete() -> MissingDoc:
            return MissingDoc("a", REV, "not_found", "missing")

        asked = FetchedDoc("a", REV, False, doc("a", "1-a").text, complete=complete)
        assert await remote().write([asked]) == [WriteFailure("a", REV, "not_found", "missing")]
        alone = doc("a", "1-a")
        assert await remote().write([alone]) == [WriteFailure("a", REV, "missing_stub", "r")]

    async def test_a_conflict_with_what_the_protocol_says_is_told(self, fake, remote) -> None:
        fake.reply("PUT", "/db/a", Said(200, b"<html>"))
        assert await remote().write([Source(b"x").doc()]) == [], "the status is what counts"


class TestGzip:
    @pytest.mark.parametrize(
        ("welcome", "plain"),
        [
            (Said(200, {"couchdb": "Welcome", "vendor": {"name": "x"}}), False),
            (Said(200, {"express-pouchdb": "Welcome!"}), True),
            (Said(404), False),
            (Said(200, b"<html>"), False),
        ],
    )
    async def test_is_for_those_who_know_it(self, fake, remote, welcome, plain) -> None:
        stored = gzip.compress(b"text", mtime=0)

        async def read() -> AsyncGenerator[bytes]:
            yield stored

        fake.reply("GET", "/", welcome)
        fake.reply("PUT", "/db/a", Said(201, {}))
        member = {"follows": True, "length": 4, "encoding": "gzip", "encoded_length": len(stored)}
        text = doc("a", "1-a", _attachments={"t": member}).text
        attachment = FetchedAttachment("t", "text/plain", 1, md5(stored), 4, len(stored), "gzip", read)
        one = FetchedDoc("a", REV, False, text, attachments=(attachment,))
        peer = remote()
        assert await peer.write([one, one]) == []
        assert len(fake.asked_for("GET", "/")) <= 2
        for sent in fake.asked_for("PUT", "/db/a"):
            assert (b"Content-Encoding: gzip" not in sent.body) == plain
            assert (b"\r\n\r\ntext\r\n" in sent.body) == plain


class TestLocalDocuments:
    async def test_an_attempt_whose_answer_was_lost(self, fake, remote) -> None:
        fake.reply("PUT", "/db/_local/c", Said(201, {"rev": "0-1"}, cut=1), Said(409, {"error": "conflict"}))
        fake.reply("GET", "/db/_local/c", Said(200, {"_id": "_local/c", "_rev": "0-1", "v": 1}))
        assert await remote().put_local("c", {"v": 1}) == "0-1"

    async def test_a_real_conflict(self, fake, remote) -> None:
        fake.reply("PUT", "/db/_local/c", Said(409, {"error": "conflict"}))
        fake.reply("GET", "/db/_local/c", Said(200, {"_id": "_local/c", "_rev": "0-3", "v": 2}))
        with pytest.raises(Conflict):
            await remote().put_local("c", {"_rev": "0-1", "v": 1})

    async def test_a_body_that_is_no_document(self, fake, remote) -> None:
        fake.reply("GET", "/db/_local/c", Said(200, [1]))
        with pytest.raises(PeerBroken):
            await remote().get_local("c")


class TestOtherServers:
    async def test_without_ensure_full_commit(self, fake, remote) -> None:
        fake.reply("POST", "/db/_ensure_full_commit", Said(404, {"error": "not_found", "reason": "missing"}))
        fake.reply("GET", "/db", Said(200, {"db_name": "db", "update_seq": 3, "instance_start_time": "17"}))
        assert await remote().ensure_full_commit() == "17"

    async def test_the_words_for_those_who_may_not(self, fake, remote) -> None:
        fake.reply("GET", "/db", Said(401, {"error": "unauthorized", "reason": "r"}))
        fake.reply("PUT", "/db", Said(403, {"error": "forbidden", "reason": "r"}))
        with pytest.raises(PeerUnauthorized) as caught:
            await remote().info()
        assert caught.value.reason == f"unauthorized to access or create database {fake.url}/db/"
        with pytest.raises(PeerForbidden) as refused:
            await remote().create()
        assert refused.value.reason == f"forbidden to access or create database {fake.url}/db/"
