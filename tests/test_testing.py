"""The server for tests: both ways of running it, the pytest fixture, and how soon it is there."""

import asyncio
import json
import time
import urllib.request
from pathlib import Path

import aiohttp
import pytest

from docstore.settings import Admin, Durability
from docstore.testing import TestNode, run_node, run_node_in_thread

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
