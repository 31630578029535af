"""``_db_updates``: what happens to databases, as documents of ``_global_changes`` and as feeds."""

import json

import aiohttp
import pytest

from docstore.database.global_changes import GLOBAL_CHANGES

PATH = "/_db_updates"


@pytest.fixture
async def updates(client, server):
    """A client of a server that tells at once what happens."""
    await server.node.config.set("global_changes", "max_write_delay", "0")
    async with client.put(f"/{GLOBAL_CHANGES}") as response:
        assert response.status == 201
    return client


async def written(server):
    """Wait until everything that happened is written down."""
    while server.node.global_changes._task is not None:
        await server.node.global_changes._task


async def get(client, query="", status=200):
    async with client.get(PATH + query) as response:
        body = await response.json()
        assert response.status == status, body
        return body


def events(rows):
    return [(row["type"], row["db_name"]) for row in rows]


async def test_without_the_database(client, server):
    await client.put("/db")
    assert await get(client, status=404) == {"error": "not_found", "reason": "Database does not exist."}
    assert server.node.global_changes._task is None


async def test_each_event_is_told_once_with_its_sequence(updates, server):
    await updates.put("/db")
    await written(server)
    for name in ("a", "b"):
        await updates.put(f"/db/{name}", json={})
        await written(server)
    await updates.put("/b%2Fc")
    await written(server)
    await updates.delete("/b%2Fc")
    await written(server)
    body = await get(updates)
    assert list(body) == ["results", "last_seq"]
    assert all(list(row) == ["db_name", "type", "seq"] for row in body["results"])
    assert events(body["results"]) == [("created", "db"), ("updated", "db"), ("created", "b/c"), ("deleted", "b/c")]
    assert body["last_seq"] == body["results"][-1]["seq"]
    async with updates.get(f"/{GLOBAL_CHANGES}/updated:db") as response:
        assert (await response.json())["_rev"].startswith("2-")


async def test_several_events_are_one_write(client, server):
    await server.node.config.set("global_changes", "max_write_delay", "60000")
    await client.put(f"/{GLOBAL_CHANGES}")
    for name in ("a", "b"):
        await client.put(f"/{name}")
        for _ in range(3):
            await client.post(f"/{name}", json={})
    await client.delete("/a")
    await server.node.global_changes.stop()
    found = events((await get(client))["results"])
    assert sorted(found) == [("created", "a"), ("created", "b"), ("deleted", "a"), ("updated", "a"), ("updated", "b")]
    async with client.get(f"/{GLOBAL_CHANGES}/updated:a") as response:
        assert (await response.json())["_rev"].startswith("1-")


async def test_since_limit_and_descending(updates, server):
    for name in ("a", "b", "c"):
        await updates.put(f"/{name}")
        await written(server)
    whole = await get(updates)
    rows = whole["results"]
    assert events((await get(updates, f"?since={rows[0]['seq']}"))["results"]) == [("created", "b"), ("created", "c")]
    assert (await get(updates, "?limit=1"))["results"] == rows[:1]
    assert (await get(updates, "?limit=1"))["last_seq"] == rows[0]["seq"]
    assert (await get(updates, "?limit=0"))["results"] == []
    assert (await get(updates, "?descending=true"))["results"] == rows[::-1]
    assert (await get(updates, "?since=now"))["results"] == []
    assert (await get(updates, "?since=now"))["last_seq"] == whole["last_seq"]


async def test_other_documents_are_no_events_and_count_for_nothing(updates, server):
    await updates.put(f"/{GLOBAL_CHANGES}/made-by-hand", json={})
    await updates.put(f"/{GLOBAL_CHANGES}/fell:over", json={})
    await updates.put("/a")
    await written(server)
    await updates.put(f"/{GLOBAL_CHANGES}/another", json={})
    await updates.put("/b")
    await written(server)
    assert events((await get(updates, "?limit=1"))["results"]) == [("created", "a")]
    assert events((await get(updates, "?limit=2"))["results"]) == [("created", "a"), ("created", "b")]


async def test_an_unchanged_answer(updates, server):
    await updates.put("/a")
    await written(server)
    async with updates.get(PATH) as response:
        etag = response.headers["ETag"]
    async with updates.get(PATH, headers={"If-None-Match": etag}) as response:
        assert response.status == 304


async def test_longpoll(updates, server):
    async with updates.get(f"{PATH}?feed=longpoll&since=now") as response:  # it has begun
        await updates.put("/a")
        body = json.loads(await response.text())
    assert events(body["results"]) == [("created", "a")]
    assert body["last_seq"] == body["results"][0]["seq"]


async def test_continuous(updates, server):
    async with updates.get(f"{PATH}?feed=continuous&limit=2") as response:
        await updates.put("/a")
        first = await line(response)
        await updates.put("/a/x", json={})
        second = await line(response)
        last = await line(response)
    assert events([first, second]) == [("created", "a"), ("updated", "a")]
    assert last == {"last_seq": second["seq"]}


async def test_eventsource(updates, server):
    async with updates.get(f"{PATH}?feed=eventsource") as response:
        assert response.headers["Content-Type"] == "text/event-stream"
        await updates.put("/a")
        data = await text_line(response)
        assert events([json.loads(data.removeprefix("data: "))]) == [("created", "a")]
        assert (await text_line(response)).startswith("id: ")


async def text_line(response: aiohttp.ClientResponse) -> str:
    while not (text := (await response.content.readline()).decode().strip()):
        pass
    return text


async def line(response):
    return json.loads(await text_line(response))


@pytest.mark.parametrize("feed", ["live", "x"])
async def test_an_unknown_feed(updates, feed):
    body = await get(updates, f"?feed={feed}", 400)
    assert body["reason"] == "Supported `feed` types: normal, continuous, longpoll, eventsource"


async def test_it_can_be_switched_off_and_deleted(updates, server):
    await server.node.config.set("global_changes", "update_db", "false")
    await updates.put("/a")
    await written(server)
    assert (await get(updates))["results"] == []
    await server.node.config.delete("global_changes", "update_db")
    await updates.put("/b")
    await written(server)
    assert events((await get(updates))["results"]) == [("created", "b")]
    await updates.delete(f"/{GLOBAL_CHANGES}")
    await updates.put("/c")
    await written(server)
    await get(updates, status=404)


async def test_its_own_changes_are_none(updates, server):
    for _ in range(3):
        await updates.post(f"/{GLOBAL_CHANGES}", json={})
        await written(server)
    assert (await get(updates))["results"] == []


async def test_a_write_that_fails_is_told_in_the_log_and_ends_nothing(updates, server, monkeypatch, caplog):
    from docstore.database.database import Database
    from docstore.errors import StorageFull

    async def full(self, documents, *, new_edits=True):
        raise StorageFull

    with monkeypatch.context() as patched:
        patched.setattr(Database, "update_docs", full)
        await updates.put("/a")
        await written(server)
    assert "1 changes of databases are not in _global_changes: The disk is full." in caplog.text
    await updates.put("/b")
    await written(server)
    assert events((await get(updates))["results"]) == [("created", "b")]


async def test_the_system_databases_are_made_where_they_are_missing(server):
    await server.node.registry.create("_users")
    await server.node.make_system_databases()
    assert server.node.registry.names() == ["_global_changes", "_replicator", "_users"]
    await server.node.make_system_databases()


async def test_a_full_disk_keeps_no_server_from_starting(server, monkeypatch, caplog):
    from docstore.database.registry import Registry
    from docstore.errors import StorageFull

    async def full(self, name, **more):
        raise StorageFull

    monkeypatch.setattr(Registry, "create", full)
    await server.node.make_system_databases()
    assert "the database _users is not made: The disk is full." in caplog.text
