"""The server for tests: both ways of running it, the pytest fixture, and how soon it is there."""

import asyncio
import json
import time
import urllib.request
from pathlib import Path

import aiohttp
import pytest

from docstore.settings import Admin, Durability
from docstore.testing import TestNode, make_database, run_node, run_node_in_thread

READY_SECONDS = 0.1


def get(url: str) -> dict[str, object]:
    with urllib.request.urlopen(url) as reply:
        found = json.load(reply)
    assert isinstance(found, dict)
    return found


async def test_on_the_running_loop() -> None:
    async with run_node() as server, aiohttp.ClientSession() as session:
        async with session.put(f"{server.url}/films") as reply:
            assert reply.status == 201
        assert server.node.registry.exists("films")
        data = server.data
        assert data.is_dir()
    assert not data.exists()


def test_in_a_thread() -> None:
    with run_node_in_thread() as server:
        assert get(server.url)["couchdb"] == "Welcome"
        data = server.data
    assert not data.exists()


async def test_several_at_once_do_not_know_each_other() -> None:
    async with run_node() as one, run_node() as two:
        assert one.url != two.url
        await one.node.registry.create("films")
        assert not two.node.registry.exists("films")


async def test_a_folder_of_ones_own_stays(tmp_path: Path) -> None:
    async with run_node(data=tmp_path) as server:
        await server.node.registry.create("films")
    async with run_node(data=tmp_path) as server:
        assert server.node.registry.exists("films")


async def test_settings_are_passed_on() -> None:
    async with run_node(admin=Admin("sue", "secret")) as server:
        assert server.settings.admin == Admin("sue", "secret")
        assert server.settings.storage.durability is Durability.NONE


def test_an_error_of_the_start_is_raised() -> None:
    with pytest.raises(TypeError, match="nonsense"), run_node_in_thread(nonsense=1):
        pass


def test_an_error_in_the_block_stops_the_server() -> None:
    with pytest.raises(ZeroDivisionError), run_node_in_thread() as server:
        raise ZeroDivisionError
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(server.url)


async def test_it_is_ready_soon() -> None:
    async def seconds() -> float:
        begin = time.perf_counter()
        async with run_node():
            return time.perf_counter() - begin

    assert min([await seconds() for _ in range(3)]) < READY_SECONDS


def test_the_fixture_in_a_plain_test(docstore_server: TestNode) -> None:
    assert get(docstore_server.url)["couchdb"] == "Welcome"


async def test_the_fixture_in_an_async_test(docstore_server: TestNode) -> None:
    found = await asyncio.to_thread(get, docstore_server.url)
    assert found["couchdb"] == "Welcome"


def test_a_database_of_ones_own() -> None:
    with run_node_in_thread() as server:
        server.load([], "there")
        one, two = make_database(server, "Films & more"), make_database(server, "Films & more")
        assert (one.name, two.name) == ("films-more-1", "films-more-2")
        assert get(one.url)["doc_count"] == 0
        assert (one.auth, one.auth_url) == (None, one.url)
        server.load([], "made-meanwhile")
        two.remove()
        assert server.node.registry.names() == ["films-more-1", "there"]
        one.remove()
        one.remove()
        assert make_database(server, "7").name == "test-7-1"


def test_a_database_on_a_server_with_an_admin() -> None:
    with run_node_in_thread(admin=Admin("su e", "p@ss")) as server:
        films = make_database(server, "films")
        assert films.auth == ("su e", "p@ss")
        assert films.auth_url == films.url.replace("://", "://su%20e:p%40ss@")
