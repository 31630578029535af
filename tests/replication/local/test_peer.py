"""What only a database of this process can do: functions as filters and validation, the direct way."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from docstore.core.edit import Edit
from docstore.database.apply import updater
from docstore.database.reading.replica import Replica, StoredRevision
from docstore.errors import DocstoreError, Forbidden, StorageFull, Unauthorized, Unavailable
from docstore.replication.errors import PeerBroken, PeerNotFound
from docstore.replication.options import Endpoint, ReplicationOptions
from docstore.replication.peer import ChangesRequest, FetchedDoc, WriteFailure
from docstore.replication.replicator import Replicator
from tests.replication.places import (
    Peers,
    contents,
    doc,
    fetch_one,
    inline,
    leaves_of,
    read_all,
    rev,
    seed,
    transfer,
)


@pytest.fixture
async def peers(server) -> AsyncIterator[Peers]:
    made = Peers(server)
    yield made
    await made.close()


def only_numbers(new: dict[str, object], old: dict[str, object] | None) -> None:
    if not isinstance(new.get("n"), int):
        raise Forbidden("n must be a number")
    if old is not None and old["n"] > new["n"]:
        raise Unauthorized("n must grow")


@pytest.mark.parametrize("shards", ["", "many", "9" * 10, "9" * 5_000])
async def test_numbers_of_shards_that_cannot_be_are_passed_over(peers: Peers, shards: str) -> None:
    assert await peers.local("db").create({"q": shards}) is True
    assert peers.server.node.registry.open("db").shards == 2


@pytest.mark.parametrize("kind", ["local", "remote"])
async def test_validation(peers: Peers, kind: str) -> None:
    """Of what comes directly and of what comes as text."""
    await seed(
        peers.local("source"),
        doc("good", "1-a", n=1),
        doc("bad", "1-a", n="x"),
        doc("shrinks", "1-b", n=1),
        doc("_design/d", "1-a"),
        doc("large", "1-a", n=1, _attachments={"p": inline("image/png", b"x" * 100_000)}),
    )
    await seed(peers.local("target"), doc("shrinks", "1-a", n=2))
    target = peers.local("target", validate=only_numbers)
    failures = await transfer(peers.of_kind(kind, "source"), target)
    assert sorted(failures) == [
        WriteFailure("bad", rev("1-a"), "forbidden", "n must be a number"),
        WriteFailure("shrinks", rev("1-b"), "unauthorized", "n must grow"),
    ]
    assert set(await leaves_of(target)) == {"good", "shrinks", "_design/d", "large"}


async def test_a_filter_as_a_function(peers: Peers) -> None:
    await seed(peers.local("db"), doc("a", "1-a", t=1), doc("b", "1-b", t=2), doc("c", "1-c", deleted=True, t=2))
    found = await leaves_of(peers.local("db"), filter="f/two", accepts=lambda one: one.get("t") == 2)
    assert list(found) == ["b", "c"]


async def test_a_filter_of_a_design_document(peers: Peers) -> None:
    filters = {"two": "function(doc, req) { return doc.t == req.query.t }"}
    await seed(peers.local("db"), doc("a", "1-a", t=1), doc("b", "1-b", t=2), doc("_design/f", "1-f", filters=filters))
    found = await leaves_of(peers.local("db"), filter="f/two", query_params={"t": "2"})
    assert list(found) == ["b"]
    with pytest.raises(PeerNotFound):
        await read_all(peers.local("db"), filter="f/three")


async def test_the_direct_way_makes_no_text(peers: Peers, monkeypatch) -> None:
    def refuse(*_: object) -> bytes:
        raise AssertionError("no text is needed")

    attached = {"t": inline("text/plain", b"x" * 999), "p": inline("image/png", b"y" * 99)}
    await seed(peers.local("source"), doc("a", "1-a", _attachments=attached), doc("b", "2-b", "1-a", deleted=True))
    target = peers.local("target")
    await target.create()
    monkeypatch.setattr("docstore.replication.local.revision.LocalRevision.text", refuse)
    assert await transfer(peers.local("source"), target) == []
    monkeypatch.undo()
    assert await contents(peers, "target") == await contents(peers, "source")


async def test_the_size_of_a_direct_document_is_about_that_of_its_text(peers: Peers) -> None:
    png = {"p": inline("image/png", b"y" * 3000)}
    await seed(peers.local("db"), doc("a", "2-b", "1-a", x="x" * 2000), doc("b", "1-a", _attachments=png))
    for doc_id, leaf in (("a", "2-b"), ("b", "1-a")):
        found = await fetch_one(peers.local("db"), doc_id, leaf)
        size = found.size
        assert 0.7 * len(found.text) < size < 1.3 * len(found.text)


async def test_documents_of_several_portions(peers: Peers) -> None:
    docs = [doc(f"d{number:04}", "1-a", x="x" * (9000 if number % 100 == 0 else 5)) for number in range(1200)]
    failures = await seed_all(peers, docs)
    assert failures == []
    assert len(await leaves_of(peers.local("db"))) == 1200
    target = peers.local("target")
    await target.create()
    await transfer(peers.local("db"), target)
    assert len(await leaves_of(target)) == 1200


async def seed_all(peers: Peers, docs: list[FetchedDoc]) -> list[WriteFailure]:
    await peers.local("db").create()
    return await peers.local("db").write(docs)


async def test_a_continuous_feed_ends_when_the_node_stops(peers: Peers) -> None:
    await seed(peers.local("db"), doc("a", "1-a"))
    feed = peers.local("db").changes(ChangesRequest(continuous=True, heartbeat=5.0))
    await anext(feed)
    peers.server.node.notifier.close()
    with pytest.raises(Unavailable):
        async for _ in feed:
            pass


@pytest.mark.parametrize("kind", ["local", "remote"])
@pytest.mark.parametrize("times", [1, 10])
async def test_no_checkpoint_passes_over_bytes_that_are_gone(peers: Peers, monkeypatch, kind: str, times: int) -> None:
    """Of what comes directly and of what comes as text: asked for again, and a failure if that does not help."""
    await seed(
        peers.local("source"), *(doc(name, "1-a", _attachments={"p": inline("image/png", b"x")}) for name in "ab")
    )
    await seed(peers.local("target"))
    apply, left = updater.Links.allow, [times]

    def allow(links: updater.Links, edit: Edit) -> bool:
        if edit.id == "a" and left[0]:
            left[0] -= 1
            return False
        return apply(links, edit)

    monkeypatch.setattr(updater.Links, "allow", allow)
    source, target = peers.of_kind(kind, "source"), peers.local("target")
    replicator = Replicator(
        source,
        target,
        ReplicationOptions(Endpoint("source"), Endpoint("target")),
        replication_id="id",
        clock=lambda: 0.0,
        new_session_id=lambda: "s",
        wait=lambda seconds: asyncio.sleep(0),
    )
    if times == 1:
        await replicator.run()
        assert set(await leaves_of(target)) == {"a", "b"}
    else:
        with pytest.raises(PeerBroken, match=r"has revision .* of 'a' and does not give it"):
            await replicator.run()
        assert await target.get_local("id") is await source.get_local("id") is None


async def test_a_failure_that_is_not_the_documents_fails_the_run(peers: Peers, monkeypatch) -> None:
    await seed(peers.local("source"), doc("a", "1-a"))
    await seed(peers.local("target"))

    async def write(replica: Replica, revisions: list[StoredRevision]) -> list[DocstoreError]:
        return [StorageFull() for _ in revisions]

    monkeypatch.setattr(Replica, "write", write)
    with pytest.raises(StorageFull):
        await transfer(peers.local("source"), peers.local("target"))
