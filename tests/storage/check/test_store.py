"""The check: silent about a sound store, and a finding for every way to damage one."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from docstore.core.authorship import Written
from docstore.core.edit import Edit
from docstore.core.revtree import Node, RevTree
from docstore.core.unique.definition import definition_of
from docstore.storage import databases, keys, rows
from docstore.storage.check import database as check_database
from docstore.storage.check.documents import SeqSet
from docstore.storage.check.store import check
from docstore.storage.documents import (
    counted,
    documents,
    local,
    purges,
    records,
    tree_runs,
    unique_building,
    unique_rows,
)
from docstore.storage.documents.purges import PurgeInfo
from docstore.storage.documents.stamps import pack_rows, pack_stamp
from docstore.storage.engine.transactions import GroupTransaction
from docstore.storage.keys import pack_seq_key, prefix, short_key
from docstore.storage.rows import DatabaseState, DocCount, LocalRow
from tests.storage.stores import Store, line, rev

LONG = "x" * 500
DB = 2

Damage = Callable[[GroupTransaction], object]


@pytest.fixture
def damaged(tmp_path: Path) -> Store:
    """A store with one of everything, in database 2, to be damaged."""
    store = Store(tmp_path)
    store.create("other")
    assert store.create("db") == DB
    store.put(DB, "a", "b", "c")
    store.edit(DB, Edit("a", _winner(store, "a"), False, b'{"n":2}', b"j"))
    store.edit(DB, Edit("b", _winner(store, "b"), True, b"{}", b"j"))
    store.replicate(DB, "conflict", rev(1, "a"), body=b'{"a":1}')
    store.replicate(DB, "conflict", rev(1, "b"), body=b'{"b":1}')
    store.replicate(DB, "history", *line(200, 1))
    store.put(DB, LONG, LONG + "y")
    with store.write() as txn:
        state = databases.get_state(txn, DB)
        local.put_local(txn, DB, state, "l", 1, b"{}")
        local.put_local(txn, DB, state, LONG, 1, b"{}")
        local.put_local(txn, DB, state, LONG + "y", 1, b"{}")
        purges.add_purge(txn, DB, state, PurgeInfo("uuid", "z", (rev(1, "a"),)))
        unique_rows.enter_index(txn, DB, state, "_design/u", "v", definition_of(["same"]))
        databases.put_state(txn, DB, state)
    store.put(DB, "twice", "two times", body=b'{"same":1}')
    with store.write() as txn:
        unique_building.build(txn, DB, 1, "1")
    assert store.findings() == []
    return store


def _winner(store: Store, doc_id: str) -> records.Rev:
    with store.read() as txn:
        record = documents.get_record(txn, DB, doc_id)
        assert record is not None
        return record.winner


def findings_after(store: Store, damage: Damage) -> list[str]:
    with store.write() as txn:
        damage(txn)
    return store.findings()


def change_record(doc_id: str, **changes: object) -> Damage:
    """Put a record that says something else."""

    def damage(txn: GroupTransaction) -> None:
        record = documents.get_record(txn, DB, doc_id)
        assert record is not None
        txn.put(txn.tables.docs, short_key(DB, doc_id.encode()), records.encode_record(record._replace(**changes)))

    return damage


def change_state(**changes: int) -> Damage:
    def damage(txn: GroupTransaction) -> None:
        state = databases.get_state(txn, DB)
        for name, value in changes.items():
            setattr(state, name, value)
        databases.put_state(txn, DB, state)

    return damage


def swap_labels(table_name: str) -> Damage:
    """Exchange the values of the two long ids of a group, and so their order."""

    def damage(txn: GroupTransaction) -> None:
        table = getattr(txn.tables, table_name)
        group = keys.group_key(DB, LONG.encode())
        with txn.cursor(table) as cursor:
            found = [item for item in cursor.iternext() if item[0].startswith(group)]
        (first, one), (second, two) = found
        txn.putmulti(table, [(first, two), (second, one)])

    return damage


def shorten_tail(txn: GroupTransaction) -> None:
    record = documents.get_record(txn, DB, "history")
    assert record is not None
    change_record("history", tail=record.tail[24:])(txn)


def put_change(seq: int, value: bytes) -> Damage:
    return lambda txn: txn.put(txn.tables.changes, pack_seq_key(DB, seq), value)


def delete(table_name: str, key: bytes) -> Damage:
    def damage(txn: GroupTransaction) -> None:
        assert txn.delete(getattr(txn.tables, table_name), key)

    return damage


def put(table_name: str, key: bytes, value: bytes) -> Damage:
    return lambda txn: txn.put(getattr(txn.tables, table_name), key, value)


SEQ = {"a": 4, "b": 5, "c": 3, "conflict": 7, "history": 8}
STAMP = pack_stamp(Written(5, "alice"))
UNDATED = STAMP[:9] + bytes([STAMP[9] | 1]) + STAMP[10:]
"""Its last bit of the time has tipped over, so a second time should follow."""
CHAIN_STORED_WHOLE = tree_runs.pack_tree(RevTree({rev(1, "a"): Node(None, 3, False)}))

CASES: list[tuple[str, Damage, str]] = [
    # Documents and their rows in changes
    (
        "a row of changes is lost",
        delete("changes", pack_seq_key(DB, SEQ["c"])),
        "document 'c': has no row 3 in changes",
    ),
    (
        "a row of changes too many",
        put_change(1, rows.encode_change("a", rev(1, "a"), False, 1, 1, ())),
        "row 1 of changes, of 'a', belongs to no document",
    ),
    (
        "a row of changes of another document",
        put_change(SEQ["c"], rows.encode_change("d", rev(1, "a"), False, 3, 3, ())),
        "document 'c': its row 3 in changes is",
    ),
    ("a document is lost", delete("docs", short_key(DB, b"c")), "row 3 of changes, of 'c', belongs to no document"),
    ("a document with the wrong seq", change_record("c", seq=2), "document 'c': has no row 2 in changes"),
    ("two documents with one seq", change_record("c", seq=SEQ["a"]), "its sequence 4 is another document's"),
    ("a document from the future", change_record("c", seq=1000), "its sequence 1000 is another document's, or beyond"),
    ("the wrong winner", change_record("conflict", winner=rev(1, "a")), "document 'conflict': its head says"),
    ("the wrong flag", change_record("conflict", conflicted=False), "document 'conflict': its head says"),
    ("a chain stored whole", change_record("c", whole=CHAIN_STORED_WHOLE), "though it is a chain"),
    ("bytes behind a record", change_record("c", tail=b"x" * 23), "document 'c': its run is not made of whole entries"),
    (
        "a record that cannot be read",
        put("docs", short_key(DB, b"c"), b"\x00"),
        "document 'c': its record cannot be read",
    ),
    ("a tree without a leaf", change_record("conflict", whole=b"\x00" * 4), "its tree has no leaf"),
    ("a long id under the wrong label", swap_labels("docs"), "is out of order, behind"),
    (
        "a short id that says it is long",
        change_record("c", long_id=LONG.encode()),
        "is stored under a key of another id",
    ),
    (
        "a stamp of no leaf",
        change_record("conflict", stamp=pack_rows({6: STAMP, 7: STAMP, 99: STAMP})),
        "stamps of [99]",
    ),
    (
        "stamps out of order",
        change_record("conflict", stamp=pack_rows({7: STAMP}) + pack_rows({6: STAMP})),
        "document 'conflict': its stamps are not in order",
    ),
    (
        "a stamp that is longer than it is",
        change_record("c", stamp=b"\x00\xff" + STAMP[2:]),
        "document 'c': its stamps of [3] are damaged",
    ),
    (
        "a stamp that has lost its until",
        change_record("conflict", stamp=pack_rows({6: STAMP, 7: UNDATED})),
        "document 'conflict': its stamps of [7] are damaged",
    ),
    ("a stamp of no name", change_record("c", stamp=STAMP[:-1] + b"\xff"), "document 'c': its record cannot be read"),
    # Bodies
    ("a leaf without its body", delete("bodies", pack_seq_key(DB, SEQ["c"])), "document 'c': its leaf"),
    ("a losing leaf without its body", delete("bodies", pack_seq_key(DB, 6)), "has no body 6"),
    ("a body of no revision", put("bodies", pack_seq_key(DB, 9999), b"{}"), "body 9999 belongs to no revision"),
    (
        "a body of another length",
        put("bodies", pack_seq_key(DB, 3), b'{"x":1}'),
        "its body 3 has 7 bytes, its head says 2",
    ),
    ("a body that is no JSON", put("bodies", pack_seq_key(DB, 3), b"no"), "body 3 is neither JSON text nor"),
    (
        "two revisions with one body",
        change_record("c", body_seq=SEQ["a"]),
        "document 'c': its body 4 is another revision's",
    ),
    # Runs
    (
        "a chunk is lost",
        delete("runs", keys.pack_run_key(DB, SEQ["history"], 1)),
        "document 'history': lacks chunks of its run 8",
    ),
    (
        "a chunk of nobody",
        put("runs", keys.pack_run_key(DB, 999, 0), b"x" * 24),
        "chunk 0 of run 999 belongs to no document",
    ),
    (
        "a chunk of the wrong length",
        put("runs", keys.pack_run_key(DB, SEQ["history"], 1), b"x" * 24),
        "have the wrong length",
    ),
    (
        "a chunk of half entries",
        put("runs", keys.pack_run_key(DB, SEQ["history"], 0), b"x" * 25),
        "is not made of whole entries",
    ),
    ("a lost entry", shorten_tail, "document 'history': has 199 ancestors, its run 198"),
    ("more ancestors than generations", change_record("a", owner=4, live=5), "document 'a': its record cannot be read"),
    (
        "a shared run",
        change_record("a", winner=rev(200, "x"), owner=SEQ["history"], live=199, tail=b"x" * 24 * 72),
        "shares 2 chunks of its run 8",
    ),
    # Conflicts
    (
        "a conflict not entered",
        delete("conflicts", short_key(DB, b"conflict")),
        "row b'conflict' of conflicts is missing",
    ),
    (
        "a conflict of nobody",
        put("conflicts", short_key(DB, b"c"), rows.encode_count(2)),
        "row b'c' of conflicts belongs to no",
    ),
    (
        "a conflict with the wrong count",
        put("conflicts", short_key(DB, b"conflict"), rows.encode_count(3)),
        "has 3 live leaves, there are 2",
    ),
    # Counts
    (
        "a block with the wrong count",
        put("doc_counts", prefix(DB), rows.encode_doc_count(DocCount(1, 9))),
        "doc_counts from b'': has 1 of 9",
    ),
    ("a lost block", delete("doc_counts", prefix(DB)), "doc_counts from b'': is missing"),
    (
        "a block too many",
        put("doc_counts", short_key(DB, b"zz"), rows.encode_doc_count(DocCount(1, 1))),
        "doc_counts from b'zz': has 1 of 1",
    ),
    (
        "a block of sequences with the wrong count",
        put("seq_counts", pack_seq_key(DB, 0), rows.encode_count(99)),
        "seq_counts from 0: has 99",
    ),
    ("a lost block of sequences", delete("seq_counts", pack_seq_key(DB, 0)), "seq_counts from 0: has None"),
    # Counters
    ("doc_count", change_state(doc_count=1), "doc_count is 1, counted 8"),
    ("doc_del_count", change_state(doc_del_count=5), "doc_del_count is 5, counted 1"),
    ("conflict_count", change_state(conflict_count=0), "conflict_count is 0, counted 1"),
    ("file_size", change_state(file_size=1), "file_size is 1, counted"),
    ("active_size", change_state(active_size=1), "active_size is 1, counted"),
    ("external_size", change_state(external_size=1), "external_size is 1, counted"),
    ("update_seq", change_state(update_seq=7), "its sequence 8 is another document's, or beyond the update sequence"),
    ("purge_seq", change_state(purge_seq=0), "purge 1 is beyond the purge sequence 0"),
    # Local documents and purges
    ("a local document out of order", swap_labels("local"), "is out of order, behind"),
    (
        "a local document that says it is long",
        put("local", short_key(DB, b"l"), rows.encode_local(LocalRow(1, b"{}", LONG.encode()))),
        "is stored under a key of another id",
    ),
    (
        "a purge without its uuid",
        delete("purge_ids", keys.purge_id_key(DB, b"uuid")),
        "purge 1 is not found by its uuid uuid",
    ),
    ("a uuid without its purge", delete("purges", pack_seq_key(DB, 1)), "purge uuid uuid names no purge"),
    (
        "a purge that cannot be read",
        put("purges", pack_seq_key(DB, 1), b"\xc1"),
        "the check ended at a row that cannot be read",
    ),
    # The store as a whole
    ("a database without counters", delete("states", prefix(DB)), "there is no row of counters (database 2)"),
    (
        "a database with another name",
        put("properties", keys.property_key(DB, keys.PROPERTY_NAME), b"no"),
        "its property 'name' is b'no'",
    ),
    ("a name is lost", delete("databases", b"db"), "has rows of database 2, which has no name and no pending sweep"),
    (
        "a sweep is lost",
        put("bodies", pack_seq_key(77, 1), b"{}"),
        "table bodies: has rows of database 77, which has no name",
    ),
    ("a sweep of a database with a name", put("sweeps", prefix(DB), b"db"), "db: is to be swept (database 2)"),
    (
        "two names with one number",
        put("databases", b"zz", rows.encode_database(rows.DatabaseRow(DB, "00" * 16, 1, 1))),
        "zz: has the number 2, as db has",
    ),
    (
        "a number not given out yet",
        put("meta", keys.META_NEXT_DATABASE, rows.encode_number(2)),
        "which is yet to be given out",
    ),
]


@pytest.mark.parametrize(("damage", "finding"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_every_damage_is_found(damaged: Store, damage: Damage, finding: str) -> None:
    found = findings_after(damaged, damage)
    assert any(finding in line for line in found), found


def test_every_block_is_checked(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    db = store.create()
    ids = [f"d{number}" for number in range(20)]
    store.put(db, *ids)
    assert store.findings() == []
    monkeypatch.setattr(counted, "BLOCK_MEAN", 2)
    first = next(doc_id for doc_id in sorted(ids) if counted.begins_block(doc_id.encode()))
    found = store.findings()
    assert any(line.startswith(f"db: doc_counts from b'{first}': is missing") for line in found)
    monkeypatch.undo()


def test_damage_in_one_database_hides_nothing_in_another(damaged: Store) -> None:
    with damaged.write() as txn:
        state = databases.get_state(txn, 1)
        state.doc_count = 5
        databases.put_state(txn, 1, state)
        txn.put(txn.tables.purges, pack_seq_key(DB, 1), b"\xc1")
    found = damaged.findings()
    assert "other: doc_count is 5, counted 0" in found
    assert any(line.startswith("db: the check ended") for line in found)


def test_many_findings_of_a_kind_are_summed_up(damaged: Store) -> None:
    def damage(txn: GroupTransaction) -> None:
        for seq in range(5000, 5000 + check_database.MAX_LISTED + 7):
            txn.put(txn.tables.bodies, pack_seq_key(DB, seq), b"{}")

    found = findings_after(damaged, damage)
    assert "db: and 7 more of this kind: body without a revision" in found


def test_the_check_sees_one_snapshot_beside_a_writer(store: Store) -> None:
    db = store.create()
    store.put(db, *(f"d{number}" for number in range(100)))
    with store.read() as txn:
        findings = check(txn)
        store.put(db, "later")
        assert list(findings) == []


def test_a_chunk_lost_between_others_is_found(store: Store) -> None:
    db = store.create()
    store.replicate(db, "a", *line(300, 1))
    with store.write() as txn:
        key = keys.pack_run_key(db, 1, 1)
        chunk = txn.get(txn.tables.runs, key)
        assert chunk is not None
        txn.delete(txn.tables.runs, key)
    assert "db: document 'a': lacks 1 of the 4 chunks of its run 1" in store.findings()
    with store.write() as txn:
        txn.put(txn.tables.runs, key, chunk)


@pytest.mark.parametrize("seed", range(40))
def test_no_damage_stops_the_check_with_an_error(damaged: Store, seed: int) -> None:
    generator = random.Random(seed)
    with damaged.write() as txn:
        for _ in range(5):
            name, table = generator.choice(txn.tables.of_database())
            with txn.cursor(table) as cursor:
                key, value = generator.choice(list(cursor.iternext()))
            if not value:
                continue
            place = generator.randrange(len(value))
            flipped = value[place] ^ 1 << generator.randrange(8)
            cut = value[:place] + bytes((flipped,)) + (value[place + 1 :] if generator.random() < 0.8 else b"")
            txn.put(getattr(txn.tables, name), key, cut)
    assert damaged.findings() is not None


def test_a_set_of_sequences_takes_each_once_and_none_beyond() -> None:
    seqs = SeqSet(100_000)
    assert seqs.add(100_000)
    assert not seqs.add(100_000)
    assert not seqs.add(100_001)
    assert seqs.add(7)
    assert [seq for seq in range(100_010) if seqs.has(seq)] == [7, 100_000]


def test_a_new_state_counts_nothing() -> None:
    assert DatabaseState().file_size == 0
