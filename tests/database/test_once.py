"""Writes that are carried out once, by way of a ticket."""

import asyncio
import threading
from pathlib import Path

import pytest

from docstore.core.attachment import Inline
from docstore.core.document import Document
from docstore.core.local_document import next_rev
from docstore.database import commands
from docstore.database.apply.reply_forms import BulkForm, ConstantForm, WrittenForm
from docstore.database.background import Work
from docstore.database.database import Database
from docstore.database.once import EXPIRE_SECONDS, AnsweredBefore, Ticket
from docstore.errors import (
    BadRequest,
    Conflict,
    DatabaseExists,
    DocstoreError,
    IdempotencyKeyReused,
    NotFound,
    Unavailable,
)
from docstore.node import Node
from docstore.settings import MIB, Limits, Settings
from docstore.storage.attachments.staging import scan_stagings
from docstore.storage.remembered_rows import StoredReply
from tests.database.helpers import document, settings
from tests.storage_findings import storage_findings

FORM = WrittenForm("a", 201)
OK = ConstantForm(StoredReply(200, b"ok"))


def ticket(node: Node, key: str = "k", *, fingerprint: str = "f", user: str = "", name: str = "db") -> Ticket:
    return node.remembered.ticket(name, user, key, lambda: fingerprint.encode() * 32)


async def test_the_write_and_its_reply(node: Node, db: Database) -> None:
    first = ticket(node)
    assert first.find() is None
    result = await first.remembering(db, FORM).update_doc(document("a"))
    assert result.rev is not None
    assert first.reply is not None
    assert str(result.rev).encode() in first.reply.body
    found = ticket(node).find()
    assert found is not None
    assert (found.reply, found.fingerprint) == (first.reply, b"f" * 32)
    assert ticket(node, user="sue").find() is None
    assert ticket(node, name="other").find() is None


async def test_a_second_time(node: Node, db: Database) -> None:
    first, second = ticket(node), ticket(node)
    await first.remembering(db, FORM).update_docs([document("a")])
    with pytest.raises(AnsweredBefore) as answered:
        await second.remembering(db, FORM).update_docs([document("a")])
    assert answered.value.reply == first.reply
    assert second.reply is None
    with pytest.raises(IdempotencyKeyReused):
        await ticket(node, fingerprint="g").remembering(db, FORM).update_docs([document("b")])


async def test_a_failure_is_raised_and_not_remembered(node: Node, db: Database) -> None:
    await db.update_doc(document("a"))
    with pytest.raises(Conflict):
        await ticket(node).remembering(db, BulkForm(("a",))).update_doc(document("a"))
    assert ticket(node).find() is None


async def test_a_request_is_one_write(node: Node, db: Database) -> None:
    once = ticket(node)
    writing = once.remembering(db, FORM)
    await writing.update_doc(document("a"))
    with pytest.raises(AssertionError, match="one write"):
        await writing.update_doc(document("b"))


async def test_the_handle_itself_is_not_changed(node: Node, db: Database) -> None:
    await ticket(node).remembering(db, FORM).update_doc(document("a"))
    await db.update_doc(document("b"))
    await db.update_doc(document("c"))
    assert db.info().doc_count == 3


async def test_documents_with_and_without_history_are_one_command(node: Node, db: Database) -> None:
    await db.update_doc(document("c"))
    documents = [
        document("_local/a"),
        Document("b", None, False, b"{}", b"j", attachments=(Inline("x", "image/png", b"1"),)),
        document("_local/b", "1-a"),
        document("c"),
        document("_local/c", deleted=True),
    ]
    before = node.writer.commands
    once = ticket(node)
    form = BulkForm(tuple(one.id for one in documents))
    results = await once.remembering(db, form).update_docs(documents)
    assert [str(one.rev) if one.rev else one.error.error for one in results] == [
        "0-1",
        str(db.open_doc("b").rev),
        "error",
        "conflict",
        "0-0",
    ]
    assert node.writer.commands - before == 2  # the bytes of the attachment, then everything else
    assert once.reply is not None
    assert once.reply.body.count(b'"ok":true') == 3


async def test_local_documents_alone(node: Node, db: Database) -> None:
    once = ticket(node)
    [result] = await once.remembering(db, BulkForm(("_local/a",))).update_docs([document("_local/a")])
    assert str(result.rev) == "0-1"
    with pytest.raises(AnsweredBefore):
        await ticket(node).remembering(db, BulkForm(("_local/a",))).update_docs([document("_local/a")])


async def test_what_was_staged_for_a_repeated_write_is_given_up(node: Node, db: Database) -> None:
    written = Document("a", None, False, b"{}", b"j", attachments=(Inline("x", "image/png", b"1"),))
    await ticket(node).remembering(db, FORM).update_docs([written])
    with pytest.raises(AnsweredBefore):
        await ticket(node).remembering(db, FORM).update_docs([written])
    with node.env.snapshot() as snapshot:
        assert list(scan_stagings(snapshot)) == []


async def test_databases(node: Node) -> None:
    made = await node.registry.create("x", once=ticket(node, name="x").once(OK))
    assert node.registry.open("x") is made
    with pytest.raises(AnsweredBefore):
        await node.registry.create("x", once=ticket(node, name="x").once(OK))
    with pytest.raises(DatabaseExists):
        await node.registry.create("x", once=ticket(node, "l", name="x").once(OK))
    await node.registry.delete("x", once=ticket(node, "m", name="x").once(OK))
    await node.registry.finish_sweeps()
    assert not node.registry.exists("x")
    with pytest.raises(AnsweredBefore):
        await node.registry.delete("x", once=ticket(node, "m", name="x").once(OK))


async def test_a_local_document_that_is_not_there(node: Node, db: Database) -> None:
    form = WrittenForm("_local/a", 200, must_exist=True)
    with pytest.raises(NotFound):
        await ticket(node).remembering(db, form).delete_doc("_local/a", None)
    assert ticket(node).find() is None


async def test_the_next_revision_of_a_local_document_is_known_before(db: Database) -> None:
    for written in (document("_local/a"), document("_local/a", "0-7"), document("_local/a", deleted=True)):
        assert (await db.update_doc(written)).rev == next_rev(written)


async def test_a_reply_that_is_too_long(tmp_path: Path) -> None:
    limited = Settings(tmp_path, limits=Limits(max_stored_reply=3))
    async with Node(limited) as node:
        db = await node.registry.create("db")
        once = ticket(node)
        once.remembering(db, ConstantForm(StoredReply(200, b"abc")))
        with pytest.raises(BadRequest, match="longer than 3 bytes"):
            once.remembering(db, ConstantForm(StoredReply(200, b"abcd")))
        with pytest.raises(BadRequest):
            once.check_length(4)


async def test_a_cancelled_write_is_still_under_way(node: Node, db: Database) -> None:
    """It is written nevertheless, and who comes after gets its reply."""
    gate, usual = threading.Event(), node.writer._commit
    node.writer._commit = lambda transaction: gate.wait(60) and usual(transaction)
    first = asyncio.create_task(ticket(node).remembering(db, FORM).update_doc(document("a")))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first])
    assert first.cancelled()
    assert len(node.remembered._under_way) == 1
    gate.set()
    with pytest.raises(AnsweredBefore):
        await ticket(node).remembering(db, FORM).update_docs([document("a")])


async def test_a_group_that_is_applied_again(tmp_path: Path) -> None:
    """The map is full again and again: each time the whole group is carried out anew."""
    async with Node(settings(tmp_path, map_size=MIB, map_size_smallest=MIB)) as node:
        db = await node.registry.create("db")
        before = node.env.map_size
        names = [f"{number:03}" for number in range(300)]

        async def write(name: str) -> str:
            once = ticket(node, name)
            await once.remembering(db, WrittenForm(name, 201)).update_doc(document(name, text="x" * 20_000))
            assert once.reply is not None
            return once.reply.body.decode()

        bodies = await asyncio.gather(*map(write, names))
        assert node.env.map_size > before
        assert db.update_seq() == len(names)
        for name, body in zip(names, bodies, strict=True):
            found = ticket(node, name).find()
            assert found is not None
            assert found.reply.body.decode() == body
        assert storage_findings(node) == []


async def test_a_defect_in_one_command_costs_the_others_nothing(node: Node, db: Database) -> None:
    """They are carried out anew, one by one."""
    local = commands.PutLocal(db.number, "_local/x", 1, b"{}")
    writing = [
        ticket(node, "a").remembering(db, FORM).update_docs([document("a")]),
        ticket(node, "b").once(BulkForm(("b",))).submit(local),
        ticket(node, "c").remembering(db, FORM).update_docs([document("c")]),
    ]
    first, broken, last = await asyncio.gather(*writing, return_exceptions=True)
    assert isinstance(first, list)
    assert isinstance(broken, DocstoreError)
    assert isinstance(last, list)
    assert db.update_seq() == 2
    assert ticket(node, "b").find() is None
    with pytest.raises(NotFound):
        db.open_doc("_local/x")


async def test_a_writer_that_stops(node: Node, db: Database) -> None:
    await node.writer.close()
    with pytest.raises(Unavailable):
        await ticket(node).remembering(db, FORM).update_docs([document("a")])
    assert node.remembered._under_way == {}


async def test_expired_replies_are_forgotten(tmp_path: Path) -> None:
    async with Node(settings(tmp_path)) as node:
        db = await node.registry.create("db")
        groups = node.writer.groups
        await node.remembered.expire()
        assert node.writer.groups == groups
        await ticket(node).remembering(db, FORM).update_doc(document("a"))
        await node.registry.delete("db")
        await node.remembered.expire()
        assert ticket(node).find() is not None
        node.remembered._clock = lambda: 1 << 60
        assert ticket(node).find() is None
        await node.remembered.expire()
        with node.env.snapshot() as snapshot:
            for table in (snapshot.tables.replies, snapshot.tables.reply_order, snapshot.tables.reply_totals):
                assert snapshot.transaction.stat(table)["entries"] == 0


async def test_expiry_recurs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    recurring: list[tuple[float, Work]] = []

    async def recur(_name: str, seconds: float, work: Work) -> None:
        recurring.append((seconds, work))

    monkeypatch.setattr("docstore.database.once.recur", recur)
    async with Node(settings(tmp_path)) as node:
        db = await node.registry.create("db")
        await ticket(node).remembering(db, FORM).update_doc(document("a"))
        node.remembered._clock = lambda: 1 << 60
        [(seconds, expire)] = recurring
        assert seconds == EXPIRE_SECONDS
        await expire()
        with node.env.snapshot() as snapshot:
            assert snapshot.transaction.stat(snapshot.tables.replies)["entries"] == 0


async def test_the_lifetime_is_a_setting(tmp_path: Path) -> None:
    lasting = Settings(tmp_path, idempotency_lifetime=7.0)
    async with Node(lasting) as node:
        db = await node.registry.create("db")
        node.remembered._clock = lambda: 1_000
        await ticket(node).remembering(db, FORM).update_doc(document("a"))
        found = ticket(node).find()
        assert found is not None
        assert found.expires == 7_001_000
