"""Reading a pattern may take long, so no door to selectors does it on the event loop."""

import threading

import pytest

from docstore.core.selector import operators
from tests.httpd.asking import Database

SELECTOR = {"a": {"$regex": "^x(?=y)"}}


@pytest.fixture
def read_in(monkeypatch) -> list[threading.Thread]:
    """The threads that read a pattern."""
    threads: list[threading.Thread] = []

    class Watched(operators.Regex):
        def __init__(self, pattern: str, time: float) -> None:
            threads.append(threading.current_thread())
            super().__init__(pattern, time)

    monkeypatch.setattr(operators, "Regex", Watched)
    return threads


def off_the_loop(threads: list[threading.Thread]) -> bool:
    return bool(threads) and threading.current_thread() not in threads


@pytest.mark.parametrize("unique", [False, True])
async def test_indexes(db, read_in, unique):
    index = {"fields": ["b"], "partial_filter_selector": SELECTOR}
    answer = await db.post("_index", {"index": index, "unique": unique})
    assert answer.status == (400 if unique else 200), answer
    assert off_the_loop(read_in)


@pytest.mark.parametrize("path", ["_find", "_explain", "_changes?filter=_selector"])
async def test_queries_and_changes(db, read_in, path):
    answer = await db.post(path, {"selector": SELECTOR})
    assert answer.status == 200, answer
    assert off_the_loop(read_in)


async def test_replications(db, client, read_in):
    await Database(client, "copy").create()
    asked = {"source": "db", "target": "copy", "selector": SELECTOR}
    answer = await Database(client, "_replicate").post("", asked)
    assert answer.status == 200, answer
    assert off_the_loop(read_in)


async def test_replication_documents(db, client, server, read_in):
    jobs = Database(client, "_replicator")
    await jobs.ask("PUT", "")
    asked = {"source": f"{server.url}/db", "target": f"{server.url}/copy", "selector": SELECTOR, "create_target": True}
    answer = await jobs.put("job", asked)
    assert answer.status == 201, answer
    assert off_the_loop(read_in)
