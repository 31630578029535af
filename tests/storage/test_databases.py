"""Names, numbers, counters and properties of databases."""

import pytest

from docstore.errors import DatabaseExists, DatabaseNotFound, StorageFull
from docstore.storage import databases, keys, rows
from docstore.storage.documents import compaction
from tests.storage.stores import UUID, Store


def test_a_new_database_has_a_number_and_its_limits(store: Store) -> None:
    number = store.create("a/b", revs_limit=7)
    with store.read() as txn:
        row = databases.get_database(txn, "a/b")
        assert row == (number, UUID, 1, 2, False)
        state = databases.get_state(txn, number)
        assert (state.update_seq, state.doc_count, state.revs_limit, state.purged_infos_limit) == (0, 0, 7, 1000)
        assert state.file_size == state.active_size > 0
        assert databases.get_database(txn, "a") is None


def test_a_name_is_taken_once(store: Store) -> None:
    store.create("a")
    with pytest.raises(DatabaseExists):
        store.create("a")


def test_names_are_listed_in_order(store: Store) -> None:
    for name in ("b", "a", "a_1", "a-1"):
        store.create(name)
    with store.read() as txn:
        assert [name for name, _ in databases.list_databases(txn)] == ["a", "a-1", "a_1", "b"]
        assert [name for name, _ in databases.list_databases(txn, "a_")] == ["a_1", "b"]


def test_a_number_is_never_used_again(store: Store) -> None:
    first = store.create("a")
    with store.write() as txn:
        assert databases.delete_database(txn, "a") == first
        assert databases.pending_sweeps(txn) == [first]
    second = store.create("a")
    assert second > first
    with store.write() as txn:
        assert compaction.sweep(txn, first)
        assert databases.pending_sweeps(txn) == []
        with pytest.raises(DatabaseNotFound):
            databases.get_state(txn, first)


def test_what_is_not_there_cannot_be_deleted(store: Store) -> None:
    with store.write() as txn, pytest.raises(DatabaseNotFound):
        databases.delete_database(txn, "a")


def test_properties_are_set_over_and_accounted_for(store: Store) -> None:
    db = store.create()
    before = store.state(db).file_size
    for value in (b'{"admins":{}}', b"{}", b'{"members":{"names":[]}}'):
        with store.write() as txn:
            state = databases.get_state(txn, db)
            databases.set_property(txn, db, state, keys.PROPERTY_SECURITY, value)
            databases.put_state(txn, db, state)
        with store.read() as txn:
            assert databases.get_property(txn, db, keys.PROPERTY_SECURITY) == value
        key = keys.property_key(db, keys.PROPERTY_SECURITY)
        assert store.state(db).file_size == before + len(key) + len(value)
        assert store.findings() == []
    with store.read() as txn:
        assert databases.get_property(txn, db, keys.PROPERTY_PROPS) is None


def test_when_the_numbers_are_used_up_no_database_is_made(store: Store) -> None:
    with store.write() as txn:
        txn.put(txn.tables.meta, keys.META_NEXT_DATABASE, rows.encode_number(keys.MAX_NUMBER))
    assert store.create("last") == keys.MAX_NUMBER
    store.put(keys.MAX_NUMBER, "a")
    with pytest.raises(StorageFull):
        store.create("more")
