"""What is explained of a refused edit."""

import pytest

from docstore.core.json_text import encode
from docstore.database.conflicts import report as module
from docstore.database.conflicts.already_applied import Applied
from docstore.database.conflicts.attempts import Attempt, ConflictKind, Operation
from docstore.database.conflicts.report import Changes, ConflictReport, Relation, already_applied, explain
from docstore.errors import Conflict, DatabaseNotFound, DocstoreError
from tests.database.helpers import document, replicated, rev


async def write(db, *args, **members):
    return (await db.update_doc(document(*args, **members))).rev


async def explained(db, work) -> ConflictReport:
    """The report of work that is refused."""
    with pytest.raises(DocstoreError) as caught:
        await work
    return await explain(db.environment, caught.value.attempt)


async def test_an_ancestor(db):
    first = await write(db, "a", n=1)
    second = await write(db, "a", first, n=2)
    third = await write(db, "a", second, n=3)
    report = await explained(db, db.update_doc(document("a", first, n=9)))
    assert (report.kind, report.relation) == (ConflictKind.SUPERSEDED, Relation.ANCESTOR)
    assert (report.supplied_rev, report.current_rev, report.common_ancestor) == (first, third, first)
    assert (report.deleted, report.conflicted) == (False, False)
    assert report.verdict.applied is Applied.NO
    assert report.changes == Changes(("/n",), ("/n",), True)


async def test_a_sibling(db):
    first = await write(db, "a", n=1)
    second = await write(db, "a", first, n=2)
    await write(db, "a", second, n=3)
    await db.update_docs([replicated("a", "4-f", "3-f", "2-f", first, n=4)], new_edits=False)
    report = await explained(db, db.update_doc(document("a", second, n=9)))
    assert (report.kind, report.relation) == (ConflictKind.SUPERSEDED, Relation.SIBLING)
    assert (report.current_rev, report.common_ancestor, report.conflicted) == (rev("4-f"), first, True)


async def test_no_revision_and_unknown_ones(db):
    first = await write(db, "a", n=1)
    report = await explained(db, db.update_doc(document("a", n=2)))
    assert (report.kind, report.relation) == (ConflictKind.DOCUMENT_EXISTS, Relation.NONE)
    assert (report.current_rev, report.common_ancestor, report.changes) == (first, None, None)
    report = await explained(db, db.update_doc(document("a", rev("1-f"), n=2)))
    assert (report.kind, report.relation, report.common_ancestor) == (ConflictKind.UNKNOWN, Relation.UNKNOWN, None)
    report = await explained(db, db.update_doc(document("_design/d", rev("1-f"), n=2)))
    assert (report.kind, report.relation, report.current_rev) == (ConflictKind.UNKNOWN, Relation.UNKNOWN, None)


async def test_a_deleted_document(db):
    first = await write(db, "a", n=1)
    deleted = (await db.delete_doc("a", first)).rev
    report = await explained(db, db.update_doc(document("a", deleted, n=2)))
    assert (report.kind, report.relation) == (ConflictKind.DELETED, Relation.DELETED_LEAF)
    assert (report.current_rev, report.deleted, report.changes) == (deleted, True, None)
    report = await explained(db, db.delete_doc("a", deleted))
    assert (report.kind, report.relation) == (ConflictKind.DELETED, Relation.DELETED_LEAF)


async def test_applied_already(db):
    first = await write(db, "a", n=1)
    second = await write(db, "a", first, n=2)
    report = await explained(db, db.update_doc(document("a", first, n=2)))
    assert (report.kind, report.verdict.rev) == (ConflictKind.APPLIED, second)


async def test_a_document_that_has_changed_back_since(db):
    first = await write(db, "a", n=1)
    second = await write(db, "a", first, n=2)
    with pytest.raises(Conflict) as caught:
        await db.update_doc(document("a", first, n=9))
    await db.purge({"a": [second]})
    assert (await explain(db.environment, caught.value.attempt)).kind is ConflictKind.UNKNOWN
    await db.update_docs([replicated("a", first, n=1)], new_edits=False)
    report = await explain(db.environment, caught.value.attempt)
    assert (report.relation, report.verdict.applied) == (Relation.LEAF, Applied.UNKNOWN)


async def test_a_database_that_is_gone(db, node):
    first = await write(db, "a", n=1)
    with pytest.raises(Conflict) as caught:
        await db.update_doc(document("a", n=9))
    await node.registry.delete("db")
    with pytest.raises(DatabaseNotFound):
        await explain(db.environment, caught.value.attempt)
    with pytest.raises(DatabaseNotFound):
        await already_applied(db.environment, Attempt(db.number, "a", first))


# --- the fields


async def changes_of(db, before: dict, winner: dict, edit: dict) -> Changes | None:
    first = await write(db, "a", **before)
    await write(db, "a", first, **winner)
    return (await explained(db, db.update_doc(document("a", first, **edit)))).changes


@pytest.mark.parametrize(
    ("before", "winner", "edit", "changed", "conflicting"),
    [
        ({"a": 1, "b": 1}, {"a": 2, "b": 1}, {"a": 1, "b": 3}, ["/a"], []),
        ({"a": 1, "b": 1}, {"a": 2, "b": 1}, {"a": 3, "b": 3}, ["/a"], ["/a"]),
        ({"a": 1}, {"a": 2}, {"a": 2, "b": 1}, ["/a"], ["/a"]),
        ({"a": {"x": 1, "y": 1}}, {"a": {"x": 2, "y": 2}}, {"a": {"x": 1, "y": 3}}, ["/a/x", "/a/y"], ["/a/y"]),
        ({"a": {"x": 1}}, {"a": {"x": 2}}, {"a": 7}, ["/a/x"], ["/a/x"]),
        ({"a": {"x": 1}}, {"a": 7}, {"a": {"x": 1, "y": 2}}, ["/a"], ["/a"]),
        ({"a": {"0": 1}}, {"a": {"0": 2}}, {"a": [1]}, ["/a/0"], ["/a/0"]),
        ({"a": [1, 2]}, {"a": [2, 1]}, {"a": [1, 2]}, ["/a"], []),
        ({"a": 1}, {"a": 1.0}, {"a": 1}, ["/a"], []),
        ({"a/b": 1, "c~d": 1}, {"a/b": 2}, {"a/b": 1}, ["/a~1b", "/c~0d"], ["/c~0d"]),
        ({"a": 1}, {"b": 1}, {"a": 1}, ["/a", "/b"], []),
        ({"a": None}, {}, {}, ["/a"], ["/a"]),
        ({"a": 1}, {"a": 1}, {"a": 2}, [], []),
    ],
)
async def test_fields(db, before, winner, edit, changed, conflicting):
    found = await changes_of(db, before, winner, edit)
    assert found == Changes(tuple(changed), tuple(conflicting), True)


async def test_attachments_are_fields_by_name(db):
    inline = {name: {"data": data} for name, data in (("x", "AAEC"), ("y/z", "AAED"))}
    stubs = {"x": {"stub": True}, "y/z": {"stub": True}}
    found = await changes_of(
        db,
        {"n": 1, "_attachments": inline},
        {"n": 1, "_attachments": stubs | {"x": {"data": "BBBB"}}},
        {"n": 2, "_attachments": stubs},
    )
    assert found == Changes(("/_attachments/x",), (), True)
    report = await explained(
        db, db.update_doc(document("a", report_rev(db), n=2, _attachments=inline | {"x": {"data": ""}}))
    )
    assert report.changes == Changes(("/_attachments/x",), ("/_attachments/x",), True)


def report_rev(db):
    """The first revision of the document."""
    with db.environment.snapshot() as snapshot:
        tree = module.gather(snapshot, Attempt(db.number, "a", None)).tree
    return next(one for one in tree.nodes if one.generation == 1)


async def test_a_deletion_changes_all_that_the_winner_changed(db):
    first = await write(db, "a", x=1, y=1)
    await write(db, "a", first, x=2, y=1)
    report = await explained(db, db.delete_doc("a", first))
    assert report.changes == Changes(("/x",), ("/x",), True)


async def test_bodies_that_are_not_at_hand(db):
    first = await write(db, "a", n=1)
    second = await write(db, "a", first, n=2)
    await write(db, "a", second, n=3)
    await db.compact()
    report = await explained(db, db.update_doc(document("a", second, n=9)))
    assert (report.kind, report.relation, report.changes) == (ConflictKind.SUPERSEDED, Relation.ANCESTOR, None)


@pytest.mark.parametrize("place", ["before", "winner", "edit"])
async def test_bodies_that_are_too_large(db, place):
    large = {"text": "x" * (module.MAX_BODY + 1)}
    bodies = {name: large if name == place else {"text": name} for name in ("before", "winner", "edit")}
    assert await changes_of(db, **bodies) is None
    smaller = {"text": "x" * (module.MAX_BODY - 20)}
    first = await write(db, "b", n=1)
    await write(db, "b", first, **smaller)
    report = await explained(db, db.update_doc(document("b", first, n=2)))
    assert report.changes == Changes(("/n", "/text"), ("/n",), True)


@pytest.mark.parametrize("levels", [50, 400])
async def test_bodies_that_nest(db, levels):
    def nested(value):
        for _ in range(levels):
            value = {"a": value}
        return value

    found = await changes_of(db, nested(1), nested(2), nested(3))
    expected = Changes(("/a" * levels,), ("/a" * levels,), True)
    assert found == (expected if levels < module.MAX_DEPTH else None)
    deep = [[1]]
    for _ in range(levels):
        deep = [deep]
    first = await write(db, "list", a=deep)
    await write(db, "list", first, a=[deep])
    assert (await explained(db, db.update_doc(document("list", first, a=2)))).kind is ConflictKind.SUPERSEDED


async def test_many_fields(db):
    found = await changes_of(
        db,
        {f"{number:03}": 1 for number in range(300)},
        {f"{number:03}": 2 for number in range(300)},
        {f"{number:03}": 1 + number % 2 for number in range(300)},
    )
    assert found is not None
    assert found.changed == tuple(f"/{number:03}" for number in range(module.MAX_PLACES))
    assert found.conflicting == found.changed[1::2]
    assert not found.complete


async def test_long_names(db):
    name = "long" * 1_000
    found = await changes_of(
        db,
        {f"{name}{number}": 1 for number in range(9)},
        {f"{name}{number}": 2 for number in range(9)},
        {"n": 1},
    )
    assert found is not None
    assert 0 < sum(map(len, found.changed)) <= module.MAX_POINTERS
    assert not found.complete
    very_long = {"x" * module.MAX_POINTERS: 1}
    first = await write(db, "b", **very_long)
    await write(db, "b", first, n=2)
    report = await explained(db, db.update_doc(document("b", first, n=3)))
    assert report.changes == Changes((), (), False)


async def test_names_that_would_cost_more_than_the_body(db):
    """One long chain of long names, with many members at its end: their pointers together are thousands of times it."""
    members = {str(number): number for number in range(10_000)}

    def chained(value):
        for _ in range(50):
            value = {"n" * 2_000: value}
        return value

    first = await write(db, "a", **chained(members))
    await write(db, "a", first, **chained(dict.fromkeys(members, -1)))
    report = await explained(db, db.update_doc(document("a", first, **chained(members | {"5": 9}))))
    assert len(encode(chained(members))) < module.MAX_BODY
    assert report.changes == Changes((), (), False)


@pytest.fixture
def threads(monkeypatch) -> list:
    """What was given to threads."""
    threads = []

    async def to_thread(work, *args):
        threads.append(work)
        return work(*args)

    monkeypatch.setattr(module, "to_thread", to_thread)
    return threads


async def test_a_large_document_that_was_deleted_often_is_looked_at_in_a_thread(db, threads):
    text = "x" * 30_000
    for number in range(4):
        await db.delete_doc("a", await write(db, "a", n=number, text=text))
    last = await write(db, "a", n=4, text=text)
    assert (await explained(db, db.update_doc(document("a", n=4, text=text)))).verdict.rev == last
    assert len(threads) == 1
    assert (await explained(db, db.update_doc(document("a", n=4)))).verdict.applied is Applied.NO
    assert len(threads) == 1


async def test_a_long_tree_is_looked_at_in_a_thread(db, threads):
    first = await write(db, "a", n=0)
    second = newest = await write(db, "a", first, n=1)
    assert (await explained(db, db.update_doc(document("a", first, n=1)))).kind is ConflictKind.APPLIED
    assert threads == []
    for number in range(2, 260):
        newest = await write(db, "a", newest, n=number)
    report = await explained(db, db.update_doc(document("a", first, n=1)))
    assert (report.kind, report.verdict.rev) == (ConflictKind.APPLIED, second)
    assert len(threads) == 2
    attempt = Attempt(db.number, "a", first, Operation.WRITE, document("a", first, n=1))
    assert (await already_applied(db.environment, attempt)).rev == second
    assert len(threads) == 3
