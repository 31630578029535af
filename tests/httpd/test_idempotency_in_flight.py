"""Requests with the same Idempotency-Key that meet, break off, or come late."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
import pytest

from docstore.node import Node
from docstore.settings import Admin, Limits
from docstore.testing import TestNode, run_node
from tests.httpd.asking import Answer, Database
from tests.httpd.attaching import stagings, until, wire
from tests.storage_findings import storage_findings

IN_FLIGHT = (
    409,
    "idempotency_in_flight",
    "A request with this Idempotency-Key is still being carried out; try again later.",
)
CONFLICT = (409, "conflict", "Document update conflict.")


@contextmanager
def stalled(node: Node) -> Iterator[None]:
    """Nothing is committed before the block ends."""
    gate = threading.Event()
    usual = node.writer._commit

    def commit(transaction) -> None:
        gate.wait(60)
        usual(transaction)

    node.writer._commit = commit
    try:
        yield
    finally:
        node.writer._commit = usual
        gate.set()


def under_way(node: Node) -> int:
    return len(node.remembered._under_way)


def is_replay(answer: Answer) -> bool:
    return answer.headers.get("Idempotency-Replayed") == "true"


def raw_put(path: str, body: bytes, key: str = "k", *headers: str) -> bytes:
    lines = [f"PUT {path} HTTP/1.1", "Host: localhost", f"Idempotency-Key: {key}", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, *headers, "", ""]).encode() + body


@pytest.fixture
async def db(client) -> Database:
    return await Database(client).create()


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "", {"n": 1}),
        ("PUT", "/a", {"n": 1}),
        ("POST", "/_bulk_docs", {"docs": [{"n": 1}, {"n": 2}]}),
        ("PUT", "/a/name", b"bytes"),
        ("PUT", "/_local/a", {"n": 1}),
    ],
)
async def test_of_many_at_once_one_is_carried_out(server, db, method, path, body) -> None:
    answers = await asyncio.gather(*(db.ask(method, path, body, Idempotency_Key="k") for _ in range(8)))
    assert {answer.status for answer in answers} == {201}
    assert len({answer.body for answer in answers}) == 1
    assert sum(not is_replay(answer) for answer in answers) == 1
    assert under_way(server.node) == 0
    await until(lambda: stagings(server) == 0)


async def test_of_many_that_make_or_delete_a_database_one_is_carried_out(client) -> None:
    db = Database(client)
    for method, status in (("PUT", 201), ("DELETE", 200)):
        answers = await asyncio.gather(*(db.ask(method, "", Idempotency_Key=method) for _ in range(8)))
        assert {answer.status for answer in answers} == {status}
        assert sum(not is_replay(answer) for answer in answers) == 1


async def test_who_comes_while_it_is_under_way_waits(server, db) -> None:
    with stalled(server.node):
        first = asyncio.create_task(db.put("a", {}, Idempotency_Key="k"))
        await until(lambda: under_way(server.node))
        second = asyncio.create_task(db.put("a", {}, Idempotency_Key="k"))
        other = asyncio.create_task(db.put("a", {"n": 1}, Idempotency_Key="k"))
        await db.get("_all_docs")
        assert not second.done()
    assert ((await first).status, is_replay(await first)) == (201, False)
    assert ((await second).status, is_replay(await second)) == (201, True)
    assert (await other).status == 422


async def test_who_waits_too_long_is_told_so(tmp_path) -> None:
    async with run_node(data=tmp_path, idempotency_wait=0.01) as server, aiohttp.ClientSession(server.url) as client:
        db = await Database(client).create()
        with stalled(server.node):
            first = asyncio.create_task(db.put("a", {}, Idempotency_Key="k"))
            await until(lambda: under_way(server.node))
            assert (await db.put("a", {}, Idempotency_Key="k")).error == IN_FLIGHT
        assert (await first).status == 201
        assert is_replay(await db.put("a", {}, Idempotency_Key="k"))


async def test_who_waits_for_one_that_fails_is_carried_out(server, db) -> None:
    with stalled(server.node):
        plain = asyncio.create_task(db.put("a", {}))
        await until(lambda: server.node.counters.requests and not server.node.writer._outbox)
        keyed = [asyncio.create_task(db.put("a", {"n": 1}, Idempotency_Key="k")) for _ in range(3)]
        await until(lambda: under_way(server.node))
    assert (await plain).status == 201
    assert [(await one).error for one in keyed] == [CONFLICT] * 3
    assert under_way(server.node) == 0


async def test_a_client_that_hangs_up_does_not_end_its_request(server, db) -> None:
    with stalled(server.node):
        async with wire(server) as connection:
            connection.writer.write(raw_put("/db/a", b'{"n":1}'))
            await until(lambda: under_way(server.node))
        retry = asyncio.create_task(db.put("a", b'{"n":1}', Idempotency_Key="k"))
        await db.get("")
    answer = await retry
    assert (answer.status, is_replay(answer)) == (201, True)
    assert answer.json["rev"].startswith("1-")
    assert (await db.get("_changes")).json["results"][0]["changes"] == [{"rev": answer.json["rev"]}]


async def test_a_request_that_was_not_sent_to_its_end_holds_nobody_up(server, db) -> None:
    sent = raw_put("/db/a", b'{"n":1}')
    async with wire(server) as connection:
        connection.writer.write(sent[:-3])
        await connection.writer.drain()
        answer = await db.put("a", b'{"n":1}', Idempotency_Key="k")
        assert (answer.status, is_replay(answer)) == (201, False)
        late = await connection.ask(sent[-3:])
        assert (late.status, late.headers["Idempotency-Replayed"], late.body) == (201, "true", answer.body)


async def test_an_attachment_that_was_not_sent_to_its_end_leaves_nothing(server, db) -> None:
    body = bytes(300_000)
    sent = raw_put("/db/a/name", body)
    async with wire(server) as connection:
        connection.writer.write(sent[:-3])
        await connection.writer.drain()
        answer = await db.put("a/name", body, Content_Type=None, Idempotency_Key="k")
        assert (answer.status, is_replay(answer)) == (201, False)
        late = await connection.ask(sent[-3:])
        assert (late.status, late.headers["Idempotency-Replayed"], late.body) == (201, "true", answer.body)
        await until(lambda: stagings(server) == 0)
    async with wire(server) as connection:
        connection.writer.write(raw_put("/db/b/name", body, "other")[:-3])
        await connection.writer.drain()
    answer = await db.put("b/name", body, Content_Type=None, Idempotency_Key="other")
    assert (answer.status, is_replay(answer)) == (201, False)


async def test_a_replay_waits_for_leave_to_send_the_body(server, db) -> None:
    await db.put("a/name", b"bytes", Content_Type=None, Idempotency_Key="k")
    sent = raw_put("/db/a/name", b"bytes", "k", "Expect: 100-continue")
    async with wire(server) as connection:
        interim = await connection.ask(sent[:-5])
        assert interim.status == 100
        answer = await connection.ask(sent[-5:])
        assert (answer.status, answer.headers["Idempotency-Replayed"]) == (201, "true")


@pytest.mark.parametrize(("path", "body"), [("a", {}), ("a/name", b"bytes")])
async def test_one_that_is_refused_because_it_was_carried_out_meanwhile(monkeypatch, server, db, path, body) -> None:
    """The first look at the key comes just before the other one's commit."""
    first = await db.put(path, body, Idempotency_Key="k")
    find = server.node.remembered.find_row
    looks = []

    def too_early(*key):
        looks.append(key)
        return None if len(looks) == 1 else find(*key)

    monkeypatch.setattr(server.node.remembered, "find_row", too_early)
    again = await db.put(path, body, Idempotency_Key="k")
    assert (again.status, again.body, is_replay(again)) == (201, first.body, True)
    assert len(looks) == 2


async def test_a_refusal_of_its_own_stays_one(server, db) -> None:
    await db.put("a", {})
    for _ in range(2):
        assert (await db.put("a", {}, Idempotency_Key="k")).error == CONFLICT


async def test_a_long_body(server, db) -> None:
    body = json.dumps({"text": "x" * 700_000}).encode()
    first, again = [await db.put("a", body, Idempotency_Key="k") for _ in range(2)]
    assert (again.status, is_replay(again), again.body) == (201, True, first.body)
    assert (await db.put("a", body + b" ", Idempotency_Key="k")).status == 422


async def test_a_reply_that_would_be_too_long_is_refused_before_anything_is_written(tmp_path) -> None:
    assert Limits().max_stored_reply == 1 << 20
    limits = Limits(max_stored_reply=10_000)
    async with run_node(data=tmp_path, limits=limits) as server, aiohttp.ClientSession(server.url) as client:
        db = await Database(client).create()
        documents = [{"_id": f"document-{number:06}"} for number in range(250)]
        for many in (130, 250):
            answer = await db.post("_bulk_docs", {"docs": documents[:many]}, Idempotency_Key="k")
            assert answer.error[:2] == (400, "bad_request")
            assert "10000 bytes" in answer.error[2]
        assert (await db.get("")).json["doc_count"] == 0
        first, again = [await db.post("_bulk_docs", {"docs": documents[:110]}, Idempotency_Key="k") for _ in range(2)]
        assert (first.status, is_replay(again), again.body) == (201, True, first.body)
        assert 8_000 < len(first.body) <= 10_000
        assert (await db.post("_purge", {"x" * 9_990: ["1-abc"]}, Idempotency_Key="p")).status == 400
        replicas = {"docs": [{"_rev": "1-abc", **document} for document in documents], "new_edits": False}
        first, again = [await db.post("_bulk_docs", replicas, Idempotency_Key="r") for _ in range(2)]
        assert (first.body, is_replay(again), again.body) == (b"[]\n", True, b"[]\n")


async def test_so_is_a_long_reply_to_a_request_that_writes_nothing(tmp_path) -> None:
    limits = Limits(max_stored_reply=1_000)
    async with run_node(data=tmp_path, limits=limits) as server, aiohttp.ClientSession(server.url) as client:
        db = await Database(client).create()
        asked = {"leaves": [await db.write("a", {"text": "x" * 2_000})], "keep": "winner"}
        answer = await db.post("a/_resolve?dry_run=true", asked, Idempotency_Key="k")
        assert answer.error[:2] == (400, "bad_request")
        assert (await db.post("a/_resolve?dry_run=true", asked)).status == 200
        assert not is_replay(await db.post("a/_resolve", asked, Idempotency_Key="k"))


async def test_no_more_than_the_limit_are_kept(tmp_path) -> None:
    limits = Limits(max_stored_replies=3)
    async with run_node(data=tmp_path, limits=limits) as server, aiohttp.ClientSession(server.url) as client:
        db = await Database(client).create()
        other = await Database(client, "other").create()
        assert (await other.put("a", {}, Idempotency_Key="a")).status == 201
        for key in "abcde":
            assert (await db.put(key, {}, Idempotency_Key=key)).status == 201
        assert [is_replay(await db.put(key, {}, Idempotency_Key=key)) for key in "cde"] == [True] * 3
        assert [(await db.put(key, {}, Idempotency_Key=key)).error for key in "ab"] == [CONFLICT] * 2
        assert is_replay(await other.put("a", {}, Idempotency_Key="a"))


async def test_a_key_expires(monkeypatch, server, db) -> None:
    await db.put("a", {}, Idempotency_Key="k")
    replies = server.node.remembered
    clock = replies._clock
    monkeypatch.setattr(replies, "_clock", lambda: clock() + 86_399 * 1_000_000)
    assert is_replay(await db.put("a", {}, Idempotency_Key="k"))
    monkeypatch.setattr(replies, "_clock", lambda: clock() + 86_400 * 1_000_000)
    assert (await db.put("a", {}, Idempotency_Key="k")).error == CONFLICT
    anew = await db.put("b", {}, Idempotency_Key="k")
    assert (anew.status, is_replay(anew)) == (201, False)
    assert is_replay(await db.put("b", {}, Idempotency_Key="k"))


async def test_a_server_that_is_started_again_remembers(tmp_path) -> None:
    first: Answer | None = None
    for _ in range(2):
        async with run_node(data=tmp_path) as server, aiohttp.ClientSession(server.url) as client:
            db = Database(client)
            await db.ask("PUT", "")
            answer = await db.post("", {"n": 1}, Idempotency_Key="k")
            assert storage_findings(server.node) == []
        assert first is None or (answer.body, is_replay(answer)) == (first.body, True)
        first = answer


async def test_everybody_has_keys_of_their_own(tmp_path) -> None:
    made = []
    for name in ("sue", "bob", "sue"):
        headers = {"Authorization": aiohttp.encode_basic_auth(name, "secret")}
        async with (
            run_node(data=tmp_path, admin=Admin(name, "secret")) as server,
            aiohttp.ClientSession(server.url, headers=headers) as client,
        ):
            db = Database(client)
            await db.ask("PUT", "")
            made.append(await db.post("", {"n": 1}, Idempotency_Key="k"))
            async with aiohttp.ClientSession(server.url) as stranger:
                assert (await Database(stranger).post("", {"n": 1}, Idempotency_Key="k")).status == 401
    assert [is_replay(answer) for answer in made] == [False, False, True]
    assert made[0].body == made[2].body != made[1].body


async def test_what_belongs_to_one_moment_is_not_stored(tmp_path) -> None:
    admin = Admin("sue", "secret")
    jar = aiohttp.CookieJar(unsafe=True)  # one that takes cookies of bare addresses
    async with (
        run_node(data=tmp_path, admin=admin) as server,
        aiohttp.ClientSession(server.url, cookie_jar=jar) as client,
    ):
        async with client.post("/_session", json={"name": "sue", "password": "secret"}) as reply:
            assert reply.status == 200
        db = await Database(client).create()
        first, again = [await db.put("a", {}, Idempotency_Key="k") for _ in range(2)]
        stored = server.node.remembered.find("db", "sue", "k")
        assert stored is not None
        assert [name for name, _ in stored.reply.headers] == ["Location"]
        assert first.headers["X-Couch-Request-ID"] != again.headers["X-Couch-Request-ID"]
        ours = {"Idempotency-Replayed", "Set-Cookie"}
        assert [name for name in again.headers if name not in ours] == [
            name for name in first.headers if name not in ours
        ]


async def test_replays_are_counted(server: TestNode, db) -> None:
    for _ in range(3):
        await db.put("a", {}, Idempotency_Key="k")
    assert server.node.conflict_stats.replays == {"db": 2}


async def test_a_resumable_upload_has_no_key(server, db) -> None:
    answer = await db.put("a/name", b"bytes", Upload_Complete="?1", Idempotency_Key="k")
    assert answer.error[:2] == (400, "bad_request")
    assert (await db.get("a")).status == 404


async def test_another_method_in_a_post(db) -> None:
    for _ in range(2):
        answer = await db.post("a", {"n": 1}, X_HTTP_Method_Override="PUT", Idempotency_Key="k")
        assert answer.status == 201
    assert is_replay(answer)
    assert is_replay(await db.put("a", {"n": 1}, Idempotency_Key="k"))
