"""One pass over what happened."""

import pytest

from docstore.core.json_text import decode
from docstore.database.reading.changes import ENDLESS, MAX_LOOKUPS, ChangesQuery, Style, read_changes
from docstore.errors import DatabaseNotFound
from tests.database.helpers import changes, document, ids_changed, pass_end, replicated, rev


@pytest.fixture
async def abc(db):
    """Three documents; the first was edited again, so it is last."""
    for doc_id in "abc":
        await db.update_doc(document(doc_id, v=doc_id))
    await db.update_doc(document("a", db.head("a").winner, v="a2"))
    return db


@pytest.fixture(params=["one slice", "many slices", "many snapshots"])
def sliced(request, monkeypatch, node):
    if request.param != "one slice":
        monkeypatch.setattr("docstore.database.slices.SLICE_SECONDS", 0.0)
        monkeypatch.setattr("docstore.database.reading.changes.CHUNK_ROWS", 1)
    if request.param == "many snapshots":
        node.env._gate.max_age = 0.0


@pytest.mark.usefixtures("sliced")
async def test_order_since_limit_and_pending(abc):
    assert await ids_changed(abc) == ["b", "c", "a"]
    assert [row["seq"] for row in await changes(abc)] == [2, 3, 4]
    assert await pass_end(abc) == (4, 0)
    for query, listed, last_seq, pending in [
        ({"since": 2}, "ca", 4, 0),
        ({"since": 1}, "bca", 4, 0),
        ({"since": 4}, "", 4, 0),
        ({"limit": 2}, "bc", 3, 1),
        ({"limit": 0}, "", 0, 3),
        ({"limit": 3}, "bca", 4, 0),
        ({"limit": 1, "since": 2}, "c", 3, 1),
        ({"descending": True}, "acb", 2, 0),
        ({"descending": True, "limit": 1}, "a", 4, 2),
        ({"descending": True, "since": 3}, "acb", 2, 0),
        ({"descending": True, "limit": 0}, "", 4, 3),
    ]:
        assert "".join(await ids_changed(abc, **query)) == listed, query
        assert await pass_end(abc, **query) == (last_seq, pending), query


async def test_a_slow_filter_ends_the_slice_after_a_row(abc, monkeypatch):
    monkeypatch.setattr("docstore.database.slices.SLICE_SECONDS", 0.0)
    seen = []
    query = ChangesQuery(filter=lambda document, _: bool(seen.append(document)))
    counts = [len(seen) async for _ in read_changes(abc, query)]
    assert counts == [1, 2, 3, 3]


async def test_an_empty_database(db):
    assert await changes(db) == []
    assert await pass_end(db) == (0, 0)
    assert await pass_end(db, descending=True) == (0, 0)


@pytest.fixture
async def conflicted(db):
    await db.update_docs(
        [
            replicated("t", "2-b", "1-a", n=1),
            replicated("t", "2-f", "1-a", n=2),
            replicated("t", "3-d", "2-c", "1-a", n=3, deleted=True),
        ],
        new_edits=False,
    )
    gone = await db.update_doc(document("gone"))
    await db.delete_doc("gone", gone.rev)
    return db


@pytest.mark.usefixtures("sliced")
async def test_rows_of_both_styles(conflicted):
    gone = {"rev": str(conflicted.head("gone").winner)}
    t = [{"rev": str(rev(each))} for each in ("2-f", "2-b", "3-d")]
    assert [list(row.items()) for row in await changes(conflicted)] == [
        [("seq", 1), ("id", "t"), ("changes", t[:1])],
        [("seq", 5), ("id", "gone"), ("changes", [gone]), ("deleted", True)],
    ]
    rows = await changes(conflicted, style=Style.ALL_DOCS)
    assert [row["changes"] for row in rows] == [t, [gone]]


@pytest.mark.usefixtures("sliced")
async def test_documents_in_rows(conflicted):
    rows = await changes(conflicted, include_docs=True, conflicts=True)
    assert [list(row) for row in rows] == [["seq", "id", "changes", "doc"], ["seq", "id", "changes", "deleted", "doc"]]
    assert rows[0]["doc"] == {"_id": "t", "_rev": str(rev("2-f")), "n": 2, "_conflicts": [str(rev("2-b"))]}
    assert rows[1]["doc"] == {"_id": "gone", "_rev": str(conflicted.head("gone").winner), "_deleted": True}
    rows = await changes(conflicted, include_docs=True, style=Style.ALL_DOCS)
    assert rows[0]["doc"] == {"_id": "t", "_rev": str(rev("2-f")), "n": 2}


@pytest.mark.usefixtures("sliced")
async def test_filter_sees_documents(conflicted):
    seen = []

    def keep(doc, _):
        seen.append(doc)
        return doc.get("n") == 2

    assert await ids_changed(conflicted, filter=keep) == ["t"]
    assert seen == [
        {"_id": "t", "_rev": str(rev("2-f")), "n": 2},
        {"_id": "gone", "_rev": str(conflicted.head("gone").winner), "_deleted": True},
    ]
    assert await pass_end(conflicted, filter=keep) == (5, 0)
    assert await pass_end(conflicted, filter=keep, limit=1) == (1, 1)
    assert await ids_changed(conflicted, filter=lambda doc, _: False) == []


@pytest.mark.usefixtures("sliced")
async def test_filter_chooses_among_all_leaves(conflicted):
    rows = await changes(conflicted, style=Style.ALL_DOCS, filter=lambda doc, _: doc.get("n", 0) in (1, 3))
    assert [(row["id"], row["changes"]) for row in rows] == [
        ("t", [{"rev": str(rev(each))} for each in ("2-b", "3-d")])
    ]
    rows = await changes(conflicted, style=Style.ALL_DOCS, filter=lambda doc, _: doc.get("_deleted", False))
    assert [row.get("deleted", False) for row in rows] == [False, True]


async def test_projection_takes_the_documents_place(conflicted):
    rows = await changes(conflicted, include_docs=True, projection=lambda doc: {"only": doc.get("n")})
    assert [row["doc"] for row in rows] == [{"only": 2}, {"only": None}]


@pytest.mark.usefixtures("sliced")
async def test_doc_ids_are_looked_up(abc):
    wanted = frozenset({"a", "c", "zz"})
    assert await ids_changed(abc, doc_ids=wanted) == ["c", "a"]
    assert await pass_end(abc, doc_ids=wanted) == (4, 1)
    assert await ids_changed(abc, doc_ids=wanted, descending=True) == ["a", "c"]
    assert await ids_changed(abc, doc_ids=wanted, since=3) == ["a"]
    assert await pass_end(abc, doc_ids=wanted, limit=1) == (3, 2)
    assert await ids_changed(abc, doc_ids=frozenset()) == []
    assert await pass_end(abc, doc_ids=frozenset()) == (4, 3)


@pytest.mark.usefixtures("sliced")
async def test_many_doc_ids_are_found_by_reading_all(abc):
    wanted = frozenset({"a", "c", *(f"z{n}" for n in range(MAX_LOOKUPS))})
    assert await ids_changed(abc, doc_ids=wanted) == ["c", "a"]
    assert await pass_end(abc, doc_ids=wanted) == (4, 0)


@pytest.mark.usefixtures("sliced")
async def test_design_documents_alone(abc):
    await abc.update_doc(document("_design/d"))
    gone = await abc.update_doc(document("_design/e"))
    await abc.delete_doc("_design/e", gone.rev)
    assert await ids_changed(abc, design=True) == ["_design/d", "_design/e"]
    assert await pass_end(abc, design=True) == (7, 3)
    assert await ids_changed(abc, design=True, since=5) == ["_design/e"]


async def test_seq_interval(db):
    await db.update_docs([document(f"d{n}") for n in range(6)])

    async def shown(**query):
        return [row["seq"] for row in await changes(db, **query)]

    assert ENDLESS % 2 == 0
    assert await shown(seq_interval=2) == [1, None, 3, None, 5, None]
    assert await shown(seq_interval=2, limit=5) == [None, 2, None, 4, None]
    assert await shown(seq_interval=1) == [1, 2, 3, 4, 5, 6]
    [part] = [part async for part in read_changes(db, ChangesQuery(seq_interval=3, limit=3))]
    assert part.seqs == [1, None, None]
    assert part.last_seq == 3


async def test_slices_tell_each_rows_number(abc):
    [part] = [part async for part in read_changes(abc, ChangesQuery())]
    assert part.seqs == [2, 3, 4]


async def test_a_pass_ends_where_the_database_ended(db, monkeypatch):
    monkeypatch.setattr("docstore.database.slices.SLICE_SECONDS", 0.0)
    monkeypatch.setattr("docstore.database.reading.changes.CHUNK_ROWS", 1)
    db.environment._gate.max_age = 0.0
    await db.update_docs([document(doc_id) for doc_id in "abc"])
    listed, ends = [], []
    async for part in read_changes(db, ChangesQuery()):
        listed += [decode(row)["id"] for row in part.rows]
        ends.append((part.last_seq, part.pending))
        if len(listed) == 1:
            await db.update_doc(document("b", db.head("b").winner))
            await db.update_doc(document("d"))
    assert listed == ["a", "c"]
    assert ends[-1] == (3, 2)
    assert await ids_changed(db, since=3) == ["b", "d"]


async def test_large_documents_end_a_slice(db, monkeypatch):
    monkeypatch.setattr("docstore.database.slices.SLICE_SECONDS", 60.0)
    await db.update_docs([document(f"d{n}", s="x" * 200_000) for n in range(4)])
    slices = [len(part.rows) async for part in read_changes(db, ChangesQuery(include_docs=True))]
    assert [count for count in slices if count] == [2, 2]


async def test_deleted_database(node, abc, monkeypatch):
    monkeypatch.setattr("docstore.database.slices.SLICE_SECONDS", 0.0)
    monkeypatch.setattr("docstore.database.reading.changes.CHUNK_ROWS", 1)
    abc.environment._gate.max_age = 0.0
    feed = read_changes(abc, ChangesQuery())
    await anext(feed)
    await node.registry.delete("db")
    with pytest.raises(DatabaseNotFound):
        [part async for part in feed]
    with pytest.raises(DatabaseNotFound):
        [part async for part in read_changes(abc, ChangesQuery())]
