"""What is too much work for the event loop is done in a thread, and comes to the same."""

import asyncio
import json
import threading

import pytest

from docstore.core.selector.selector import compile_selector
from docstore.core.steps import OutOfSteps, Steps
from docstore.database.reading import at_once, change_rows, conflicts, revisions
from docstore.database.reading.all_docs import AllDocsQuery, read_all_docs
from docstore.database.reading.change_rows import Style
from docstore.database.reading.changes import ChangesQuery, read_changes
from docstore.database.reading.conflicts import ConflictsQuery, read_conflicts
from docstore.database.reading.documents import MissingRev, OpenOptions
from docstore.errors import BadRequest, NotFound
from docstore.storage.documents import tree_runs
from tests.database.helpers import changes, document, ids_changed, replicated, rev

LEAVES = 600
REVS = [rev(f"2-{number:032x}") for number in range(LEAVES)]
ROOT = rev("1-a")
META = OpenOptions(conflicts=True, revs=True, revs_info=True)


@pytest.fixture
async def wide(db):
    """A document of many leaves between two small ones."""
    await db.update_doc(document("a", n=1))
    await db.update_docs([replicated("w", each, ROOT, n=place) for place, each in enumerate(REVS)], new_edits=False)
    await db.update_doc(document("z", n=2))
    return db


def watch(monkeypatch, module, name):
    """Where a function is called from now on: True for the event loop."""
    loop = threading.get_ident()
    places = []
    real = getattr(module, name)

    def watched(*arguments, **named):
        places.append(threading.get_ident() == loop)
        return real(*arguments, **named)

    monkeypatch.setattr(module, name, watched)
    return places


@pytest.fixture
def unpacked(wide, monkeypatch):
    """Where trees are unpacked."""
    return watch(monkeypatch, tree_runs, "unpack_tree")


async def listed(slices):
    return [json.loads(row) async for part in slices for row in part.rows]


READS = {
    "conflicts": lambda db: db.read_doc("w", META),
    "a revision": lambda db: db.read_doc("w", OpenOptions(rev=REVS[7], revs=True)),
    "all leaves": lambda db: anext(db.read_revs("w", "all")),
    "some leaves": lambda db: anext(db.read_revs("w", [ROOT], OpenOptions(latest=True))),
    "_bulk_get": lambda db: anext(db.bulk_get([("w", "all")])),
    "_bulk_get of one": lambda db: anext(db.bulk_get([("w", [REVS[3]])], OpenOptions(revs=True))),
    "_revs_diff": lambda db: db.compare_revs({"w": [REVS[3], rev("3-c")]}),
    "_changes": lambda db: changes(db, include_docs=True, conflicts=True),
    "_changes, filtered": lambda db: changes(db, style=Style.ALL_DOCS, filter=lambda doc, _: True),
    "_all_docs": lambda db: listed(read_all_docs(db, AllDocsQuery(include_docs=True, conflicts=True))),
    "keys": lambda db: listed(read_all_docs(db, AllDocsQuery(keys=["w"], include_docs=True, conflicts=True))),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
async def test_a_large_tree_is_unpacked_in_a_thread(wide, unpacked, read):
    assert await read(wide)
    assert set(unpacked) == {False}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
async def test_what_is_read_in_a_thread_is_the_same(wide, monkeypatch, read):
    found = await read(wide)
    monkeypatch.setattr(at_once, "TREE_BYTES", 1 << 30)
    monkeypatch.setattr(revisions, "TREE_BYTES", 1 << 30)
    monkeypatch.setattr(change_rows, "TREE_BYTES", 1 << 30)
    unpacked = watch(monkeypatch, tree_runs, "unpack_tree")
    at_once_found = await read(wide)
    if isinstance(found, list):  # a portion may be longer or shorter
        found, at_once_found = (some[: min(len(found), len(at_once_found))] for some in (found, at_once_found))
    assert found == at_once_found
    assert set(unpacked) == {True}


async def test_all_leaves_come_in_portions(wide, monkeypatch):
    monkeypatch.setattr("docstore.database.slices.SLICE_SECONDS", 0.0)
    portions = [some async for some in wide.read_revs("w", "all", OpenOptions(revs=True))]
    assert [one for some in portions for one in some] == wide.open_revs("w", "all", OpenOptions(revs=True))
    assert [len(some) for some in portions] == [1] * LEAVES
    assert [len(some) async for some in wide.bulk_get([("w", "all"), ("a", "all")])] == [LEAVES, 1]


async def test_no_snapshot_is_open_between_portions(wide, monkeypatch):
    monkeypatch.setattr("docstore.database.slices.SLICE_SECONDS", 0.0)
    async for _ in wide.read_revs("w", REVS[:3]):
        assert wide.environment._gate.open_snapshots == 0


async def test_bodies_that_go_between_portions_are_missing(wide, monkeypatch):
    monkeypatch.setattr("docstore.database.slices.SLICE_SECONDS", 0.0)
    found = []
    async for some in wide.read_revs("w", REVS[:3]):
        found += some
        if len(found) == 1:
            await wide.purge({"w": [REVS[1]]})
    assert [isinstance(one, MissingRev) for one in found] == [False, False, True]  # what is missing comes last


async def test_read_revs_of_no_document(wide):
    assert [some async for some in wide.read_revs("none", [ROOT])] == [[MissingRev(ROOT)]]
    with pytest.raises(NotFound):
        await anext(wide.read_revs("none", "all"))


async def test_conflicts_of_many_leaves_are_listed_by_a_thread(wide, monkeypatch):
    query = ConflictsQuery(include_docs=True, conflicts=True, counts=True, limit=1)
    places = watch(monkeypatch, conflicts, "decode_change")
    [row] = await listed(read_conflicts(wide, query))
    assert places == [False]
    monkeypatch.setattr(conflicts, "LEAVES_AT_ONCE", LEAVES)
    assert await listed(read_conflicts(wide, query)) == [row]
    assert places == [False, True]
    assert len(row["doc"]["_conflicts"]) == len(row["value"]["conflicts"]) == LEAVES - 1


async def test_limits_count_rows_that_come_later(wide):
    for query in ({"limit": 2}, {"limit": 2, "descending": True}, {"limit": 1, "skip": 1}):
        plain = await listed(read_all_docs(wide, AllDocsQuery(**query)))
        full = await listed(read_all_docs(wide, AllDocsQuery(include_docs=True, conflicts=True, **query)))
        assert [row["id"] for row in full] == [row["id"] for row in plain]
        wanted = {name: value for name, value in query.items() if name != "skip"}
        assert await ids_changed(wide, **wanted) == await ids_changed(wide, include_docs=True, conflicts=True, **wanted)


async def test_a_turn_is_counted_in_trees_not_in_documents(db, monkeypatch):
    for doc_id in "abcdefgh":
        await db.update_docs([replicated(doc_id, each, ROOT) for each in REVS[:100]], new_edits=False)
    unpacked = watch(monkeypatch, tree_runs, "unpack_tree")
    diffs = await db.compare_revs({doc_id: [rev("3-c")] for doc_id in "abcdefgh"})
    assert list(diffs) == list("abcdefgh")
    assert unpacked.count(True) <= at_once.TREE_BYTES / 3_600
    assert unpacked.count(False) == 8


async def test_many_revisions_are_compared_in_a_thread(wide, monkeypatch):
    places = watch(monkeypatch, revisions, "get_records")
    asked = {"none": [rev(f"1-{number:032x}") for number in range(at_once.REVS + 1)]}
    assert (await wide.compare_revs(asked))["none"].missing == asked["none"]
    assert places == [False]


# --- filters


def selector_of_many_steps(count):
    return compile_selector({"$and": [{"n": {"$gte": 0}}] * count})


async def test_a_filter_has_few_steps_on_the_loop(wide):
    loop = threading.get_ident()
    taken = {True: 0, False: 0}

    def accepts(doc, steps):
        before = steps.left
        try:
            return selector_of_many_steps(5_000)(doc, steps)
        finally:
            here = threading.get_ident() == loop
            taken[here] = max(taken[here], before - max(steps.left, 0))

    assert await ids_changed(wide, filter=accepts) == ["a", "w", "z"]
    assert taken[True] == at_once.FILTER_STEPS
    assert taken[False] == 10_000


async def test_a_filter_that_takes_too_many_steps_is_refused(wide):
    for limit in (9_999, 10_000):
        query = ChangesQuery(filter=selector_of_many_steps(5_000), max_filter_steps=limit)
        if limit == 10_000:
            assert len(await listed(read_changes(wide, query))) == 3
            continue
        with pytest.raises(BadRequest, match=r"max_filter_steps \(9999\)"):
            await listed(read_changes(wide, query))


async def test_leaves_of_one_row_share_a_budget(wide):
    query = ChangesQuery(style=Style.ALL_DOCS, filter=selector_of_many_steps(10), max_filter_steps=20 * LEAVES - 1)
    with pytest.raises(BadRequest):
        await listed(read_changes(wide, query))


async def test_no_snapshot_is_open_while_a_filter_works_in_a_thread(wide):
    opened = []

    def accepts(doc, steps):
        if steps.left <= at_once.FILTER_STEPS:
            raise OutOfSteps
        opened.append(threading.get_ident() in {one.thread for one in wide.environment._gate._open})
        return True

    assert await ids_changed(wide, filter=accepts) == ["a", "w", "z"]
    assert opened == [False] * 3


async def test_a_large_document_is_parsed_in_a_thread(db, monkeypatch):
    await db.update_doc(document("a", n=[1.5] * 10_000))
    places = watch(monkeypatch, change_rows, "decode_in_slices")
    small = watch(monkeypatch, change_rows, "decode")
    assert await ids_changed(db, filter=lambda doc, _: len(doc["n"]) == 10_000) == ["a"]
    [row] = await changes(db, include_docs=True, projection=lambda doc: {"first": doc["n"][0]})
    assert row["doc"] == {"first": 1.5}
    assert (places, small) == ([False, False], [])


async def test_a_document_that_changes_while_its_row_is_made_has_its_row_in_the_next_pass(db):
    first = await db.update_doc(document("a", n=1))
    await db.update_doc(document("b", n=1))
    loop = asyncio.get_running_loop()
    changed = []

    def accepts(doc, steps: Steps):
        if steps.left <= at_once.FILTER_STEPS:
            raise OutOfSteps
        if doc["_id"] == "a" and not changed:
            edit = db.update_doc(document("a", first.rev, n=2))
            changed.append(asyncio.run_coroutine_threadsafe(edit, loop).result())
        return True

    rows, last = [], None
    async for part in read_changes(db, ChangesQuery(filter=accepts)):
        rows += map(json.loads, part.rows)
        last = part
    assert [row["id"] for row in rows] == ["b"]
    assert last.last_seq == 2
    [row] = await changes(db, since=last.last_seq, filter=accepts)
    assert row["changes"] == [{"rev": str(changed[0].rev)}]


@pytest.mark.parametrize("style", list(Style))
async def test_a_large_document_is_put_together_for_a_filter_in_a_thread(db, monkeypatch, style):
    """Also where it is one string, which is read in no time."""
    large = "x" * (at_once.PARSED_BYTES + 1)
    await db.update_docs([document("a", n=1), document("b", text=large), document("c", n=2)])
    await db.update_docs([replicated("d", "1-a", n=3), replicated("d", "1-b", text=large)], new_edits=False)
    loop, put = threading.get_ident(), []
    real = change_rows.stub_text

    def watched(*arguments):
        put.append((len(arguments[3]), threading.get_ident() == loop))
        return real(*arguments)

    monkeypatch.setattr(change_rows, "stub_text", watched)
    rows = await changes(db, style=style, filter=lambda doc, _: True)
    assert [row["id"] for row in rows] == ["a", "b", "c", "d"]
    assert {at_loop for size, at_loop in put if size > at_once.PARSED_BYTES} == {False}
    assert True in {at_loop for size, at_loop in put if size < at_once.PARSED_BYTES}


@pytest.mark.parametrize(
    "how", [{"filter": lambda doc, _: True}, {"include_docs": True}], ids=["filter", "include_docs"]
)
async def test_a_row_of_many_leaves_is_read_in_a_thread(wide, monkeypatch, how):
    """Though no tree is looked at: the row has them all, also where it is to show the winner alone."""
    monkeypatch.setattr(change_rows, "TREE_BYTES", 1_000)
    loop, decoded = threading.get_ident(), []
    real = change_rows.decode_change

    def watched(value, seq):
        decoded.append((len(value), threading.get_ident() == loop))
        return real(value, seq)

    monkeypatch.setattr(change_rows, "decode_change", watched)
    assert [row["id"] for row in await changes(wide, **how)] == ["a", "w", "z"]
    assert {at_loop for size, at_loop in decoded if size > 1_000} == {False}
    assert {at_loop for size, at_loop in decoded if size < 1_000} == {True}
