"""Images of a running node: numbers, feeds, what is known in memory, and what is under way."""

import asyncio
import json
from collections.abc import AsyncIterator
from functools import partial

import aiohttp
import pytest

from docstore.database.apply.putting_back import PutBackImage
from docstore.database.attachments.staging import WINDOW_BYTES
from docstore.errors import StorageFull
from docstore.settings import Admin
from docstore.storage import keys, rows
from docstore.testing import TestNode, run_node
from tests.accounts.waiting import eventually


def number(server: TestNode, name: str) -> int:
    return server.node.registry.open(name).number


async def test_what_has_not_changed_keeps_its_number_and_its_feeds(
    server: TestNode, client: aiohttp.ClientSession
) -> None:
    for name in ("films", "people"):
        await client.put(f"/{name}")
    image = await server.node.image()
    films, people = number(server, "films"), number(server, "people")
    async with client.get("/people/_changes?feed=continuous&heartbeat=100") as feed:
        await client.put("/films/alien", json={})
        image = await server.node.put_back(image)
        assert number(server, "people") == people
        assert number(server, "films") > films
        await client.put("/people/sue", json={})
        while not (line := (await feed.content.readline()).strip()):
            pass
        assert json.loads(line)["id"] == "sue"


async def test_the_image_that_comes_back_has_the_numbers_of_now(
    server: TestNode, client: aiohttp.ClientSession
) -> None:
    await client.put("/films")
    image = await server.node.image()
    await client.put("/films/alien", json={})
    image = await server.node.put_back(image)
    films = number(server, "films")
    await client.put("/people")
    await server.node.put_back(image)
    assert number(server, "films") == films


async def test_a_feed_of_what_has_changed_ends(server: TestNode, client: aiohttp.ClientSession) -> None:
    await client.put("/films")
    image = await server.node.image()
    await client.put("/films/alien", json={})
    async with client.get("/films/_changes?feed=continuous&heartbeat=100") as feed:
        await feed.content.readline()
        await server.node.put_back(image)
        lines = [line async for line in feed.content if line.strip()]
    assert [set(json.loads(line)) for line in lines] == [{"last_seq", "pending"}]


async def test_rules_and_views_of_an_undone_future_do_not_count(
    server: TestNode, client: aiohttp.ClientSession
) -> None:
    """The same numbers stand for something else afterwards: nothing remembered by them may be believed."""

    def design(word: str, key: int) -> dict[str, object]:
        rule = f"function (doc) {{ if (doc._id === '{word}') throw({{forbidden: 'no'}}); }}"
        return {"validate_doc_update": rule, "views": {"v": {"map": f"function (doc) {{ emit({key}, null); }}"}}}

    async def keys_of_view() -> list[int]:
        async with client.get("/films/_design/d/_view/v") as reply:
            return [row["key"] for row in (await reply.json())["rows"]]

    await client.put("/films")
    await client.put("/films/there", json={})
    image = await server.node.image()
    for word, key in (("one", 1), ("two", 2)):
        await client.put("/films/_design/d", json=design(word, key))
        assert await keys_of_view() == [key]
        async with client.put(f"/films/{word}", json={}) as refused:
            assert refused.status == 403
        image = await server.node.put_back(image)
        async with client.get("/films/_design/d") as reply:
            assert reply.status == 404


async def test_users_and_sessions_are_those_of_the_image() -> None:
    async with run_node(admin=Admin("admin", "secret"), system_databases=("_users",)) as server:
        await server.node.config.set("chttpd_auth", "iterations", "1", persist=False)
        await server.node.make_system_databases()
        admin = {"Authorization": aiohttp.encode_basic_auth("admin", "secret")}

        async def user(name: str, **more: object) -> None:
            body = {"name": name, "type": "user", "roles": [], "password": "pw", **more}
            async with aiohttp.ClientSession(server.url, headers=admin) as session:
                reply = await session.put(f"/_users/org.couchdb.user:{name}", json=body)
                assert reply.status == 201

        async def name_of(session: aiohttp.ClientSession) -> str | None:
            async with session.get("/_session") as reply:
                return (await reply.json())["userCtx"]["name"]

        await user("sue")
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(server.url, cookie_jar=jar) as sue, aiohttp.ClientSession(server.url) as bob:
            await sue.post("/_session", json={"name": "sue", "password": "pw"})
            image = await server.node.image()
            await user("bob")
            bob.headers["Authorization"] = aiohttp.encode_basic_auth("bob", "pw")
            assert (await name_of(sue), await name_of(bob)) == ("sue", "bob")
            await server.node.put_back(image)
            assert await name_of(sue) == "sue"
            async with bob.get("/_session") as reply:
                assert reply.status == 401


async def test_what_happened_to_databases_is_told_as_it_was(server: TestNode, client: aiohttp.ClientSession) -> None:
    await client.put("/_global_changes")
    await client.put("/films")
    image = await server.node.image()
    before = await (await client.get("/_global_changes/_changes")).json()
    assert [row["id"] for row in before["results"]] == ["created:films"]
    await client.put("/people")
    await server.node.put_back(image)
    await server.node.global_changes.written()
    assert await (await client.get("/_global_changes/_changes")).json() == before
    await client.delete("/_global_changes")
    await server.node.put_back(image)
    await client.put("/people")
    await server.node.global_changes.written()
    after = await (await client.get("/_global_changes/_changes")).json()
    assert [row["id"] for row in after["results"]] == ["created:films", "created:people"]


async def test_a_request_under_way_finds_no_database(server: TestNode, client: aiohttp.ClientSession) -> None:
    """An attachment is being sent: the bytes are nowhere, and the client is told so."""
    await client.put("/films")
    image = await server.node.image()
    await client.put("/films/alien", json={})
    half = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield bytes(WINDOW_BYTES)
        await half.wait()
        yield b"the rest"

    sending = asyncio.ensure_future(client.put("/films/other/a.bin", data=body()))
    await eventually(partial(stagings, server))
    meanwhile = await server.node.image()
    await server.node.put_back(image)
    half.set()
    async with await sending as reply:
        assert reply.status >= 400
    assert await (await client.get("/films/_all_docs")).json() == {"total_rows": 0, "offset": 0, "rows": []}
    await server.node.put_back(meanwhile)
    assert await stagings(server) == [], "nobody is there to go on with them"


async def test_replications_of_documents_begin_anew(server: TestNode, client: aiohttp.ClientSession) -> None:
    await client.put("/films")
    await client.put("/_replicator")
    ends = {"source": f"{server.url}/films", "target": f"{server.url}/copy", "create_target": True}
    await client.put("/_replicator/copy", json={**ends, "continuous": True})

    async def has_jobs(count: int) -> bool:
        return len(server.node.replications.jobs()) == count

    assert await eventually(partial(has_jobs, 1))
    image = await server.node.image()
    await client.delete("/_replicator")
    assert await eventually(partial(has_jobs, 0))
    await server.node.put_back(image)
    assert await eventually(partial(has_jobs, 1))


async def stagings(server: TestNode) -> list[bytes]:
    with server.node.env.snapshot() as snapshot, snapshot.cursor(snapshot.tables.stagings) as cursor:
        return list(cursor.iternext(values=False))


async def test_an_image_is_taken_to_another_server(server: TestNode, client: aiohttp.ClientSession) -> None:
    await client.put("/films")
    await client.put("/films/alien/a.bin", data=b"bytes")
    image = await server.node.image()
    async with run_node() as other, aiohttp.ClientSession(other.url) as session:
        await session.put("/other")
        await session.put("/other/thing/b.bin", data=b"others")
        await other.node.put_back(image)
        assert await (await session.get("/_all_dbs")).json() == ["films"]
        assert await (await session.get("/films/alien/a.bin")).read() == b"bytes"
        await session.put("/films/second/c.bin", data=b"more")
        assert await (await session.get("/films/second/c.bin")).read() == b"more"
        assert await (await session.get("/films/alien/a.bin")).read() == b"bytes"


async def test_numbers_are_not_given_out_twice(server: TestNode, client: aiohttp.ClientSession) -> None:
    await client.put("/films")
    image = await server.node.image()
    await client.put("/films/alien", json={})

    def use_up() -> None:
        with server.node.env.begin_write().transaction as transaction:
            last = rows.encode_number(keys.MAX_NUMBER)
            transaction.put(keys.META_NEXT_DATABASE, last, db=server.node.env.tables.meta)

    await asyncio.to_thread(use_up)
    with pytest.raises(StorageFull):
        await server.node.put_back(image)
    assert (await client.get("/films/alien")).status == 200


async def test_a_large_image_is_not_in_one_group_with_others() -> None:
    async with run_node() as server:
        await server.node.registry.create("films")
        image = await server.node.image()
        assert PutBackImage(image).cost == image.size > 0
