"""Revisions on the direct way from one database to another of the same store."""

from docstore.core.attachment import Inline
from docstore.core.rev import Rev
from docstore.database.database import Database
from docstore.database.reading import replica as database_replica
from docstore.database.reading.documents import OpenOptions
from docstore.database.reading.replica import NotStored, Replica, StoredRevision
from tests.database.helpers import document, replicated, rev


async def read(replica: Replica, *wanted: tuple[str, list[Rev]]) -> list[StoredRevision | NotStored]:
    return [one async for some in replica.read(wanted) for one in some]


async def test_a_revision_is_read_as_it_is_stored(node, db: Database) -> None:
    await db.update_docs([replicated("a", "2-b", "1-a", v=[1.5, "ü"])], new_edits=False)
    [found] = await read(node.registry.replica("db"), ("a", [rev("2-b")]))
    assert found == StoredRevision("a", False, (rev("2-b"), rev("1-a")), '{"v":[1.5,"ü"]}'.encode())
    assert found.rev == rev("2-b")


async def test_leaves_that_descend_from_what_was_asked_for_each_once(node, db: Database) -> None:
    docs = [replicated("a", "3-c", "2-b", "1-a"), replicated("a", "2-d", "1-a", deleted=True), replicated("b", "1-b")]
    await db.update_docs(docs, new_edits=False)
    found = await read(node.registry.replica("db"), ("a", [rev("1-a"), rev("2-b"), rev("9-f")]), ("b", [rev("1-b")]))
    assert {(one.id, one.rev) for one in found if isinstance(one, StoredRevision)} == {
        ("a", rev("3-c")),
        ("a", rev("2-d")),
        ("b", rev("1-b")),
    }
    assert [one for one in found if isinstance(one, NotStored)] == [NotStored("a", rev("9-f"))]


async def test_what_is_not_there(node, db: Database) -> None:
    assert await read(node.registry.replica("db"), ("zz", [rev("1-a")])) == [NotStored("zz", rev("1-a"))]


async def test_paths_are_no_longer_than_the_limit(node, db: Database) -> None:
    await db.update_docs([replicated("a", "3-c", "2-b", "1-a")], new_edits=False)
    await db.set_revs_limit(2)
    [found] = await read(node.registry.replica("db"), ("a", [rev("3-c")]))
    assert found.path == (rev("3-c"), rev("2-b"))


async def test_large_documents_come_a_few_at_a_time(node, db: Database) -> None:
    await db.update_docs([document(f"d{number}", x="x" * 100_000) for number in range(10)])
    wanted = [(f"d{number}", [db.head(f"d{number}").winner]) for number in range(10)]
    slices = [len(some) async for some in node.registry.replica("db").read(wanted)]
    assert sum(slices) == 10
    assert max(slices) <= 3


class NoTime:
    """A slice that is over at once."""

    over = True


async def test_long_histories_come_no_more_at_a_time_than_there_is_time_for(node, db: Database, monkeypatch) -> None:
    await db.update_docs([replicated(f"d{number}", "2-b", "1-a") for number in range(5)], new_edits=False)
    await db.update_docs([replicated(f"e{number}", "1-a") for number in range(5)], new_edits=False)
    wanted = [
        (f"{letter}{number}", [rev(text)]) for letter, text in (("d", "2-b"), ("e", "1-a")) for number in range(5)
    ]
    monkeypatch.setattr(database_replica, "SliceClock", NoTime)
    slices = [[one.id for one in some] async for some in node.registry.replica("db").read(wanted)]
    assert slices == [["d0"], ["d1"], ["d2"], ["d3"], ["d4"], ["e0", "e1", "e2", "e3", "e4"]]


async def test_written_elsewhere_it_is_the_same_revision_with_the_same_bytes(node, db: Database) -> None:
    attached = document("a", v=1)
    spec = Inline("p", "image/png", b"png" * 1000)
    await db.update_docs([type(attached)(*_fields(attached), attachments=(spec,)), document("b", deleted=True)])
    other = await node.registry.create("other")
    wanted = [(doc_id, [db.head(doc_id).winner]) for doc_id in ("a", "b")]
    found = await read(node.registry.replica("db"), *wanted)
    answers = await node.registry.replica("other").write(found)
    assert answers == [one.rev for one in found]
    for doc_id in ("a", "b"):
        options = OpenOptions(revs=True, deleted=True, attachments=True)
        assert other.open_doc(doc_id, options).json == db.open_doc(doc_id, options).json
    assert await node.registry.replica("other").write(found) == answers


def _fields(one) -> tuple[object, ...]:
    return one.id, one.rev, one.deleted, one.body, one.term, one.path
