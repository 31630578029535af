"""Documents in conflict: the listing, ``conflicts_only``, and what they cost."""

from contextlib import contextmanager
from time import perf_counter

import pytest

from docstore.core.json_text import decode
from docstore.database.database import Database
from docstore.database.reading import changes as changes_module
from docstore.database.reading import conflicts as conflicts_module
from docstore.database.reading.all_docs import Namespace
from docstore.database.reading.changes import Style
from docstore.database.reading.conflicts import ConflictsQuery, read_conflicts
from docstore.errors import DatabaseNotFound
from docstore.node import Node
from docstore.storage.engine.environment import Environment
from tests.database.helpers import all_docs, changes, document, ids, ids_changed, pass_end, replicated, rev

LONG = "long " * 120
IN_CONFLICT = ["_design/x", "b", "d", LONG + "x", LONG + "y", "é"]


@pytest.fixture
async def mixed(db: Database) -> Database:
    """Every second document is in conflict; some of the others were, or have a deleted second leaf."""
    for doc_id in IN_CONFLICT:
        await fork(db, doc_id)
    for doc_id in ("a", "c", LONG, "_design/y", "z"):
        await db.update_doc(document(doc_id))
    await db.update_docs([replicated("c", "2-c", deleted=True)], new_edits=False)
    await fork(db, "was")
    for leaf in ("2-c", "2-b"):
        await db.delete_doc("was", rev(leaf))
    await fork(db, "gone")
    for leaf in ("2-c", "2-b", "2-a"):
        await db.delete_doc("gone", rev(leaf))
    return db


async def fork(db: Database, doc_id: str) -> None:
    """Three live leaves and a deleted one."""
    leaves = [replicated(doc_id, f"2-{letter}", "1-0", n=letter) for letter in "abc"]
    await db.update_docs([*leaves, replicated(doc_id, "2-e", deleted=True)], new_edits=False)


async def listed(db: Database, **query: object) -> list[dict]:
    rows = []
    async for part in read_conflicts(db, ConflictsQuery(**query)):
        rows += map(decode, part.rows)
    return rows


async def listed_ids(db: Database, **query: object) -> list[str]:
    return [row["id"] for row in await listed(db, **query)]


# --- the listing ------------------------------------------------------------------------------------------------


async def test_a_row(mixed: Database):
    rows = await listed(mixed, key="b")
    assert rows == [
        {"id": "b", "key": "b", "value": {"rev": str(rev("2-c")), "conflicts": [str(rev("2-b")), str(rev("2-a"))]}}
    ]


async def test_the_options(mixed: Database):
    assert await listed_ids(mixed) == IN_CONFLICT
    assert await listed_ids(mixed, descending=True) == IN_CONFLICT[::-1]
    assert await listed_ids(mixed, limit=2) == IN_CONFLICT[:2]
    assert await listed_ids(mixed, limit=2, skip=3) == IN_CONFLICT[3:5]
    assert await listed_ids(mixed, skip=99) == await listed_ids(mixed, limit=0) == []
    assert await listed_ids(mixed, start_key="c", descending=True) == IN_CONFLICT[1::-1]
    for place, doc_id in enumerate(IN_CONFLICT):
        assert await listed_ids(mixed, start_key=doc_id) == IN_CONFLICT[place:]
        assert await listed_ids(mixed, end_key=doc_id) == IN_CONFLICT[: place + 1]
        assert await listed_ids(mixed, end_key=doc_id, inclusive_end=False) == IN_CONFLICT[:place]
        assert await listed_ids(mixed, start_key=doc_id, limit=2, skip=1) == IN_CONFLICT[place + 1 : place + 3]
    assert await listed_ids(mixed, end_key=None) == await listed_ids(mixed, key=5) == []


async def test_documents_and_counts(mixed: Database):
    [row] = await listed(mixed, key="d", include_docs=True, conflicts=True, counts=True)
    assert row["value"]["counts"] == {"live": 3, "deleted": 1}
    assert row["doc"] == {
        "_id": "d",
        "_rev": row["value"]["rev"],
        "n": "c",
        "_conflicts": row["value"]["conflicts"],
    }
    [row] = await listed(mixed, key="d", include_docs=True)
    assert list(row["doc"]) == ["_id", "_rev", "n"]


async def test_total_rows_counts_all_of_them(mixed: Database):
    parts = [part async for part in read_conflicts(mixed, ConflictsQuery(limit=1))]
    assert {part.total_rows for part in parts} == {len(IN_CONFLICT)}


async def test_a_deleted_database_says_so(node: Node, mixed: Database):
    await node.registry.delete("db")
    with pytest.raises(DatabaseNotFound):
        await listed(mixed)


@pytest.mark.parametrize("descending", [False, True])
async def test_a_long_listing_goes_on_in_newer_snapshots(mixed: Database, monkeypatch, descending: bool):
    """The snapshot expires after every row, and every slice is over at once."""
    monkeypatch.setattr(mixed.environment._gate, "max_age", -1.0)
    monkeypatch.setattr(conflicts_module.SliceClock, "over", True)
    found = await listed_ids(mixed, descending=descending, skip=1)
    assert found == (IN_CONFLICT[::-1] if descending else IN_CONFLICT)[1:]


# --- conflicts_only ---------------------------------------------------------------------------------------------


async def test_all_docs(mixed: Database):
    total, offset, rows = await all_docs(mixed, conflicts_only=True, include_docs=True, conflicts=True)
    assert (total, offset, [row["id"] for row in rows]) == (len(IN_CONFLICT), None, IN_CONFLICT)
    assert all(len(row["doc"]["_conflicts"]) == 2 for row in rows)
    assert await ids(mixed, conflicts_only=True, descending=True, limit=2, skip=1) == IN_CONFLICT[-2:-4:-1]
    assert await ids(mixed, conflicts_only=True, start_key="c", end_key="e") == ["d"]


async def test_all_docs_by_keys_answers_those_in_conflict(mixed: Database):
    keys = ("d", "a", "nope", "was", "gone", LONG + "y", LONG, 5, "d")
    total, offset, rows = await all_docs(mixed, conflicts_only=True, keys=keys)
    assert (total, offset, [row["id"] for row in rows]) == (len(IN_CONFLICT), None, ["d", LONG + "y", "d"])


async def test_design_and_local_documents(mixed: Database):
    total, _, rows = await all_docs(mixed, conflicts_only=True, namespace=Namespace.DESIGN)
    assert (total, [row["id"] for row in rows]) == (1, ["_design/x"])
    await mixed.update_doc(document("_local/x"))
    local = await ids(mixed, conflicts_only=True, namespace=Namespace.LOCAL)
    assert local == [], "a local document has no revisions that could be in conflict"


async def changes_both_ways(db: Database, monkeypatch, **query: object) -> list[dict]:
    """A pass by looking at every row, and one by looking the conflicts up: they must tell the same."""
    told = []
    for cost in (10**9, 0):
        with monkeypatch.context() as patch:
            patch.setattr(changes_module, "LOOKUP_COST", cost)
            rows = await changes(db, conflicts_only=True, **query)
            told.append((rows, await pass_end(db, conflicts_only=True, **query)))
    assert told[0] == told[1]
    return told[0][0]


async def test_changes(mixed: Database, monkeypatch):
    rows = await changes_both_ways(mixed, monkeypatch, style=Style.ALL_DOCS, include_docs=True, conflicts=True)
    assert sorted(row["id"] for row in rows) == IN_CONFLICT
    assert all(len(row["changes"]) == 4 and len(row["doc"]["_conflicts"]) == 2 for row in rows)


async def test_changes_from_anywhere_to_anywhere(mixed: Database, monkeypatch):
    every = await changes(mixed)
    wanted = [row for row in every if row["id"] in IN_CONFLICT]
    for since in range(0, mixed.update_seq() + 1, 3):
        expected = [row for row in wanted if row["seq"] > since]
        assert await changes_both_ways(mixed, monkeypatch, since=since) == expected
        assert await changes_both_ways(mixed, monkeypatch, since=since, limit=2) == expected[:2]
    for limit in (None, 0, 1, 4):
        rows = await changes_both_ways(mixed, monkeypatch, descending=True, limit=limit)
        assert rows == wanted[::-1][:limit]


async def test_changes_beside_filters(mixed: Database, monkeypatch):
    doc_ids = frozenset({"a", "b", "d", "was"})
    assert [row["id"] for row in await changes_both_ways(mixed, monkeypatch, doc_ids=doc_ids)] == ["b", "d"]
    assert [row["id"] for row in await changes_both_ways(mixed, monkeypatch, design=True)] == ["_design/x"]
    only_d = await changes_both_ways(mixed, monkeypatch, filter=lambda doc, _: doc["_id"] in ("d", "z"))
    assert [row["id"] for row in only_d] == ["d"]
    rows = await changes_both_ways(mixed, monkeypatch, seq_interval=2)
    assert [row["seq"] is None for row in rows].count(True) == 3


async def test_changes_of_a_database_without_any(db: Database, monkeypatch):
    assert await changes_both_ways(db, monkeypatch) == []
    assert await changes_both_ways(db, monkeypatch, descending=True) == []
    await db.update_doc(document("a"))
    assert await changes_both_ways(db, monkeypatch) == []
    assert await pass_end(db, conflicts_only=True) == (1, 0)


async def test_a_search_that_takes_several_slices_and_snapshots(mixed: Database, monkeypatch):
    every = await ids_changed(mixed, conflicts_only=True)
    monkeypatch.setattr(changes_module, "LOOKUP_COST", 0)
    monkeypatch.setattr(conflicts_module, "CHUNK_ROWS", 2)
    monkeypatch.setattr(mixed.environment._gate, "max_age", -1.0)
    monkeypatch.setattr(changes_module.SliceClock, "over", True)
    assert await ids_changed(mixed, conflicts_only=True) == every
    assert await ids_changed(mixed, conflicts_only=True, descending=True) == every[::-1]


# --- what it costs ----------------------------------------------------------------------------------------------


class Counting:
    """A snapshot that counts the rows that are read of it, by table."""

    def __init__(self, snapshot, counts: dict[object, int]) -> None:
        self._snapshot = snapshot
        self._counts = counts

    def __getattr__(self, name):
        return getattr(self._snapshot, name)

    def _count(self, table, rows: int) -> None:
        self._counts[table] = self._counts.get(table, 0) + rows

    def get(self, table, key):
        self._count(table, 1)
        return self._snapshot.get(table, key)

    def getmulti(self, table, keys):
        found = self._snapshot.getmulti(table, keys)
        self._count(table, len(found))
        return found

    @contextmanager
    def cursor(self, table):
        with self._snapshot.cursor(table) as cursor:
            yield CountingCursor(cursor, lambda: self._count(table, 1))


class CountingCursor:
    def __init__(self, cursor, count) -> None:
        self._cursor = cursor
        self._counted = count

    def __getattr__(self, name):
        return getattr(self._cursor, name)

    def iternext(self, **options):
        for item in self._cursor.iternext(**options):
            self._counted()
            yield item

    def iterprev(self, **options):
        for item in self._cursor.iterprev(**options):
            self._counted()
            yield item


class CountingEnvironment:
    """In the place of an environment, for what reads by ``LongSnapshot``. ``rows``: how many were read."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self.counts: dict[object, int] = {}

    def snapshot(self) -> Counting:
        return Counting(self._environment.snapshot(), self.counts)

    long_snapshot = snapshot

    @property
    def rows(self) -> int:
        return sum(self.counts.values())


@contextmanager
def counted(db: Database):
    real = db.environment
    db.environment = CountingEnvironment(real)
    try:
        yield db.environment
    finally:
        db.environment = real


async def fill(db: Database, count: int) -> Database:
    """Fifty documents in conflict among ``count``."""
    for start in range(0, count, 500):
        await db.update_docs([document(f"doc{number:06}") for number in range(start, start + 500)])
    for number in range(0, count, count // 50):
        doc_id = f"doc{number:06}"
        await db.update_docs([replicated(doc_id, f"2-{letter}", "1-0") for letter in "ab"], new_edits=False)
    return db


@pytest.fixture
async def large(db: Database) -> Database:
    return await fill(db, 3_000)


async def test_a_listing_costs_what_it_returns(large: Database):
    for query, returned in (({}, 50), ({"limit": 3}, 3), ({"start_key": "doc001500", "limit": 5, "skip": 2}, 5)):
        with counted(large) as environment:
            assert len(await listed(large, **query)) == returned
        # Of each: its row, its record, its place in the feed; beside that the counters, and what a scan looks at last.
        assert environment.rows <= 3 * (returned + query.get("skip", 0)) + 3, environment.counts
    with counted(large) as environment:
        rows = await listed(large, include_docs=True, conflicts=True, limit=10)
    assert environment.rows <= 4 * 10 + 3  # and no record once more for ``_conflicts``
    assert all(row["doc"]["_conflicts"] == row["value"]["conflicts"] for row in rows)


@pytest.mark.long
async def test_fifty_of_a_hundred_thousand_take_less_than_five_milliseconds(db: Database):
    await fill(db, 100_000)
    with counted(db) as environment:
        await listed(db)
    assert environment.rows <= 3 * 50 + 3
    taken = []
    for _ in range(21):
        began = perf_counter()
        assert len(await listed(db)) == 50
        taken.append(perf_counter() - began)
    assert sorted(taken)[10] < 0.005


async def test_conflicts_only_costs_what_it_returns(large: Database):
    with counted(large) as environment:
        assert len(await ids(large, conflicts_only=True)) == 50
    assert environment.rows <= 2 * 50 + 3
    with counted(large) as environment:
        assert len(await ids_changed(large, conflicts_only=True)) == 50
    # The rest are the counting rows of the feed's ``pending``, one for a thousand changes, and those of one block.
    assert environment.rows <= 4 * 50 + 1_024 + 20
