"""Listings by id."""

import pytest

from docstore.core.json_text import decode
from docstore.database.reading.all_docs import AllDocsQuery, Namespace, read_all_docs
from docstore.errors import DatabaseNotFound
from tests.database.helpers import all_docs, document, ids, replicated, rev

IDS = ["_design/x", "a", "b", "c", "d", "e"]


@pytest.fixture
async def six(db):
    await db.update_docs([document(doc_id, v=place) for place, doc_id in enumerate(IDS)])
    gone = await db.update_doc(document("bb"))
    await db.delete_doc("bb", gone.rev)
    return db


RANGES = [
    ({}, 0, IDS),
    ({"start_key": "b", "end_key": "d"}, 2, ["b", "c", "d"]),
    ({"start_key": "b", "end_key": "d", "inclusive_end": False}, 2, ["b", "c"]),
    ({"start_key": "d", "end_key": "b", "descending": True}, 1, ["d", "c", "b"]),
    ({"start_key": "d", "end_key": "b", "descending": True, "inclusive_end": False}, 1, ["d", "c"]),
    ({"start_key": "d", "end_key": "b"}, 4, []),
    ({"start_key": "c", "skip": 1, "limit": 1}, 4, ["d"]),
    ({"limit": 0}, 0, []),
    ({"skip": 10}, 6, []),
    ({"descending": True, "limit": 2, "skip": 1}, 1, ["d", "c"]),
    ({"key": "c"}, 3, ["c"]),
    ({"key": "c", "descending": True}, 2, ["c"]),
    ({"key": "bb"}, 3, []),
    ({"key": "zz"}, 6, []),
    ({"start_key": "bb"}, 3, ["c", "d", "e"]),
    ({"key": 5}, 0, []),
    ({"start_key": 5}, 0, IDS),
    ({"start_key": None}, 0, IDS),
    ({"end_key": {}}, 0, []),
    ({"start_key": [], "descending": True}, 6, []),
    ({"end_key": 5, "descending": True}, 0, IDS[::-1]),
    ({"start_key": "_", "end_key": "_z"}, 0, ["_design/x"]),
    ({"key": "_local/z"}, 1, []),
]


@pytest.mark.parametrize(("query", "offset", "listed"), RANGES)
async def test_ranges(six, query, offset, listed):
    total, found_offset, rows = await all_docs(six, **query)
    assert (total, found_offset, [row["id"] for row in rows]) == (6, offset, listed)


@pytest.mark.parametrize("query", [query for query, _, _ in RANGES])
async def test_ranges_are_the_same_in_slices_and_newer_snapshots(six, query, monkeypatch):
    whole = await all_docs(six, **query)
    monkeypatch.setattr("docstore.database.slices.SLICE_SECONDS", 0.0)
    monkeypatch.setattr("docstore.database.reading.all_docs.CHUNK_ROWS", 1)
    six.environment._gate.max_age = 0.0
    slices = [part async for part in read_all_docs(six, AllDocsQuery(**query))]
    assert max(len(part.rows) for part in slices) <= 1
    assert await all_docs(six, **query) == whole


async def test_row_and_document(six):
    _, _, [row] = await all_docs(six, key="a", include_docs=True)
    value = {"rev": str(six.head("a").winner)}
    doc = {"_id": "a", "_rev": value["rev"], "v": 1}
    assert list(row.items()) == [("id", "a"), ("key", "a"), ("value", value), ("doc", doc)]


async def test_keys_answer_in_order_for_each(six):
    keys = ("c", "a", "nope", "bb", "a", 1, None, {"a": 1})
    total, offset, rows = await all_docs(six, keys=keys, include_docs=True)
    assert (total, offset) == (6, None)
    assert [row["key"] for row in rows] == list(keys)
    assert rows[2] == {"key": "nope", "error": "not_found"}
    assert rows[3]["value"] == {"rev": str(six.head("bb").winner), "deleted": True}
    assert rows[3]["doc"] is None
    assert rows[4]["doc"]["v"] == 1
    assert [row.get("error") for row in rows[5:]] == ["not_found"] * 3


async def test_keys_skip_limit_and_descending(six):
    keys = ("a", "b", "c", "nope")
    assert await ids(six, keys=keys, descending=True) == ["nope", "c", "b", "a"]
    assert await ids(six, keys=keys, skip=1, limit=2) == ["b", "c"]
    assert await ids(six, keys=()) == []


async def test_conflicts_with_documents(db):
    await db.update_docs([replicated("t", "1-a"), replicated("t", "1-b"), replicated("u", "1-a")], new_edits=False)
    _, _, rows = await all_docs(db, include_docs=True, conflicts=True)
    assert [row["doc"].get("_conflicts") for row in rows] == [[str(rev("1-a"))], None]


async def test_update_seq(six):
    [part] = [part async for part in read_all_docs(six, AllDocsQuery(update_seq=True))]
    assert part.update_seq == six.info().update_seq
    [part] = [part async for part in read_all_docs(six, AllDocsQuery())]
    assert part.update_seq is None


async def test_design_documents(db):
    await db.update_docs([document(doc_id) for doc_id in ["A", "_design/a", "_design/b", "_design/c", "doc"]])
    design = Namespace.DESIGN
    assert await all_docs(db, namespace=design, limit=1) == (3, 1, [(await all_docs(db, key="_design/a"))[2][0]])
    for query, offset, listed in [
        ({"descending": True}, 1, ["c", "b", "a"]),
        ({"start_key": "_design/b"}, 2, ["b", "c"]),
        ({"end_key": "_design/b", "inclusive_end": False}, 1, ["a"]),
        ({"limit": 1, "skip": 1}, 2, ["b"]),
        ({"key": "doc"}, 3, []),
        ({"start_key": "A"}, 1, ["a", "b", "c"]),
        ({"keys": ("_design/b", "doc", "_design/q")}, None, ["b", "q"]),
    ]:
        total, found, rows = await all_docs(db, namespace=design, **query)
        names = [row["key"].removeprefix("_design/") for row in rows]
        assert (total, found, names) == (3, offset, listed), query


async def test_local_documents(db):
    long = "l" * 600
    for name in ["l2", "l1", long]:
        await db.update_doc(document(f"_local/{name}", x=1))
    local = Namespace.LOCAL
    total, offset, rows = await all_docs(db, namespace=local, include_docs=True, limit=1)
    row = {
        "id": "_local/l1",
        "key": "_local/l1",
        "value": {"rev": "0-1"},
        "doc": {"_id": "_local/l1", "_rev": "0-1", "x": 1},
    }
    assert (total, offset, rows) == (None, None, [row])
    for query, listed in [
        ({}, ["l1", "l2", long]),
        ({"descending": True}, [long, "l2", "l1"]),
        ({"key": "_local/l1"}, ["l1"]),
        ({"start_key": "_local/l2"}, ["l2", long]),
        ({"start_key": "_local/l2", "descending": True}, ["l2", "l1"]),
        ({"end_key": "_local/l2", "inclusive_end": False}, ["l1"]),
        ({"start_key": "a"}, []),
        ({"end_key": "Z"}, []),
        ({"skip": 1, "limit": 1}, ["l2"]),
        ({"skip": 9}, []),
        ({"keys": ("_local/l2", "_local/zz", "other")}, ["l2", "zz"]),
    ]:
        found = await ids(db, namespace=local, **query)
        assert [each.removeprefix("_local/") for each in found] == listed, query


async def test_local_listing_goes_on_in_newer_snapshots(db, monkeypatch):
    for name in ["a", "b", "c"]:
        await db.update_doc(document(f"_local/{name}"))
    monkeypatch.setattr("docstore.database.slices.SLICE_SECONDS", 0.0)
    monkeypatch.setattr("docstore.database.reading.all_docs.CHUNK_ROWS", 1)
    db.environment._gate.max_age = 0.0
    for descending in (False, True):
        found = await ids(db, namespace=Namespace.LOCAL, descending=descending)
        assert sorted(found, reverse=descending) == found
        assert len(found) == 3


async def test_large_documents_end_a_slice(db):
    await db.update_docs([document(f"d{n}", s="x" * 200_000) for n in range(4)])
    slices = [part async for part in read_all_docs(db, AllDocsQuery(include_docs=True))]
    assert [len(part.rows) for part in slices if part.rows] == [2, 2]


async def test_deleted_database(node, six, monkeypatch):
    monkeypatch.setattr("docstore.database.slices.SLICE_SECONDS", 0.0)
    monkeypatch.setattr("docstore.database.reading.all_docs.CHUNK_ROWS", 1)
    six.environment._gate.max_age = 0.0
    listing = read_all_docs(six, AllDocsQuery())
    await anext(listing)
    await node.registry.delete("db")
    with pytest.raises(DatabaseNotFound):
        [part async for part in listing]
    with pytest.raises(DatabaseNotFound):
        [part async for part in read_all_docs(six, AllDocsQuery())]


async def test_an_abandoned_listing_gives_its_snapshot_back(six):
    listing = read_all_docs(six, AllDocsQuery())
    await anext(listing)
    await listing.aclose()
    assert six.environment.open_snapshots == 0


async def test_rows_are_json_whatever_the_id(db):
    names = ['q"\\', "é", "\x01", "a/b"]
    await db.update_docs([document(name) for name in names])
    [part] = [part async for part in read_all_docs(db, AllDocsQuery(include_docs=True))]
    assert [decode(row)["doc"]["_id"] for row in part.rows] == sorted(names, key=str.encode)
