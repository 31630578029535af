"""The repair: whatever follows from other rows comes back as it was, and what a database is stays as it is."""

import hashlib
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from docstore.core.attachment import Attachment, pack_attachments
from docstore.core.edit import Edit
from docstore.storage import databases, keys, rows
from docstore.storage.attachments.blob_rows import BlobRow, BlobState, encode_blob
from docstore.storage.documents import local, purges, records
from docstore.storage.documents.documents import get_record
from docstore.storage.documents.purges import PurgeInfo
from docstore.storage.engine.transactions import GroupTransaction
from docstore.storage.keys import pack_seq_key, prefix, short_key
from docstore.storage.repair.store import LEFT, repair
from tests.storage.stores import Store, line, rev

LONG = "x" * 500
DB = 2
DERIVED = ("changes", "conflicts", "doc_counts", "seq_counts", "purge_ids")
BYTES = 7


def made(folder: Path) -> Store:
    """A store with one of everything that documents come to."""
    store = Store(folder)
    store.create("other")
    assert store.create("db") == DB
    store.put(DB, *(f"d{number}" for number in range(60)), LONG, LONG + "y")
    with store.read() as txn:
        record = get_record(txn, DB, "d1")
        assert record is not None
    store.edit(DB, Edit("d1", record.winner, True, b"{}", b"j"))
    store.replicate(DB, "conflict", rev(1, "a"), body=b'{"a":1}')
    store.replicate(DB, "conflict", rev(1, "b"), body=b'{"b":1}')
    store.replicate(DB, "history", *line(200, 1))
    with store.write() as txn:
        state = databases.get_state(txn, DB)
        local.put_local(txn, DB, state, "l", 1, b"{}")
        purges.add_purge(txn, DB, state, PurgeInfo("uuid", "z", (rev(1, "a"),)))
        databases.put_state(txn, DB, state)
    assert store.findings() == []
    return store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return made(tmp_path)


def contents(store: Store) -> dict[str, dict[bytes, bytes]]:
    """Every row of every table."""
    with store.read() as txn:
        found = {}
        for name in keys.TABLE_NAMES:
            with txn.cursor(getattr(txn.tables, name.decode())) as cursor:
                found[name.decode()] = dict(cursor.iternext())
        return found


def repaired(store: Store) -> list[str]:
    with store.write() as txn:
        return list(repair(txn))


def test_a_sound_store_stays_as_it_is(store: Store) -> None:
    before = contents(store)
    assert repaired(store) == []
    assert contents(store) == before


def spoil(txn: GroupTransaction, table_name: str, chosen: random.Random) -> None:
    """Take a row away, put one too many, or change one."""
    table = getattr(txn.tables, table_name)
    with txn.cursor(table) as cursor:
        present = [(key, value) for key, value in cursor.iternext() if key.startswith(prefix(DB))]
    if not present:
        return
    key, value = chosen.choice(present)
    what = chosen.choice(("take", "change", "add"))
    if what == "take":
        txn.delete(table, key)
    elif what == "change" and value:
        txn.put(table, key, chosen.randbytes(len(value)))
    else:
        txn.put(table, key + b"!" if table_name in ("conflicts", "purge_ids") else pack_seq_key(DB, 999_999), value)


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32), count=st.integers(1, 6))
def test_what_follows_from_documents_comes_back_as_it_was(
    seed: int, count: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    store = made(tmp_path_factory.mktemp("store"))
    before = contents(store)
    chosen = random.Random(seed)
    with store.write() as txn:
        for _ in range(count):
            spoil(txn, chosen.choice(DERIVED), chosen)
    damaged = store.findings()
    told = repaired(store)
    assert bool(told) == bool(damaged)
    assert store.findings() == []
    assert contents(store) == before
    store.environment.close()


@pytest.mark.parametrize("damage", ["missing", "short", "wrong"])
def test_counters(store: Store, damage: str) -> None:
    with store.write() as txn:
        state = databases.get_state(txn, DB)
        if damage == "missing":
            txn.delete(txn.tables.states, prefix(DB))
        elif damage == "short":
            txn.put(txn.tables.states, prefix(DB), b"12")
        else:
            state.doc_count, state.file_size, state.external_size, state.update_seq = 1, 2, 3, 4
            databases.put_state(txn, DB, state)
    before = store.findings()
    assert before
    told = repaired(store)
    assert any("counters" in one for one in told)
    assert store.findings() == []


def test_a_row_of_a_document_that_cannot_be_read_is_left_with_all_that_may_be_its(store: Store) -> None:
    with store.write() as txn:
        key = short_key(DB, b"history")
        txn.put(txn.tables.docs, key, txn.get(txn.tables.docs, key)[:30])
        txn.delete(txn.tables.conflicts, short_key(DB, b"conflict"))
    before = contents(store)
    told = repaired(store)
    assert LEFT in told
    after = contents(store)
    for table in ("docs", "bodies", "runs", "local", "purges", "properties"):
        assert after[table] == before[table]
    assert set(before["changes"]) <= set(after["changes"])
    assert short_key(DB, b"conflict") in after["conflicts"]
    assert any("'history': its record cannot be read" in one for one in store.findings())


def test_what_belongs_to_nothing_goes(store: Store) -> None:
    before = contents(store)
    with store.write() as txn:
        txn.put(txn.tables.bodies, pack_seq_key(DB, 77_777), b"{}")
        txn.put(txn.tables.runs, keys.pack_run_key(DB, 3, 3), b"12")
        txn.put(txn.tables.changes, pack_seq_key(DB, 77_777), b"12")
    assert len(repaired(store)) >= 3
    assert contents(store) == before


def test_the_name_of_a_database(store: Store) -> None:
    before = contents(store)
    with store.write() as txn:
        txn.delete(txn.tables.properties, keys.property_key(DB, keys.PROPERTY_NAME))
    assert "db: its property 'name' is made anew" in repaired(store)
    assert contents(store) == before


def attached(store: Store) -> dict[str, dict[bytes, bytes]]:
    """A blob that two bodies name, one that nothing does, one that a staging holds."""
    data = b"bytes"
    sha256, md5 = hashlib.sha256(data).digest(), hashlib.md5(data, usedforsecurity=False).digest()
    metadata = pack_attachments([Attachment("a", "text/plain", md5, len(data), len(data), None, 1, BYTES)])
    with store.write() as txn:
        for number, references in ((BYTES, 2), (BYTES + 1, 0)):
            row = BlobRow(BlobState.SEALED, references, 0, len(data), sha256, md5)
            if number != BYTES:
                other = hashlib.sha256(b"other").digest()
                row = BlobRow(BlobState.SEALED, 0, 0, 5, other, hashlib.md5(b"other", usedforsecurity=False).digest())
                txn.put(txn.tables.garbage, keys.pack_blob_key(number), b"")
            txn.put(txn.tables.blob_refs, keys.pack_blob_key(number), encode_blob(row))
            txn.put(txn.tables.digests, keys.pack_digest_key(row.sha256, row.length), rows.encode_number(number))
            txn.put(txn.tables.blobs, keys.pack_chunk_key(number, 0), data if number == BYTES else b"other")
        txn.put(txn.tables.meta, keys.META_NEXT_BLOB, rows.encode_number(BYTES + 2))
        for doc_id in ("d3", "d4"):
            record = get_record(txn, DB, doc_id)
            assert record is not None
            key = pack_seq_key(DB, record.body_seq)
            body = rows.encode_body(txn.get(txn.tables.bodies, key) or b"", metadata)
            txn.put(txn.tables.bodies, key, body)
            grown = record._replace(body_size=len(body))
            txn.put(txn.tables.docs, short_key(DB, doc_id.encode()), records.encode_record(grown))
    repaired(store)
    assert store.findings() == []
    return contents(store)


@pytest.mark.parametrize("damage", ["counts", "digest", "garbage", "no garbage"])
def test_attachments(store: Store, damage: str) -> None:
    before = attached(store)
    with store.write() as txn:
        key = keys.pack_blob_key(BYTES)
        if damage == "counts":
            value = txn.get(txn.tables.blob_refs, key)
            assert value is not None
            txn.put(txn.tables.blob_refs, key, value[:1] + (99).to_bytes(8) + value[9:])
        elif damage == "digest":
            txn.transaction.drop(txn.tables.digests, delete=False)
        elif damage == "garbage":
            txn.put(txn.tables.garbage, key, b"")
        else:
            txn.transaction.drop(txn.tables.garbage, delete=False)
    assert store.findings()
    assert repaired(store)
    assert contents(store) == before
