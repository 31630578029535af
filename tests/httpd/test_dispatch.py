import asyncio
import json
import logging

import pytest

from docstore.errors import Conflict, StorageFull
from docstore.httpd.replies import Reply, json_reply
from tests.httpd.serving import ADMIN, no_handler, router, serving, stand_in

pytestmark = pytest.mark.usefixtures("either_loop")

BASIC = "Authorization: Basic YWRtaW46c2VjcmV0"


def error_of(answer):
    return answer.status, *json.loads(answer.body).values()


def raising(error):
    async def handler(request):
        raise error

    return handler


async def test_an_error_becomes_its_reply():
    async with serving(router(x=raising(Conflict()))) as server:
        answer = await server.get("/_x")
        assert error_of(answer) == (409, "conflict", "Document update conflict.")
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.body.endswith(b"}\n")


async def test_an_error_of_our_own_tells_nothing(caplog):
    async with serving(router(x=raising(KeyError("secret thing")))) as server:
        answer = await server.get("/_x")
    assert error_of(answer)[:2] == (500, "unknown_error")
    assert b"secret" not in answer.body
    record = next(record for record in caplog.records if record.levelno == logging.ERROR)
    assert answer.headers["X-Couch-Request-ID"] in record.getMessage()
    assert "secret thing" in str(record.exc_info)


async def test_a_method_that_is_not_there():
    async with serving() as server:
        answer = await server.get("/", method="PATCH")
        assert error_of(answer) == (405, "method_not_allowed", "Only GET,HEAD allowed")
        assert answer.headers["Allow"] == "GET,HEAD"


async def test_a_missing_database_comes_before_a_missing_method():
    async with serving() as server:
        assert error_of(await server.get("/nope/doc", method="PATCH")) == (404, "not_found", "Database does not exist.")
        assert error_of(await server.get("/db/doc", method="PATCH"))[0] == 405


async def test_a_post_may_mean_another_method():
    async def method(request):
        return json_reply(request.method)

    async with serving(router(x=method)) as server:
        for sent, override, taken in [
            ("POST", "DELETE", "DELETE"),
            ("POST", "COPY", "COPY"),
            ("POST", "NONSENSE", "POST"),
            ("PUT", "DELETE", "PUT"),
        ]:
            answer = await server.get("/_x", f"X-HTTP-Method-Override: {override}", method=sent)
            assert json.loads(answer.body) == taken


async def test_bad_escapes():
    async with serving() as server:
        for target in ("/db%", "/db?key=%zz"):
            assert error_of(await server.get(target)) == (400, "bad_request", "invalid_url_encoding")


async def test_requests_are_counted():
    async with serving(router(x=raising(Conflict()))) as server:
        await server.get("/")
        await server.get("/", method="HEAD")
        await server.get("/_x", method="PUT")
        assert server.node.counters.answered == [("GET", 200), ("HEAD", 200), ("PUT", 409)]


async def test_a_line_for_every_request(caplog):
    caplog.set_level(logging.DEBUG, "docstore.httpd.access")
    async with serving() as server:
        answer = await server.get("/db/a%2Fb?x=1", method="GET")
    (record,) = [record for record in caplog.records if record.name == "docstore.httpd.access"]
    line = record.getMessage()
    assert line.startswith("method=GET path=/db/a%2Fb?x=1 status=200 ms=")
    assert line.endswith(f" id={answer.headers['X-Couch-Request-ID']} user=- remote=127.0.0.1")


async def test_without_an_administrator_only_loopback_names_are_answered():
    async with serving() as server, server.wire() as wire:
        answer = await wire.ask(b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n")
        assert error_of(answer)[:2] == (403, "forbidden")
        answer = await wire.ask(b"PUT /db HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n\r\n")
        assert error_of(answer)[:2] == (403, "forbidden")
        answer = await wire.ask(b"GET /db HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n\r\n")
        assert answer.status == 200


async def test_with_an_administrator_any_name_is_answered():
    async with serving(node=stand_in(admin=ADMIN)) as server, server.wire() as wire:
        assert (await wire.ask(b"GET / HTTP/1.1\r\nHost: db.example\r\nOrigin: http://a.example\r\n\r\n")).status == 200


@pytest.mark.parametrize(
    ("method", "path", "reason"),
    [
        ("GET", "/_x", "You are not a server admin."),
        ("PUT", "/db", "You are not a server admin."),
        ("DELETE", "/db", "You are not a server admin."),
        ("GET", "/db", "You are not authorized to access this db."),
        ("GET", "/db/doc", "You are not authorized to access this db."),
        ("OPTIONS", "/db", "You are not authorized to access this db."),
    ],
)
async def test_with_an_administrator_nobody_else_gets_in(method, path, reason):
    async with serving(router(x=no_handler), node=stand_in(admin=ADMIN)) as server:
        assert error_of(await server.get(path, method=method)) == (401, "unauthorized", reason)


async def test_a_database_that_there_is_not_is_told_to_anybody():
    async with serving(router(x=no_handler), node=stand_in(admin=ADMIN)) as server:
        assert error_of(await server.get("/nope/doc")) == (404, "not_found", "Database does not exist.")


async def test_with_an_administrator():
    async with serving(router(x=no_handler), node=stand_in(admin=ADMIN)) as server:
        assert (await server.get("/")).status == 200  # an open row
        assert (await server.get("/db/doc", BASIC)).status == 200
        answer = await server.get("/", "Authorization: Basic YWRtaW46d3Jvbmc=")
        assert error_of(answer) == (401, "unauthorized", "Name or password is incorrect.")


async def test_a_session_is_renewed_with_any_reply():
    async with serving(node=stand_in(admin=ADMIN)) as server:
        authenticator = server.service.authenticator
        old = (await authenticator.session_cookie("admin", secure=False)).split(";")[0]
        now = authenticator._clock()
        authenticator._clock = lambda: now + 300
        answer = await server.get("/db", f"Cookie: {old}")
        assert answer.status == 200
        assert answer.headers["Set-Cookie"].startswith("AuthSession=")
        assert old not in answer.headers["Set-Cookie"]


async def test_background_work_is_cancelled_at_the_end_and_told_when_it_fails(caplog):
    started, ended = asyncio.Event(), asyncio.Event()

    async def forever():
        try:
            started.set()
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def failing(error):
        raise error

    async def handler(request):
        request.service.spawn(forever())
        request.service.spawn(failing(ValueError("a defect")))
        request.service.spawn(failing(StorageFull()))
        return Reply()

    async with serving(router(x=handler)) as server:
        await server.get("/_x")
        await started.wait()
    assert ended.is_set()
    told = [(record.levelno, record.getMessage()) for record in caplog.records if record.levelno >= logging.WARNING]
    assert told == [
        (logging.ERROR, "background work failed"),
        (logging.WARNING, "background work ended early: The disk is full."),
    ]


@pytest.mark.parametrize(
    ("target", "seen"),
    [
        ("/_x/#", ([], {})),
        ("/_x#/db/doc?a=1", ([], {})),
        ("/_x?a=1#&b=2", ([], {"a": "1"})),
        ("/_x?a=%23#", ([], {"a": "#"})),
        ("http://localhost/_x?a=1#b", ([], {"a": "1"})),
        ("/#/_x", None),
    ],
)
async def test_a_number_sign_ends_the_target(target, seen):
    async def show(request):
        return json_reply([request.segments[1:], request.query])

    async with serving(router(x=show)) as server:
        answer = await server.get(target)
        assert json.loads(answer.body) == ({} if seen is None else list(seen))
