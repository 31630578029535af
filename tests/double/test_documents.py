"""Faults of documents: read as they were, and written as branches."""

import io
from typing import Any

import aiohttp
import pytest

from docstore.double.actions import SpuriousConflict, StaleRead
from docstore.double.request_body import MOST_READ_AHEAD
from docstore.settings import Admin
from docstore.testing import TestNode, run_node


async def put(client: aiohttp.ClientSession, path: str, body: dict[str, Any], **more: Any) -> tuple[int, Any]:
    async with client.put(path, json=body, **more) as reply:
        return reply.status, await reply.json()


async def get(client: aiohttp.ClientSession, path: str) -> tuple[int, Any]:
    async with client.get(path) as reply:
        return reply.status, await reply.json()


async def history(client: aiohttp.ClientSession) -> list[str]:
    revs: list[str] = []
    for year in (1977, 1978, 1979):
        status, said = await put(client, "/films/alien", {"year": year} | ({"_rev": revs[-1]} if revs else {}))
        assert status == 201
        revs.append(said["rev"])
    return revs


async def test_a_stale_read(server: TestNode, client: aiohttp.ClientSession) -> None:
    revs = await history(client)
    for back in (1, 2, 3):
        server.faults.add(StaleRead(back), document="alien", nth=back)
    assert await get(client, "/films/alien") == (200, {"_id": "alien", "_rev": revs[1], "year": 1978})
    status, read = await get(client, "/films/alien?revs=true")
    assert (status, read["year"], read["_revisions"]["start"]) == (200, 1977, 1)
    assert await get(client, "/films/alien") == (404, {"error": "not_found", "reason": "missing"})
    assert (await get(client, "/films/alien"))[1]["_rev"] == revs[2]


async def test_a_stale_read_leads_to_a_conflict_that_the_next_read_mends(
    server: TestNode, client: aiohttp.ClientSession
) -> None:
    await history(client)
    server.faults.add(StaleRead(), times=1)
    _, read = await get(client, "/films/alien")
    assert (await put(client, "/films/alien", read | {"year": 1980}))[0] == 409
    _, read = await get(client, "/films/alien")
    assert (await put(client, "/films/alien", read | {"year": 1980}))[0] == 201


async def test_before_a_document_was_made_again_it_was_deleted(server: TestNode, client: aiohttp.ClientSession) -> None:
    revs = await history(client)
    async with client.delete("/films/alien", params={"rev": revs[-1]}) as reply:
        assert reply.status == 200
    server.faults.add(StaleRead(), times=2)
    assert (await get(client, "/films/alien"))[1]["_rev"] == revs[-1]
    await put(client, "/films/alien", {"year": 1981})
    assert await get(client, "/films/alien") == (404, {"error": "not_found", "reason": "deleted"})


async def test_what_names_a_revision_is_never_stale(server: TestNode, client: aiohttp.ClientSession) -> None:
    revs = await history(client)
    fault = server.faults.add(StaleRead())
    assert (await get(client, f"/films/alien?rev={revs[2]}"))[1]["year"] == 1979
    assert (await get(client, "/films/_all_docs"))[0] == 200
    assert fault.hits == 0


async def leaves(client: aiohttp.ClientSession) -> list[int]:
    async with client.get("/films/alien?open_revs=all", headers={"Accept": "application/json"}) as reply:
        return sorted(row["ok"].get("year", 0) for row in await reply.json())


async def test_a_stale_write_becomes_a_branch(server: TestNode, client: aiohttp.ClientSession) -> None:
    revs = await history(client)
    fault = server.faults.add(SpuriousConflict(), method="PUT", times=1)
    status, said = await put(client, "/films/alien", {"year": 2000, "_rev": revs[1]})
    assert (status, said["ok"], said["rev"][:2]) == (201, True, "3-")
    assert await leaves(client) == [1979, 2000]
    _, read = await get(client, "/films/alien?conflicts=true")
    assert {read["_rev"], *read["_conflicts"]} == {revs[2], said["rev"]}
    _, branch = await get(client, f"/films/alien?rev={said['rev']}&revs=true")
    assert branch["_revisions"]["ids"] == [each.partition("-")[2] for each in (said["rev"], revs[1], revs[0])]
    assert (await put(client, "/films/alien", {"year": 2001, "_rev": revs[1]}))[0] == 409
    assert (fault.seen, fault.hits) == (1, 1)


async def test_its_revision_is_the_one_that_another_node_would_have_made(
    server: TestNode, client: aiohttp.ClientSession
) -> None:
    await server.node.registry.create("elsewhere")
    revs = await history(client)
    bodies = [{"year": 1977}, {"year": 1978, "_rev": revs[0]}, {"year": 2000, "_rev": revs[1]}]
    other = [(await put(client, "/elsewhere/alien", body))[1]["rev"] for body in bodies]
    server.faults.add(SpuriousConflict(), method="PUT")
    assert (await put(client, "/films/alien", {"year": 2000}, params={"rev": revs[1]}))[1]["rev"] == other[-1]
    assert (await put(client, "/films/alien", {"year": 2000}, headers={"If-Match": f'"{revs[1]}"'}))[1]["rev"] == other[
        -1
    ]
    assert await leaves(client) == [1979, 2000]


async def test_two_that_create_a_document(server: TestNode, client: aiohttp.ClientSession) -> None:
    await put(client, "/films/alien", {"year": 1979})
    server.faults.add(SpuriousConflict(), database="films", times=1)
    async with client.post("/films", json={"_id": "alien", "year": 1980}) as reply:
        assert reply.status == 201
    assert await leaves(client) == [1979, 1980]


async def test_a_stale_deletion(server: TestNode, client: aiohttp.ClientSession) -> None:
    revs = await history(client)
    server.faults.add(SpuriousConflict(), method="DELETE")
    async with client.delete("/films/alien", params={"rev": revs[1]}) as reply:
        assert reply.status == 200
    assert await leaves(client) == [0, 1979]
    assert (await get(client, "/films/alien"))[1]["year"] == 1979


async def test_a_deletion_that_goes_as_a_post(server: TestNode, client: aiohttp.ClientSession) -> None:
    revs = await history(client)
    server.faults.add(SpuriousConflict(), method="DELETE")
    async with client.post(
        "/films/alien", params={"rev": revs[1]}, headers={"X-HTTP-Method-Override": "DELETE"}
    ) as reply:
        assert reply.status == 200
    async with client.get("/films/alien?open_revs=all", headers={"Accept": "application/json"}) as reply:
        assert sorted("_deleted" in row["ok"] for row in await reply.json()) == [False, True]


async def test_rows_of_a_bulk_write(server: TestNode, client: aiohttp.ClientSession) -> None:
    revs = await history(client)
    fault = server.faults.add(SpuriousConflict(), endpoint="_bulk_docs")
    docs = [{"_id": "new"}, {"_id": "alien", "_rev": revs[0], "year": 3}, {"_id": "alien", "_rev": "9-abc", "year": 4}]
    async with client.post("/films/_bulk_docs", json={"docs": docs}) as reply:
        rows = await reply.json()
    assert [row.get("ok") for row in rows] == [True, True, None]
    assert rows[2]["error"] == "conflict"
    assert await leaves(client) == [3, 1979]
    assert fault.hits == 1


async def test_what_no_node_would_take_stays_a_conflict(server: TestNode, client: aiohttp.ClientSession) -> None:
    await history(client)
    server.faults.add(SpuriousConflict())
    assert (await put(client, "/films/alien", {"_rev": "2-abc"}))[0] == 409
    stub = {"a": {"stub": True}}
    assert (await put(client, "/films/alien", {"_attachments": stub}))[0] in (409, 412)
    assert await leaves(client) == [1979]


async def test_a_rival(server: TestNode, client: aiohttp.ClientSession) -> None:
    revs = await history(client)
    server.faults.add(SpuriousConflict(rival={"year": 2000}), method="PUT", times=1)
    status, said = await put(client, "/films/alien", {"year": 1980, "_rev": revs[2]})
    assert status == 201
    assert await leaves(client) == [1980, 2000]
    _, read = await get(client, "/films/alien?conflicts=true&revs=true")
    assert said["rev"] in (read["_rev"], *read["_conflicts"])
    assert read["_revisions"]["ids"][1] == revs[2].partition("-")[2]


@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_without_a_conflict_nothing_is_counted(
    server: TestNode, client: aiohttp.ClientSession, method: str
) -> None:
    fault = server.faults.add(SpuriousConflict(), times=1)
    async with client.request(method, "/films/blade_runner", json={}) as reply:
        assert reply.status in (201, 404)
    assert (fault.seen, fault.hits) == (0, 0)


async def test_who_may_not_read_is_not_told_that_a_document_was_missing() -> None:
    async with run_node(admin=Admin("sue", "secret")) as server:
        server.faults.add(StaleRead())
        headers = {"Authorization": aiohttp.encode_basic_auth("sue", "secret")}
        async with aiohttp.ClientSession(server.url) as client:
            for path in ("/films", "/films/alien"):
                async with client.put(path, json={}, headers=headers) as reply:
                    assert reply.status == 201
            assert (await get(client, "/films/alien"))[0] == 401
            assert (await get(client, "/nothing/alien"))[0] in (401, 404)
            async with client.get("/films/alien", headers=headers) as reply:
                assert (reply.status, (await reply.json())["reason"]) == (404, "missing")


async def test_a_predicate_on_a_large_body_leaves_the_body_whole(
    server: TestNode, client: aiohttp.ClientSession
) -> None:
    text = "x" * (MOST_READ_AHEAD // 2)
    small = server.faults.add("drop", body={"colour": "red"})
    large = server.faults.add("drop", body={"text": {"$exists": True}, "more": {"$exists": True}})
    body = {"text": text[:1_000_000], "colour": "blue"}
    assert (await put(client, "/films/a", body))[0] == 201
    assert (await get(client, "/films/a"))[1]["text"] == body["text"]
    params = {"rev": await rev(client)}
    async with client.put("/films/a/text", data=io.BytesIO((text * 3).encode()), params=params) as reply:
        assert reply.status == 201
    async with client.get("/films/a/text") as reply:
        assert await reply.read() == (text * 3).encode()
    assert (small.hits, large.hits) == (0, 0)


async def rev(client: aiohttp.ClientSession) -> str:
    return str((await get(client, "/films/a"))[1]["_rev"])
