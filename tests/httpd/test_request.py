import asyncio
import json
from types import SimpleNamespace

from docstore.httpd.replies import Reply, json_reply
from tests.httpd.serving import router, serving


async def asked(target, *headers, show, method="GET", body=None):
    """What ``show`` says of the request, as it came out of JSON."""

    async def handler(request):
        return json_reply(show(request))

    async with serving(router(x=handler)) as server:
        return json.loads((await server.get(target, *headers, method=method, body=body)).body)


async def test_the_query():
    target = "/_x?a=1&b=%22x+y%22&a=2"
    assert await asked(target, show=lambda request: request.query) == {"a": "1", "b": '"x y"'}
    assert await asked(target, show=lambda request: [list(pair) for pair in request.query_list]) == [
        ["a", "1"],
        ["b", '"x y"'],
        ["a", "2"],
    ]
    assert await asked("/_x", show=lambda request: request.query) == {}
    assert await asked("/_x?", show=lambda request: request.query) == {}


async def test_an_absolute_target():
    assert await asked("http://localhost/_x?a=1", show=lambda request: [request.segments, request.query]) == [
        ["_x"],
        {"a": "1"},
    ]


async def test_the_base_url():
    def base_url(request):
        return request.base_url

    assert await asked("/_x", show=base_url) == "http://localhost"
    assert await asked("/_x", "X-Forwarded-Host: db.example", show=base_url) == "http://db.example"
    assert await asked("/_x", "X-Forwarded-Proto: https", show=base_url) == "https://localhost"
    assert await asked("/_x", "X-Forwarded-Ssl: on", show=base_url) == "https://localhost"


async def test_the_base_url_without_a_host():
    async def handler(request):
        return json_reply(request.base_url)

    async with serving(router(x=handler)) as server, server.wire() as wire:
        answer = await wire.ask(b"GET /_x HTTP/1.0\r\n\r\n")
        assert json.loads(answer.body) == server.listener.url


async def test_conditions():
    def conditions(request):
        return request.if_none_match

    assert await asked("/_x", show=conditions) is None
    assert await asked("/_x", 'If-None-Match: W/"x"', show=conditions) == 'W/"x"'


async def test_the_content_type():
    assert await asked("/_x", show=lambda request: request.content_type) == ""
    header = "Content-Type: Application/JSON; charset=utf-8"
    assert await asked("/_x", header, show=lambda request: request.content_type) == "application/json"


async def test_a_json_type_can_be_required():
    async def handler(request):
        return json_reply(await request.json_object(require_json_type=True))

    async with serving(router(x=handler)) as server:
        good = await server.get("/_x", "Content-Type: application/json; charset=utf-8", method="POST", body=b'{"a":1}')
        assert json.loads(good.body) == {"a": 1}
        for header in ("X-None: x", "Content-Type: text/plain", "Content-Type: application/jsonx"):
            answer = await server.get("/_x", header, method="POST", body=b"{}")
            assert answer.status == 415
            assert json.loads(answer.body) == {
                "error": "bad_content_type",
                "reason": "Content-Type must be application/json",
            }


async def test_an_object_can_be_required():
    async def handler(request):
        return json_reply(await request.json_object())

    async with serving(router(x=handler)) as server:
        answer = await server.get("/_x", method="POST", body=b"[1]")
        assert (answer.status, json.loads(answer.body)["reason"]) == (400, "Request body must be a JSON object")


async def test_a_body_is_read_once_and_its_time_told(monkeypatch):
    times = iter([10.0, 10.25])
    begun = asyncio.Event()

    async def handler(request):
        monkeypatch.setattr("docstore.httpd.request.time", SimpleNamespace(monotonic=lambda: next(times)))
        begun.set()
        first = await request.body()
        monkeypatch.undo()
        return Reply(200, first + await request.body())

    async with serving(router(x=handler)) as server, server.wire() as wire:
        wire.writer.write(b"PUT /_x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n")
        await begun.wait()
        answer = await wire.ask(b"ab")
        assert answer.body == b"abab"
        assert answer.headers["X-CouchDB-Body-Time"] == "250"


async def test_who_asks_and_from_where():
    assert await asked("/_x", show=lambda request: [request.remote, list(request.user.roles)]) == [
        "127.0.0.1",
        ["_admin"],
    ]
