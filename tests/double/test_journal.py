"""The journal: what is kept of requests, how it is asked, and what it says when a test expected something else."""

import asyncio
import gzip
import json
import threading
from base64 import b64decode
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from docstore.double import journal as module
from docstore.double.actions import Answer, SpuriousConflict
from docstore.double.report import failure_report
from docstore.testing import TestNode, run_node, run_node_in_thread


async def put(client: aiohttp.ClientSession, name: str, **more: Any) -> int:
    async with client.put(f"/films/{name}", json={"name": name}, **more) as reply:
        return reply.status


async def test_what_is_kept(server: TestNode, client: aiohttp.ClientSession) -> None:
    body = gzip.compress(b'{"year": 1979}')
    analytics = "service_name=cloudant;service_version=V1;operation_id=put_document"
    headers = {"Content-Encoding": "gzip", "X-IBMCloud-SDK-Analytics": analytics, "X-Trace": "7"}
    async with client.put("/films/a%2Fb?batch=ok", data=body, headers=headers) as reply:
        assert reply.status == 202
    [entry] = server.journal.assert_requests(
        1,
        method="put",
        path="/films/a/b",
        database="films",
        document="a/*",
        endpoint="document",
        operation="put_document",
        request_class="write",
        query={"batch": "ok", "rev": False},
        header={"x-trace": True, "X-Other": False},
        body={"year": {"$gt": 1978}},
        status=202,
    )
    assert (entry.target, entry.body, entry.body_size) == ("/films/a%2Fb?batch=ok", body, len(body))
    assert entry.json == {"year": 1979}
    assert json.loads(entry.reply_body)["id"] == "a/b"
    assert entry.request_id == reply.headers["X-Couch-Request-ID"]
    assert entry.seconds is not None


@pytest.mark.parametrize(
    ("match", "miss"),
    [
        ({"method": "GET"}, "method is PUT, not GET"),
        ({"path": "/films/*/b"}, "path is /films/alien, not /films/*/b"),
        ({"status": 409}, "status is 201, not 409"),
        ({"rule": "x"}, "rule is none, not x"),
        ({"body": {"name": "other"}}, "the body does not match"),
        ({"query": {"rev": "1-*"}}, "query rev is not there, not 1-*"),
        ({"outcome": "reset"}, "outcome is answered, not reset"),
    ],
)
async def test_near_misses(server: TestNode, client: aiohttp.ClientSession, match: dict[str, Any], miss: str) -> None:
    await put(client, "alien")
    with pytest.raises(AssertionError) as raised:
        server.journal.assert_requests(1, database="films", **match)
    told = str(raised.value)
    assert "exactly 1 expected, 0 came, of 1 in the journal" in told
    assert miss in told.splitlines()[-1]
    assert ";" not in told.splitlines()[-1]


async def test_the_nearest_miss_comes_first(server: TestNode, client: aiohttp.ClientSession) -> None:
    for name in ("one", "two"):
        await put(client, name)
    async with client.get("/films/three"):
        pass
    with pytest.raises(AssertionError, match="at least 1") as raised:
        server.journal.assert_requests(document="three", method="PUT", status=201)
    assert "document is one, not three" in str(raised.value).splitlines()[3]


@pytest.mark.parametrize(("bounds", "holds"), [
    ((2, None, None), True), ((1, None, None), False), ((3, None, None), False),
    ((None, 2, None), True), ((None, 3, None), False),
    ((None, None, 2), True), ((None, None, 1), False),
    ((None, None, None), True),
])  # fmt: skip
async def test_how_many(
    server: TestNode, client: aiohttp.ClientSession, bounds: tuple[int | None, ...], holds: bool
) -> None:
    for name in ("one", "two"):
        await put(client, name)
    count, at_least, at_most = bounds
    try:
        found = server.journal.assert_requests(count, at_least=at_least, at_most=at_most, method="PUT")
    except AssertionError:
        assert not holds
    else:
        assert holds
        assert [entry.document for entry in found] == ["one", "two"]


async def test_gaps_that_grow(server: TestNode, client: aiohttp.ClientSession) -> None:
    server.faults.add(Answer(503), times=3)
    for pause in (0.0, 0.01, 0.1, 0.3):
        await asyncio.sleep(pause)
        await put(client, "alien")
    server.journal.assert_requests(4, growing_gaps=True, method="PUT")
    await put(client, "alien")
    with pytest.raises(AssertionError, match="gaps that grow"):
        server.journal.assert_requests(5, growing_gaps=True, method="PUT")
    with pytest.raises(AssertionError, match="gaps that grow"):
        server.journal.assert_requests(1, growing_gaps=True, status=201)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"nth": 1}, "is not asked by nth"),
        ({"endpont": "_find"}, "unknown field `endpont`"),
        ({"endpoint": "_finds"}, "there is no endpoint _finds"),
        ({"body": {"$nope": 1}}, "nope"),
    ],
)
async def test_what_cannot_be_asked(server: TestNode, asked: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        server.journal.requests(**asked)


async def test_no_password_is_kept(server: TestNode, client: aiohttp.ClientSession) -> None:
    job = {"source": "http://sue:secret@localhost:1/a", "target": "http://localhost:1/b"}
    for name in ("_replicator", "jobs%2F_replicator"):
        async with client.put(f"/{name}"):
            pass
        async with client.put(f"/{name}/job", json=job) as reply:
            assert reply.status == 201
        async with client.get(f"/{name}/job") as reply:
            assert "secret" in await reply.text()
    reader, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rpartition(":")[2]))
    writer.write(
        b"GET http://sue:secret@localhost/films?at=//@ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )
    assert b" 200 " in await reader.read()
    writer.close()
    har = server.journal.har()
    assert "secret" not in json.dumps(har)
    assert har["log"]["entries"][-1]["request"]["url"] == "http://(hidden)@localhost/films?at=//@"
    assert [entry.target for entry in server.journal][-1] == "http://(hidden)@localhost/films?at=//@"


async def test_it_is_bounded(server: TestNode, client: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ENTRIES", 5)
    for number in range(8):
        await put(client, f"film-{number}")
    assert [entry.document for entry in server.journal] == [f"film-{number}" for number in range(3, 8)]
    monkeypatch.setattr(module, "MAX_BYTES", 300)
    await put(client, "one-more")
    assert 1 <= len(server.journal) < 5
    assert sum(entry.kept_bytes for entry in server.journal) <= 300
    async with client.put("/films/large", data=b'{"x":"' + b"x" * 200_000 + b'"}') as reply:
        assert reply.status == 201
    [entry] = server.journal.requests(document="large")
    assert (len(entry.body), entry.body_size) == (module.MAX_BODY, 200_008)
    server.journal.clear()
    assert list(server.journal) == []


@pytest.mark.parametrize("asked", [
    {"params": {f"name{number}": f"value{number}" for number in range(400)}},
    {"headers": {f"X-{number}": "x" * 1_000 for number in range(20)}},
    {"path": "/" + "x" * 7_000},
])  # fmt: skip
async def test_long_heads_count_too(
    server: TestNode, client: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch, asked: dict[str, Any]
) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 256 * 1024)
    path = asked.pop("path", "")
    for _ in range(60):
        async with client.get(f"/films{path}", **asked):
            pass
    assert 1 < len(server.journal) < 60
    assert sum(entry.kept_bytes for entry in server.journal) <= 256 * 1024
    server.journal.clear()
    await put(client, "alien")
    assert len(server.journal) == 1


async def test_what_is_forgotten_while_it_is_under_way_costs_nothing(
    server: TestNode, client: aiohttp.ClientSession
) -> None:
    fault = server.faults.add("stall", method="PUT")
    waiting = [asyncio.create_task(put(client, f"film-{number}")) for number in range(3)]
    await server.journal.arrived(3, method="PUT")
    server.journal.clear()
    fault.remove()
    assert await asyncio.gather(*waiting) == [201] * 3
    assert (len(server.journal), server.journal._bytes) == (0, 0)
    await put(client, "alien")
    assert server.journal._bytes == sum(entry.kept_bytes for entry in server.journal) > 0


def test_a_thread_waits_for_requests() -> None:
    with run_node_in_thread() as server:
        import urllib.request

        asking = threading.Timer(0.05, lambda: urllib.request.urlopen(f"{server.url}/_up").close())
        asking.start()
        [entry] = server.journal.wait(endpoint="_up", status=200)
        asking.join()
        assert entry.path == "/_up"
        with pytest.raises(AssertionError, match="at least 2 in time"):
            server.journal.wait(2, within=0.01, endpoint="_up")


async def test_a_loop_waits_for_requests(server: TestNode, client: aiohttp.ClientSession) -> None:
    waiting = asyncio.create_task(server.journal.arrived(2, method="PUT", status=201))
    for name in ("one", "two"):
        assert await put(client, name) == 201
    assert len(await waiting) == 2
    with pytest.raises(AssertionError, match="at least 3 in time"):
        await server.journal.arrived(3, within=0.01, method="PUT")


async def test_as_har(server: TestNode, client: aiohttp.ClientSession, tmp_path: Path) -> None:
    server.faults.add("drop_reply", times=1, id="lost")
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await put(client, "alien")
    await put(client, "ripley")
    server.journal.save_har(tmp_path / "requests.har")
    log = json.loads((tmp_path / "requests.har").read_text())["log"]
    assert log["version"] == "1.2"
    assert log["creator"]["name"] == "docstore"
    lost, answered = log["entries"]
    assert (lost["response"]["status"], lost["response"]["statusText"], lost["_rules"]) == (0, "dropped", ["lost"])
    assert answered["request"]["method"] == "PUT"
    assert answered["request"]["url"] == f"{server.url}/films/ripley"
    assert json.loads(answered["request"]["postData"]["text"]) == {"name": "ripley"}
    assert (answered["response"]["status"], answered["response"]["statusText"]) == (201, "Created")
    assert json.loads(answered["response"]["content"]["text"])["ok"] is True
    required = {"startedDateTime", "time", "request", "response", "cache", "timings"}
    assert all(entry.keys() >= required for entry in log["entries"])


async def test_har_has_bytes_that_are_no_text(server: TestNode, client: aiohttp.ClientSession) -> None:
    async with client.put("/films/alien", json={"name": "日本" * 6_000}) as reply:
        assert reply.status == 201
    async with client.get("/films/alien") as reply:
        text = await reply.text()
    [entry] = server.journal.requests(method="GET")

    def content() -> Any:
        return server.journal.har([entry])["log"]["entries"][0]["response"]["content"]

    assert "encoding" not in content()
    assert len(content()["text"]) > 5_000
    assert text.startswith(content()["text"])
    entry.reply_body = b"\xff\xd8"
    assert (b64decode(content()["text"]), content()["encoding"]) == (b"\xff\xd8", "base64")


async def test_the_report_of_a_failure(server: TestNode, client: aiohttp.ClientSession) -> None:
    fault = server.faults.add(SpuriousConflict(), method="PUT")
    for name in ("alien", "alien", "ripley"):
        async with client.put(f"/films/{name}", json={"number": len(server.journal)}) as reply:
            assert reply.status == 201
    told = failure_report(server)
    assert f"seed of the faults: {server.faults.seed}" in told
    assert f"fault {fault.id}" in told
    assert "2. PUT /films/alien -> 201" in told
    assert "documents in conflict in films: 1" in told
    assert '"alien": 2' in told
    assert 'ripley":' not in told


async def test_the_report_of_a_server_that_has_ended() -> None:
    async with run_node() as server, aiohttp.ClientSession(server.url) as client, client.get("/") as reply:
        assert reply.status == 200
    told = failure_report(server)
    assert "1. GET / -> 200" in told
    assert "cannot be read" in told
