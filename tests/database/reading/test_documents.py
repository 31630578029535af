"""Reading documents."""

import pytest

from docstore.core.json_text import decode
from docstore.database.reading.documents import MissingRev, OpenOptions
from docstore.errors import DatabaseNotFound, DocumentDeleted, NotFound
from tests.database.helpers import document, replicated, rev

ALL = OpenOptions(revs=True, revs_info=True, conflicts=True, deleted_conflicts=True, local_seq=True)


@pytest.fixture
async def tree(db):
    """The document that CouchDB's answers were recorded of: three live leaves and a tombstone."""
    await db.update_docs(
        [
            replicated("t", "3-f", "2-b", "1-a", n="3f"),
            replicated("t", "3-e", "2-b", "1-a", n="3e"),
            replicated("t", "2-c", "1-a", n="2c"),
            replicated("t", "4-d", "3-9", "2-b", "1-a", n="4d", deleted=True),
        ],
        new_edits=False,
    )
    return db


def texts(*revs):
    return [str(rev(each)) for each in revs]


async def test_plain_read_is_the_stored_text(db):
    written = await db.update_doc(document("a", n=1, s="é", f=1.0))
    opened = db.open_doc("a")
    assert opened.json == f'{{"_id":"a","_rev":"{written.rev}","n":1,"s":"é","f":1.0}}'.encode()
    assert (opened.rev, opened.deleted, opened.seq) == (written.rev, False, 1)


@pytest.mark.parametrize("options", [OpenOptions(), ALL, OpenOptions(rev=rev("1-a")), OpenOptions(deleted=True)])
async def test_no_such_document(db, options):
    with pytest.raises(NotFound, match=r"^missing$"):
        db.open_doc("a", options)


async def test_deleted_winner(db):
    first = await db.update_doc(document("a"))
    second = await db.delete_doc("a", first.rev)
    with pytest.raises(DocumentDeleted, match=r"^deleted$"):
        db.open_doc("a")
    with pytest.raises(DocumentDeleted):
        db.open_doc("a", ALL)
    opened = db.open_doc("a", OpenOptions(deleted=True))
    assert decode(opened.json) == {"_id": "a", "_rev": str(second.rev), "_deleted": True}
    assert opened.deleted


async def test_all_members_in_couchdbs_order(tree):
    text = decode(tree.open_doc("t", ALL).json)
    assert list(text.items()) == [
        ("_id", "t"),
        ("_rev", str(rev("3-f"))),
        ("n", "3f"),
        ("_revisions", {"start": 3, "ids": ["f" * 32, "b" * 32, "a" * 32]}),
        (
            "_revs_info",
            [
                {"rev": str(rev("3-f")), "status": "available"},
                {"rev": str(rev("2-b")), "status": "missing"},
                {"rev": str(rev("1-a")), "status": "missing"},
            ],
        ),
        ("_conflicts", texts("3-e", "2-c")),
        ("_deleted_conflicts", texts("4-d")),
        ("_local_seq", 1),
    ]


async def test_empty_lists_are_left_out(db):
    await db.update_doc(document("a"))
    text = decode(db.open_doc("a", OpenOptions(conflicts=True, deleted_conflicts=True)).json)
    assert set(text) == {"_id", "_rev"}


async def test_one_revision_has_revisions_and_nothing_else_added(tree):
    text = decode(tree.open_doc("t", OpenOptions(rev=rev("4-d"), revs=True, revs_info=True, conflicts=True)).json)
    assert list(text) == ["_id", "_rev", "n", "_deleted", "_revisions"]
    assert text["_revisions"]["ids"] == ["d" * 32, "9" * 32, "b" * 32, "a" * 32]


@pytest.mark.parametrize("wanted", ["1-a", "2-b", "9-9"])
async def test_revisions_without_body_are_missing(tree, wanted):
    with pytest.raises(NotFound, match=r"^missing$"):
        tree.open_doc("t", OpenOptions(rev=rev(wanted)))


@pytest.mark.parametrize("wanted", ["2-b", "2-c", "9-9"])
async def test_latest_gives_the_winner_whatever_is_asked_for(tree, wanted):
    assert tree.open_doc("t", OpenOptions(rev=rev(wanted), latest=True)).rev == rev("3-f")


async def test_old_revision_until_compaction(db):
    first = await db.update_doc(document("a", n=1))
    await db.update_doc(document("a", first.rev, n=2))
    assert decode(db.open_doc("a", OpenOptions(rev=first.rev)).json)["n"] == 1
    await db.compact()
    with pytest.raises(NotFound):
        db.open_doc("a", OpenOptions(rev=first.rev))
    info = decode(db.open_doc("a", OpenOptions(revs_info=True)).json)["_revs_info"]
    assert [row["status"] for row in info] == ["available", "missing"]


async def test_revisions_are_no_more_than_the_limit(db):
    await db.update_docs([replicated("a", "4-d", "3-c", "2-b", "1-a")], new_edits=False)
    await db.set_revs_limit(2)
    text = decode(db.open_doc("a", OpenOptions(revs=True, revs_info=True)).json)
    assert text["_revisions"]["ids"] == ["d" * 32, "c" * 32]
    assert len(text["_revs_info"]) == 4


async def test_open_revs_all(tree):
    found = tree.open_revs("t", "all")
    assert [one.rev for one in found] == [rev("2-c"), rev("3-e"), rev("3-f"), rev("4-d")]
    assert [decode(one.json).get("_deleted") for one in found] == [None, None, None, True]


async def test_open_revs_answers_once_for_each_and_tells_of_missing_ones_last(tree):
    found = tree.open_revs("t", [rev("3-f"), rev("9-9"), rev("2-c"), rev("9-1"), rev("3-f"), rev("9-9")])
    assert [one.rev for one in found] == [rev("2-c"), rev("3-f"), rev("9-1"), rev("9-9")]
    missing = tree.open_revs("nobody", [rev("2-c"), rev("1-a"), rev("2-c")])
    assert [one.rev for one in missing] == [rev("1-a"), rev("2-c")]
    assert [isinstance(one, MissingRev) for one in found] == [False, False, True, True]


async def test_open_revs_latest_gives_each_leaf_once(tree):
    found = tree.open_revs("t", [rev("2-b"), rev("1-a"), rev("9-9")], OpenOptions(latest=True))
    assert [one.rev for one in found] == [rev("2-c"), rev("3-e"), rev("3-f"), rev("4-d"), rev("9-9")]
    assert isinstance(found[-1], MissingRev)


async def test_open_revs_of_no_document(db):
    with pytest.raises(NotFound):
        db.open_revs("none", "all")
    assert db.open_revs("none", [rev("1-a")]) == [MissingRev(rev("1-a"))]


async def test_bulk_get_reads_one_snapshot_in_order(tree):
    wanted = [("t", "all"), ("none", "all"), ("none", [rev("1-a")]), ("t", [rev("2-c"), rev("9-9")])]
    found = [each async for each in tree.bulk_get(wanted, OpenOptions(revs=True))]
    assert [len(each) for each in found] == [4, 0, 1, 2]
    assert all("_revisions" in decode(one.json) for one in found[0])
    assert found[3][1] == MissingRev(rev("9-9"))


async def test_bulk_get_goes_on_in_newer_snapshots(tree, monkeypatch):
    monkeypatch.setattr("docstore.database.slices.SLICE_SECONDS", 0.0)
    tree.environment._gate.max_age = 0.0
    found = [each async for each in tree.bulk_get([("t", "all")] * 20)]
    assert [len(each) for each in found] == [4] * 20


async def test_long_ids_and_odd_revisions(db):
    long = "x" * 7000
    await db.update_docs([replicated(long, "1-a", n=1), replicated(long + "y", '2-q"\\', "1-a", n=2)], new_edits=False)
    assert decode(db.open_doc(long).json) == {"_id": long, "_rev": str(rev("1-a")), "n": 1}
    assert decode(db.open_doc(long + "y", ALL).json)["_rev"] == '2-q"\\'
    with pytest.raises(NotFound):
        db.open_doc(long + "z")


async def test_a_deleted_database_says_so(node, tree):
    await node.registry.delete("db")
    reads = [
        lambda: tree.open_doc("none"),
        lambda: tree.open_doc("none", ALL),
        lambda: tree.open_revs("none", "all"),
        lambda: tree.head("none"),
        lambda: tree.open_doc("_local/a"),
        lambda: tree.revs_diff({}),
        tree.info,
        tree.security_text,
        tree.purged_infos,
    ]
    for read in reads:
        with pytest.raises(DatabaseNotFound):
            read()
