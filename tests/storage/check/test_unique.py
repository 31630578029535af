"""The check of unique indexes finds what is damaged in them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from docstore.core.unique.definition import definition_of
from docstore.core.unique.rule import key_of
from docstore.storage import databases, keys
from docstore.storage.documents import unique_building, unique_rows
from docstore.storage.documents.documents import get_record
from docstore.storage.engine.transactions import GroupTransaction
from docstore.storage.keys import pack_index_key, pack_unique_key
from tests.storage.stores import Store

KEY = key_of([1])
ALONE = key_of([2])


@pytest.fixture
def indexed(tmp_path: Path) -> Store:
    """Database 1 with a finished index: ``a`` and ``b`` have 1, ``c`` has 2."""
    store = Store(tmp_path)
    db = store.create()
    for name, value in (("a", b"1"), ("b", b"1"), ("c", b"2"), ("d", b"")):
        store.put(db, name, body=b'{"n":%b}' % value if value else b"{}")
    with store.write() as txn:
        state = databases.get_state(txn, db)
        unique_rows.enter_index(txn, db, state, "_design/u", "v", definition_of(["n"]))
        databases.put_state(txn, db, state)
        unique_building.build(txn, db, 1, "1")
    assert store.findings() == []
    return store


def seq_of(txn: GroupTransaction, doc_id: str) -> int:
    record = get_record(txn, 1, doc_id)
    assert record is not None
    return record.body_seq


def lose(txn: GroupTransaction) -> None:
    txn.delete(txn.tables.unique_keys, pack_unique_key(1, 1, ALONE, seq_of(txn, "c")))


def take(txn: GroupTransaction) -> None:
    txn.put(txn.tables.unique_keys, pack_unique_key(1, 1, ALONE, seq_of(txn, "c")), b"d")


def add(txn: GroupTransaction) -> None:
    txn.put(txn.tables.unique_keys, pack_unique_key(1, 1, ALONE, 77), b"d")


def lose_duplicate(txn: GroupTransaction) -> None:
    txn.delete(txn.tables.unique_duplicates, pack_index_key(1, 1) + KEY)


def add_duplicate(txn: GroupTransaction) -> None:
    txn.put(txn.tables.unique_duplicates, pack_index_key(1, 1) + ALONE, b"")


def miscount(txn: GroupTransaction) -> None:
    index = unique_rows.find_index(txn, 1, 1)
    assert index is not None
    index.duplicates = 2
    unique_rows.put_index(txn, 1, databases.get_state(txn, 1), index)


def lose_index(txn: GroupTransaction) -> None:
    txn.delete(txn.tables.unique_indexes, pack_index_key(1, 1))


def forget(txn: GroupTransaction) -> None:
    state = databases.get_state(txn, 1)
    state.unique = 0
    databases.put_state(txn, 1, state)


@pytest.mark.parametrize(
    ("damage", "finding"),
    [
        (lose, "document 'c': its body 3 has no key in the unique index v"),
        (take, "document 'c': its body 3 has no key in the unique index v"),
        (add, "unique index v: has 4 keys, the documents have 3"),
        (lose_duplicate, "unique index v: b'a' and b'b' are no duplicates in its table"),
        (add_duplicate, "unique index v: has 2 duplicates, says 1, there are 1"),
        (miscount, "unique index v: has 1 duplicates, says 2, there are 1"),
        (lose_index, "table unique_keys: has rows of the unique index 1, which is not there"),
        (forget, "unique is 0, counted 1"),
    ],
)
def test_damage_is_found(indexed: Store, damage: Callable[[GroupTransaction], None], finding: str) -> None:
    with indexed.write() as txn:
        damage(txn)
    assert f"db: {finding}" in indexed.findings()


def test_of_an_index_that_is_built_documents_may_be_to_come(indexed: Store) -> None:
    with indexed.write() as txn:
        state = databases.get_state(txn, 1)
        unique_rows.enter_index(txn, 1, state, "_design/u", "w", definition_of(["n"]))
        databases.put_state(txn, 1, state)
    assert indexed.findings() == []
    with indexed.write() as txn:
        index = unique_rows.find_index(txn, 1, 2)
        assert index is not None
        index.position = 2
        unique_rows.put_index(txn, 1, databases.get_state(txn, 1), index)
    found = indexed.findings()
    assert "db: document 'a': its body 1 has no key in the unique index w" in found
    assert not any("'c'" in finding for finding in found)


def test_a_store_without_the_tables_is_all_right(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.create()
    with store.read() as txn:
        without = [name for name, _ in txn.tables.of_database()]
    assert without[-3:] == [name.decode() for name in keys.DATABASE_TABLE_NAMES[-3:]]
