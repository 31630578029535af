"""What every peer does, whatever it is: the same tests on a database of this process and on one behind HTTP."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from docstore.core.json_text import decode
from docstore.replication.errors import PeerNotFound
from docstore.replication.peer import ChangesRequest, MissingDoc, MissingRevs, Peer, Wanted
from tests.replication.places import (
    Peers,
    contents,
    doc,
    fetch_all,
    fetch_one,
    inline,
    leaves_of,
    members,
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


@pytest.fixture(params=["local", "remote"])
def peer(request, peers: Peers) -> Peer:
    return peers.of_kind(request.param, "db")


@pytest.fixture
def absent(request, peer: Peer, peers: Peers) -> Peer:
    kind = request.node.callspec.params["peer"]
    return peers.of_kind(kind, "absent")


class TestTheDatabase:
    async def test_create_and_info(self, peer: Peer) -> None:
        assert await peer.create({"q": "3"}) is True
        assert await peer.create() is False
        info = await peer.info()
        assert (info.db_name, info.doc_count, info.doc_del_count) == ("db", 0, 0)
        assert str(info.update_seq).startswith("0")
        assert info.instance_start_time == await peer.ensure_full_commit()

    async def test_shards_are_those_asked_for(self, peer: Peer, peers: Peers) -> None:
        await peer.create({"q": "3"})
        assert peers.server.node.registry.open("db").shards == 3

    async def test_counts(self, peer: Peer) -> None:
        await seed(peer, doc("a", "1-a"), doc("b", "2-b", "1-b", deleted=True))
        info = await peer.info()
        assert (info.doc_count, info.doc_del_count) == (1, 1)

    async def test_one_that_is_not_there(self, absent: Peer) -> None:
        questions = [
            absent.info(),
            absent.revs_diff({"a": [rev("1-a")]}),
            absent.write([doc("a", "1-a")]),
            absent.get_local("x"),
            absent.put_local("x", {}),
            absent.get_doc("x"),
            absent.ensure_full_commit(),
            read_all(absent),
            fetch_all(absent, Wanted("a", (rev("1-a"),))),
        ]
        for question in questions:
            with pytest.raises(PeerNotFound) as caught:
                await question
            assert caught.value.error == "db_not_found"
            assert caught.value.reason == f"could not open {absent.name}"

    async def test_deleted_and_created_again_it_is_another_one(self, peer: Peer, peers: Peers) -> None:
        await seed(peer, doc("a", "1-a"))
        before = await peer.info()
        await peers.server.node.registry.delete("db")
        await seed(peer, doc("b", "1-b"))
        after = await peer.info()
        assert before.instance_start_time != after.instance_start_time
        assert list(await leaves_of(peer, since=before.update_seq)) == ["b"], "an old since is no place in it"


class TestChanges:
    async def test_rows(self, peer: Peer) -> None:
        await seed(peer, doc("a", "1-a"), doc("b", "2-b", "1-e"), doc("b", "2-c", "1-e"), doc("c", "1-c", deleted=True))
        [batch] = await read_all(peer)
        assert [(change.id, change.revs, change.deleted) for change in batch.changes] == [
            ("a", (rev("1-a"),), False),
            ("b", (rev("2-c"), rev("2-b")), False),
            ("c", (rev("1-c"),), True),
        ]
        assert batch.last_seq == batch.changes[-1].seq
        assert batch.pending == 0

    async def test_winners_alone(self, peer: Peer) -> None:
        await seed(peer, doc("b", "2-b", "1-e"), doc("b", "2-c", "1-e"))
        assert await leaves_of(peer, all_leaves=False) == {"b": ((rev("2-c"),), False)}

    async def test_nothing_is_one_empty_batch(self, peer: Peer) -> None:
        await peer.create()
        [batch] = await read_all(peer)
        assert (batch.changes, batch.pending) == ([], 0)

    async def test_batches_go_on_where_the_last_one_ended(self, peer: Peer) -> None:
        await seed(peer, *[doc(f"d{number}", "1-a") for number in range(10)])
        batches = await read_all(peer, batch_rows=4)
        assert [change.id for batch in batches for change in batch.changes] == [f"d{number}" for number in range(10)]
        assert max(len(batch.changes) for batch in batches) == 4
        assert batches[0].pending == 6
        later = await read_all(peer, since=batches[0].last_seq)
        assert [change.id for batch in later for change in batch.changes] == [f"d{number}" for number in range(4, 10)]

    async def test_a_limit(self, peer: Peer) -> None:
        await seed(peer, *[doc(f"d{number}", "1-a") for number in range(10)])
        batches = await read_all(peer, limit=5, batch_rows=2)
        assert sum(len(batch.changes) for batch in batches) == 5
        assert batches[-1].pending == 5

    async def test_filters(self, peer: Peer) -> None:
        await seed(peer, doc("a", "1-a", t=1), doc("b", "1-b", t=2), doc("_design/d", "1-d"))
        assert list(await leaves_of(peer, doc_ids=("a", "zz"))) == ["a"]
        assert list(await leaves_of(peer, selector={"t": 2})) == ["b"]
        assert list(await leaves_of(peer, filter="_design")) == ["_design/d"]
        assert list(await leaves_of(peer, doc_ids=())) == []

    async def test_continuous(self, peer: Peer) -> None:
        await seed(peer, doc("a", "1-a"))
        seen: list[str] = []
        written = 0
        async with aclosing(peer.changes(ChangesRequest(continuous=True, heartbeat=5.0))) as batches:
            async for batch in batches:
                seen += [change.id for change in batch.changes]
                if len(seen) > written and written < 3:
                    written += 1
                    await peer.write([doc(f"b{written}", "1-b")])
                if len(seen) == 4:
                    break
        assert seen == ["a", "b1", "b2", "b3"]

    async def test_a_silent_continuous_feed_gives_empty_batches(self, peer: Peer) -> None:
        await seed(peer, doc("a", "1-a"))
        async with aclosing(peer.changes(ChangesRequest(continuous=True, heartbeat=0.02))) as batches:
            first = await anext(batches)
            silent = await anext(batches)
        assert [change.id for change in first.changes] == ["a"]
        assert (silent.changes, silent.last_seq) == ([], first.last_seq)

    async def test_a_continuous_feed_of_a_database_that_is_deleted(self, peer: Peer, peers: Peers) -> None:
        async def follow_and_delete() -> None:
            async with aclosing(peer.changes(ChangesRequest(continuous=True, heartbeat=5.0))) as batches:
                async for batch in batches:
                    if batch.changes:
                        await peers.server.node.registry.delete("db")

        await seed(peer, doc("a", "1-a"))
        with pytest.raises(PeerNotFound):
            await follow_and_delete()


class TestRevsDiff:
    async def test_what_lacks(self, peer: Peer) -> None:
        await seed(peer, doc("a", "2-a", "1-a"), doc("b", "1-b"))
        asked = {"a": [rev("2-a"), rev("1-a")], "b": [rev("1-b"), rev("3-c"), rev("1-f")], "c": [rev("1-c")]}
        assert await peer.revs_diff(asked) == {
            "b": MissingRevs((rev("1-f"), rev("3-c")), (rev("1-b"),)),
            "c": MissingRevs((rev("1-c"),), ()),
        }

    async def test_nothing_asked(self, peer: Peer) -> None:
        await peer.create()
        assert await peer.revs_diff({}) == {}


class TestFetch:
    async def test_a_document_is_as_it_was_written(self, peer: Peer) -> None:
        await seed(peer, doc("ä/ö", "2-b", "1-a", v=[1, 1.0, 1e22, "ü", None, {"x": {}}]))
        found = await fetch_one(peer, "ä/ö", "2-b")
        assert (found.id, found.rev, found.deleted, found.attachments) == ("ä/ö", rev("2-b"), False, ())
        assert members(found) == {
            "_id": "ä/ö",
            "_rev": rev("2-b"),
            "v": [1, 1.0, 1e22, "ü", None, {"x": {}}],
            "_revisions": {"start": 2, "ids": ["b" * 32, "a" * 32]},
        }
        assert b"1e+22" in found.text
        assert found.size >= len(found.text) // 2

    async def test_many_in_any_order(self, peer: Peer) -> None:
        docs = [doc(f"d{number}", "1-a", n=number) for number in range(300)]
        await seed(peer, *docs)
        found, missing = await fetch_all(peer, *[Wanted(one.id, (one.rev,)) for one in docs])
        assert missing == []
        assert sorted(one.id for one in found) == sorted(one.id for one in docs)

    async def test_deleted_and_conflicting_leaves(self, peer: Peer) -> None:
        await seed(peer, doc("a", "2-b", "1-a"), doc("a", "2-c", "1-a", deleted=True, why="x"))
        found, _ = await fetch_all(peer, Wanted("a", (rev("2-b"), rev("2-c"))))
        assert sorted((one.rev, one.deleted) for one in found) == [(rev("2-b"), False), (rev("2-c"), True)]
        assert members(max(found, key=lambda one: one.rev))["_deleted"] is True

    async def test_of_an_ancestor_the_leaves(self, peer: Peer) -> None:
        await seed(peer, doc("a", "3-c", "2-b", "1-a"))
        assert (await fetch_one(peer, "a", "1-a")).rev == rev("3-c")

    async def test_what_is_not_there(self, peer: Peer) -> None:
        await seed(peer, doc("a", "1-a"))
        found, missing = await fetch_all(peer, Wanted("a", (rev("1-a"), rev("1-f"))), Wanted("zz", (rev("1-d"),)))
        assert [one.id for one in found] == ["a"]
        assert missing == [
            MissingDoc("a", rev("1-f"), "not_found", "missing"),
            MissingDoc("zz", rev("1-d"), "not_found", "missing"),
        ]

    async def test_what_counts_as_bulk(self, peer: Peer) -> None:
        attached = {"a": inline("image/png", b"x")}
        await seed(peer, doc("a", "1-a"), doc("b", "1-b", _attachments=attached), doc("_design/c", "1-c"))
        wanted = [Wanted("a", (rev("1-a"),)), Wanted("b", (rev("1-b"),)), Wanted("_design/c", (rev("1-c"),))]
        found, _ = await fetch_all(peer, *wanted)
        assert {one.id: one.bulk for one in found} == {"a": True, "b": False, "_design/c": False}


class TestAttachments:
    async def test_large_or_gzipped_ones_follow_as_they_are_stored(self, peer: Peer) -> None:
        large = bytes(range(256)) * 1024
        text = b"hello " * 1000
        attached = {"l.bin": inline("image/png", large), "t.txt": inline("text/plain", text)}
        await seed(peer, doc("a", "1-a", _attachments=attached))
        found = await fetch_one(peer, "a", "1-a")
        by_name = {one.name: one for one in found.attachments}
        assert set(by_name) == {"l.bin", "t.txt"}
        assert (by_name["l.bin"].length, by_name["l.bin"].encoding) == (len(large), None)
        assert (by_name["t.txt"].length, by_name["t.txt"].encoding) == (len(text), "gzip")
        for _ in range(2):  # they can be read again
            for one in found.attachments:
                stored = b"".join([piece async for piece in one.open()])
                assert len(stored) == one.encoded_length
                assert stored == large or stored[:2] == b"\x1f\x8b"
        assert members(found)["_attachments"]["t.txt"]["follows"] is True
        assert "stub" not in members(found)["_attachments"]["t.txt"]

    async def test_few_bytes_stand_in_the_text(self, peer: Peer) -> None:
        await seed(peer, doc("a", "1-a", _attachments={"s.png": inline("image/png", b"small")}))
        found = await fetch_one(peer, "a", "1-a")
        assert found.attachments == ()
        assert members(found)["_attachments"]["s.png"]["data"] == "c21hbGw="

    async def test_what_the_target_has_is_a_stub_unless_it_lacks_it_after_all(self, peer: Peer) -> None:
        attached = {
            "old": inline("text/plain", b"old", revpos=1),
            "new": inline("text/plain", b"new", revpos=2),
        }
        await seed(peer, doc("a", "2-b", "1-a", _attachments=attached))
        found = await fetch_one(peer, "a", "2-b", known=["1-a"])
        assert [one.name for one in found.attachments] == ["new"]
        assert members(found)["_attachments"]["old"]["stub"] is True
        whole = await found.complete()
        assert {one.name for one in whole.attachments} == {"old", "new"}
        assert whole.complete is None


class TestWrite:
    async def test_nothing(self, peer: Peer) -> None:
        await peer.create()
        assert await peer.write([]) == []

    async def test_twice_is_once(self, peer: Peer) -> None:
        await seed(peer, doc("a", "1-a"))
        seq = (await peer.info()).update_seq
        assert await peer.write([doc("a", "1-a")]) == []
        assert (await peer.info()).update_seq == seq

    async def test_a_bad_document_fails_alone(self, peer: Peer) -> None:
        await peer.create()
        docs = [doc(f"d{number}", "1-a") for number in range(7)]
        docs[3] = doc("d3", "1-a", _nonsense=1)
        docs[5] = doc("d5", "2-b", _attachments={"x": {"stub": True, "content_type": "a/b", "revpos": 1}})
        failures = await peer.write(docs)
        assert [(one.id, one.rev, one.error) for one in failures] == [
            ("d3", rev("1-a"), "doc_validation"),
            ("d5", rev("2-b"), "missing_stub"),
        ]
        assert set(await leaves_of(peer)) == {"d0", "d1", "d2", "d4", "d6"}

    async def test_a_document_that_is_too_large_fails_alone(self, peer: Peer) -> None:
        await peer.create()
        failures = await peer.write([doc("a", "1-a"), doc("big", "1-b", x="x" * 8_000_001), doc("c", "1-c")])
        assert [(one.id, one.error) for one in failures] == [("big", "document_too_large")]
        assert set(await leaves_of(peer)) == {"a", "c"}

    async def test_floats_come_out_as_couchdb_prints_them(self, peer: Peer, peers: Peers) -> None:
        await seed(peer, doc("a", "1-a", v=1e22))
        assert decode(peers.server.node.registry.open("db").open_doc("a").json)["v"] == 1e22


class TestLocalDocuments:
    async def test_are_written_read_and_replaced(self, peer: Peer) -> None:
        await peer.create()
        assert await peer.get_local("a/b+c") is None
        first = await peer.put_local("a/b+c", {"v": 1})
        assert first == "0-1"
        assert await peer.get_local("a/b+c") == {"_id": "_local/a/b+c", "_rev": "0-1", "v": 1}
        assert await peer.put_local("a/b+c", {"_rev": first, "_id": "_local/a/b+c", "v": 2}) == "0-2"
        assert (await peer.get_local("a/b+c"))["v"] == 2

    async def test_documents_can_be_read(self, peer: Peer) -> None:
        await seed(peer, doc("_design/a", "1-a", filters={"f": "x"}))
        assert (await peer.get_doc("_design/a"))["filters"] == {"f": "x"}
        assert await peer.get_doc("_design/b") is None


@pytest.mark.parametrize("source", ["local", "remote"])
@pytest.mark.parametrize("target", ["local", "remote"])
class TestFromOneToAnother:
    async def test_everything_arrives_as_it_is_stored(self, peers: Peers, source: str, target: str) -> None:
        png, text = bytes(range(256)) * 300, b"to be or not to be " * 9000
        attached = {
            "b.png": inline("image/png", png),
            "a.txt": inline("text/plain", text),
            "empty": inline("text/plain", b""),
            'ü/ "x".bin': inline("application/x-y", b"\x00\xff" * 10),
        }
        few = {"s": inline("image/gif", b"GIF"), "e.bin": inline("image/gif", b"")}
        await seed(
            peers.local("source"),
            doc("plain", "1-a", v=1e22, w=-0.0, u="ü\u0001"),
            doc("conflict", "2-b", "1-a"),
            doc("conflict", "2-c", "1-a", deleted=True),
            doc("conflict", "3-d", "2-e", "1-a"),
            doc("odd", "2-odd", "1-odder"),
            doc("gone", "3-c", "2-b", "1-a", deleted=True),
            doc("attached", "1-a", _attachments=attached),
            doc("few", "2-a", "1-a", _attachments=few),
            doc("empty", "1-a", _attachments={"a": few["e.bin"], "b": few["e.bin"]}),
            doc("mixed", "1-a", _attachments={"z": few["e.bin"], "t": inline("text/html", b"<p>" * 99)}),
            doc("large", "1-a", _attachments={"z": few["e.bin"], "b.png": inline("image/png", png)}),
            doc("gzipped", "2-a", "1-a", _attachments={"t": inline("text/html", b"<p>" * 99, revpos=2)}),
            doc("_design/x", "1-a", language="y"),
            doc("long" + "x" * 600, "1-a"),
        )
        there = peers.of_kind(target, "target")
        await there.create()

        assert await transfer(peers.of_kind(source, "source"), there) == []
        assert await contents(peers, "target") == await contents(peers, "source")
        assert await leaves_of(peers.local("target")) == await leaves_of(peers.local("source"))

    async def test_a_second_revision_takes_only_the_new_attachment_along(
        self, peers: Peers, source: str, target: str
    ) -> None:

        attached = {"old": inline("text/plain", b"old " * 99, revpos=1)}
        here, there = peers.of_kind(source, "source"), peers.of_kind(target, "target")
        await seed(peers.local("source"), doc("a", "1-a", _attachments=attached))
        await there.create()
        await transfer(here, there)
        stub = {"old": {"stub": True, "content_type": "text/plain", "revpos": 1, "digest": "md5-x", "length": 1}}
        more = {"new": inline("text/plain", b"new " * 99, revpos=2)}
        await seed(peers.local("source"), doc("a", "2-b", "1-a", _attachments={**stub, **more}))
        assert await transfer(here, there) == []
        assert await contents(peers, "target") == await contents(peers, "source")

    async def test_a_target_that_lost_the_attachment_gets_it_again(
        self, peers: Peers, source: str, target: str
    ) -> None:
        here, there = peers.of_kind(source, "source"), peers.of_kind(target, "target")
        attached = {"old": inline("text/plain", b"old", revpos=1), "small": inline("image/png", b"s", revpos=1)}
        await seed(peers.local("source"), doc("a", "2-b", "1-a", _attachments=attached))
        await there.create()
        found = await fetch_one(here, "a", "2-b", known=["1-a"])
        assert await there.write([found]) == []
        assert await contents(peers, "target") == await contents(peers, "source")


async def test_two_stores_do_not_take_the_direct_way(peers: Peers, tmp_path) -> None:
    from docstore.testing import run_node

    async with run_node(data=tmp_path / "other") as other:
        elsewhere = Peers(other)
        text = {"t": inline("text/plain", b"x" * 5000), "p": inline("image/png", b"y" * 100_000)}
        await seed(peers.local("source"), doc("a", "1-a", _attachments=text), doc("b", "1-b"))
        target = elsewhere.local("target")
        await target.create()
        assert await transfer(peers.local("source"), target) == []
        assert await contents(elsewhere, "target") == await contents(peers, "source")


async def test_a_document_is_handed_on_while_the_source_changes(peers: Peers) -> None:
    """What was fetched directly can be written though its revision and its attachments are gone by then."""
    await seed(peers.local("source"), doc("a", "1-a", _attachments={"p": inline("image/png", b"y" * 100_000)}))
    found = await fetch_one(peers.local("source"), "a", "1-a")
    await peers.server.node.registry.delete("source")
    await peers.server.node.registry.finish_sweeps()
    await peers.server.node.registry.blobs.collector.collect()
    await seed(peers.local("target"), found)
    opening = peers.server.node.registry.open("target").open_attachment("a", "p")
    assert b"".join([piece async for piece in opening.stored()]) == b"y" * 100_000


async def test_peers_work_at_the_same_time(peers: Peers) -> None:
    await seed(peers.remote("db"), *[doc(f"d{number}", "1-a", n=number) for number in range(40)])
    remote = peers.remote("db", http_connections=2)
    found = await asyncio.gather(*[fetch_one(remote, f"d{number}", "1-a") for number in range(40)])
    assert [json.loads(one.text)["n"] for one in found] == list(range(40))
