"""Rules and journal around a running server, and that ``docstore serve`` has nothing of them."""

import subprocess
import sys

import aiohttp
import pytest

from docstore.double.actions import Answer, DropReply
from docstore.httpd.listener import Listener
from docstore.node import Node
from docstore.settings import Settings
from docstore.testing import TestNode


async def test_a_rule_hits_once_and_is_counted(server: TestNode, client: aiohttp.ClientSession) -> None:
    fault = server.faults.add(Answer(503, retry_after=7), method="PUT", database="films", times=1)
    async with client.put("/films/alien", json={"year": 1979}) as reply:
        assert (reply.status, reply.headers["Retry-After"]) == (503, "7")
        assert await reply.json() == {"error": "service_unavailable", "reason": "The service is not available."}
    async with client.put("/films/alien", json={"year": 1979}) as reply:
        assert reply.status == 201
    assert (fault.seen, fault.hits) == (1, 1)
    server.journal.assert_requests(1, method="PUT", path="/films/alien", status=503, rule=fault.id)
    server.journal.assert_requests(1, method="PUT", path="/films/alien", status=201)


async def test_a_lost_reply_is_of_a_write_that_was_made(server: TestNode, client: aiohttp.ClientSession) -> None:
    server.faults.add(DropReply(), method="PUT", times=1)
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await client.put("/films/alien", json={"year": 1979})
    async with client.get("/films/alien") as reply:
        assert (await reply.json())["year"] == 1979
    server.journal.assert_requests(1, method="PUT", outcome="dropped")


async def test_a_server_that_is_no_double_has_no_such_paths(server: TestNode) -> None:
    settings = Settings(
        **{
            **{name: getattr(server.settings, name) for name in ("storage", "host", "port")},
            "data": server.data / "plain",
        }
    )
    async with Node(settings) as node:
        listener = await Listener.start(node, settings.host, settings.port)
        try:
            async with aiohttp.ClientSession(listener.url) as client:
                for path in ("faults", "requests", "snapshot", "clock"):
                    for method in ("GET", "POST", "PUT", "DELETE"):
                        async with client.request(method, f"/_docstore/{path}", json={"action": "drop"}) as reply:
                            assert reply.status in (404, 405)
                            assert "fault" not in await reply.text()
        finally:
            await listener.stop()


def test_serve_imports_no_double() -> None:
    code = (
        "import sys, docstore.cli.commands.serve, docstore.httpd.app\n"
        "print([name for name in sys.modules if name.startswith(('docstore.double', 'docstore.testing'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
