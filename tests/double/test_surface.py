"""The paths that control a server: the rule language as JSON, the journal, and who may."""

from typing import Any

import aiohttp
import pytest

from docstore.testing import TestNode

RULE = {"match": {"method": "PUT"}, "action": {"type": "answer", "status": 503}, "times": 1, "seed": 7, "id": "a/b"}


async def ask(client: aiohttp.ClientSession, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, Any]:
    async with client.request(method, f"/_docstore/{path}", json=body, **more) as reply:
        return reply.status, await reply.json()


async def test_a_rule_from_its_beginning_to_its_end(server: TestNode, client: aiohttp.ClientSession) -> None:
    status, made = await ask(client, "POST", "faults", RULE)
    assert status == 201
    assert {name: made[name] for name in RULE} == RULE | {"action": made["action"]}
    assert (made["seen"], made["hits"], made["active"]) == (0, 0, True)
    async with client.put("/films/alien", json={}) as reply:
        assert reply.status == 503
    _, shown = await ask(client, "GET", "faults/a%2Fb")
    assert (shown["hits"], shown["active"]) == (1, False)
    assert await ask(client, "GET", "faults") == (200, {"seed": server.faults.seed, "faults": [shown]})
    assert (await ask(client, "DELETE", "faults/a%2Fb"))[0] == 200
    assert (await ask(client, "DELETE", "faults/a%2Fb"))[0] == 404
    assert (await ask(client, "GET", "faults"))[1]["faults"] == []


async def test_what_is_shown_can_be_sent_again(client: aiohttp.ClientSession) -> None:
    _, made = await ask(client, "POST", "faults", RULE)
    await ask(client, "DELETE", "faults")
    again = {name: made[name] for name in made.keys() - {"seen", "hits", "active"}}
    assert await ask(client, "POST", "faults", again) == (201, made)


async def test_several_are_added_or_none(server: TestNode, client: aiohttp.ClientSession) -> None:
    status, said = await ask(client, "POST", "faults", [{"action": "drop"}, {"action": "explode"}])
    assert (status, said["error"]) == (400, "bad_request")
    assert len(server.faults) == 0
    status, made = await ask(client, "POST", "faults", [{"action": "drop", "match": {"method": "COPY"}}, RULE])
    assert status == 201
    assert [rule["id"] for rule in made] == ["fault-1", "a/b"]
    assert (await ask(client, "DELETE", "faults")) == (200, {"ok": True})
    assert len(server.faults) == 0


async def test_requests_since_one_and_so_many_at_most(client: aiohttp.ClientSession) -> None:
    for name in ("a", "b", "c"):
        async with client.put(f"/films/{name}", json={}):
            pass
    _, said = await ask(client, "GET", "requests?method=PUT")
    first, second, third = (entry["number"] for entry in said["requests"])
    _, said = await ask(client, "GET", f"requests?method=PUT&since={first}")
    assert [entry["number"] for entry in said["requests"]] == [second, third]
    _, said = await ask(client, "GET", f"requests?method=PUT&since={first}&limit=1")
    assert [entry["number"] for entry in said["requests"]] == [third]
    _, said = await ask(client, "GET", "requests?limit=0")
    assert said == {"total": 0, "requests": []}
    for name, text in (("since", "-1"), ("limit", "many"), ("since", "9" * 20), ("limit", "\N{SUPERSCRIPT TWO}")):
        assert (await ask(client, "GET", "requests", params={name: text}))[0] == 400


async def test_requests(server: TestNode, client: aiohttp.ClientSession) -> None:
    for name in ("alien", "alien", "ripley"):
        async with client.put(f"/films/{name}", json={"n": 1}):
            pass
    status, said = await ask(client, "GET", "requests?method=PUT&status=201")
    assert (status, said["total"]) == (200, 2)
    assert [entry["document"] for entry in said["requests"]] == ["alien", "ripley"]
    _, said = await ask(client, "GET", 'requests?body={"n":1}&document=alien')
    assert said["total"] == 2
    _, said = await ask(client, "GET", "requests?format=har&status=409")
    assert [entry["response"]["status"] for entry in said["log"]["entries"]] == [409]
    assert await ask(client, "DELETE", "requests") == (200, {"ok": True})
    assert (await ask(client, "GET", "requests"))[1]["total"] == 0
    assert len(server.journal) == 0


@pytest.mark.parametrize(("method", "path", "body", "status"), [
    ("PUT", "faults", {}, 405),
    ("POST", "requests", {}, 405),
    ("POST", "faults", None, 400),
    ("POST", "faults", {"match": {}}, 400),
    ("POST", "faults/x", RULE, 404),
    ("GET", "faults/x", None, 404),
    ("GET", "requests/1", None, 404),
    ("GET", "requests?status=many", None, 400),
    ("GET", "requests?colour=red", None, 400),
    ("GET", "requests?self=1", None, 400),
    ("GET", "requests?format=xml", None, 400),
    ("GET", "requests?body={", None, 400),
    ("GET", "nothing", None, 404),
])  # fmt: skip
async def test_what_is_refused(client: aiohttp.ClientSession, method: str, path: str, body: Any, status: int) -> None:
    said = await ask(client, method, path, body)
    assert said[0] == status
    assert said[1].keys() == {"error", "reason"}


async def test_rules_do_not_reach_the_paths(server: TestNode, client: aiohttp.ClientSession) -> None:
    server.faults.add("drop")
    assert (await ask(client, "DELETE", "faults"))[0] == 200
    assert len(server.journal) == 0


async def test_pages_of_other_origins_control_nothing(client: aiohttp.ClientSession) -> None:
    for headers in ({"Origin": "http://evil.example"}, {"Host": "evil.example"}):
        assert (await ask(client, "POST", "faults", RULE, headers=headers))[0] == 403


async def test_the_servers_own_paths_are_there(client: aiohttp.ClientSession) -> None:
    assert (await ask(client, "GET", "openapi.json"))[1]["openapi"]
    assert (await ask(client, "GET", "conflict_stats"))[0] == 200
