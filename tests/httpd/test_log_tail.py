"""The tail of the server's log."""

import logging

import aiohttp
import pytest

from docstore.httpd.log_tail import MOST_EXCEPTION, MOST_MESSAGE, TAIL, LogTail
from docstore.settings import Admin
from docstore.testing import run_node


def record(message, level=logging.INFO, exc_info=None):
    return logging.LogRecord("docstore.x", level, "", 0, message, None, exc_info)


def test_the_last_lines_are_kept_and_warnings_longer():
    tail = LogTail(lines=3, problems=2)
    for number in range(4):
        tail.handle(record(f"bad {number}", logging.WARNING))
    for number in range(4):
        tail.handle(record(f"fine {number}"))
    assert [line.message for line in tail.since(0, 10, logging.DEBUG)] == ["fine 1", "fine 2", "fine 3"]
    assert [line.message for line in tail.since(0, 10, logging.WARNING)] == ["bad 2", "bad 3"]
    assert [line.number for line in tail.since(6, 1, logging.INFO)] == [8]
    assert tail.since(0, 0, logging.DEBUG) == tail.since(8, 10, logging.DEBUG) == []


def test_long_lines_are_cut_and_an_exception_ends_with_what_it_was():
    tail = LogTail()
    try:
        raise ValueError("x" * MOST_EXCEPTION + "why")
    except ValueError as error:
        tail.handle(record("m" * MOST_MESSAGE + "more", logging.ERROR, (type(error), error, error.__traceback__)))
    (line,) = tail.since(0, 1, logging.ERROR)
    assert line.message == "m" * MOST_MESSAGE
    assert len(line.exception) == MOST_EXCEPTION
    assert line.exception.endswith("why")


def test_without_any_other_handler_python_still_writes_warnings(monkeypatch):
    written = []
    monkeypatch.setattr(logging.root, "handlers", [])
    monkeypatch.setattr(logging.lastResort, "handle", written.append)
    tail = LogTail()
    for level in (logging.INFO, logging.WARNING):
        tail.handle(record("told", level))
    assert [one.levelno for one in written] == [logging.WARNING]


async def test_lines_are_told_to_administrators_alone(tmp_path):
    async with (
        run_node(data=tmp_path / "guarded", admin=Admin("anna", "pw")) as server,
        aiohttp.ClientSession(server.url) as client,
    ):
        before = TAIL.last
        try:
            raise KeyError("gone")
        except KeyError:
            logging.getLogger("docstore.x").exception("it failed: %s", "/\udcff")
        async with client.get("/_docstore/log") as reply:
            assert reply.status == 401
        headers = {"Authorization": aiohttp.encode_basic_auth("anna", "pw")}
        async with client.get(f"/_docstore/log?since={before}&level=error", headers=headers) as reply:
            told = await reply.json()
    assert told["last"] > before
    (line,) = [line for line in told["lines"] if line["logger"] == "docstore.x"]
    assert (line["level"], line["message"]) == ("error", "it failed: /\\udcff")
    assert line["exception"].endswith("KeyError: 'gone'")
    assert line["time"].endswith("Z")


@pytest.mark.parametrize("query", ["level=loud", "since=-1", "limit=x"])
async def test_what_cannot_be_is_refused(client, query):
    async with client.get(f"/_docstore/log?{query}") as reply:
        assert reply.status == 400
