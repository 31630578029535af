"""The open tables: all of them, each under its own name."""

from dataclasses import fields
from pathlib import Path

import lmdb
import pytest

from docstore.storage import keys
from docstore.storage.tables import Tables
from tests.storage.stores import Store


def test_there_is_a_handle_for_every_table_in_the_order_of_the_names() -> None:
    assert [field.name.encode() for field in fields(Tables)] == list(keys.TABLE_NAMES)


def test_the_tables_of_a_database_are_those_whose_keys_begin_with_its_number(store: Store) -> None:
    assert [name.encode() for name, _ in store.tables.of_database()] == list(keys.DATABASE_TABLE_NAMES)
    with store.write() as txn:
        for name, table in txn.tables.of_database():
            txn.put(table, b"key", name.encode())
        for name, _ in txn.tables.of_database():
            assert txn.get(getattr(txn.tables, name), b"key") == name.encode()
        for _, table in txn.tables.of_database():
            txn.delete(table, b"key")


def test_a_missing_table_is_not_made_unless_asked_for(tmp_path: Path) -> None:
    with lmdb.open(str(tmp_path / "docs.mdb"), subdir=False, max_dbs=keys.MAX_TABLES) as environment:
        with pytest.raises(lmdb.NotFoundError):
            Tables.open(environment, create=False)
        Tables.open(environment)
        Tables.open(environment, create=False)


@pytest.mark.parametrize("name", sorted(keys.TABLE_NAMES))
def test_only_later_tables_may_be_missing(tmp_path: Path, name: bytes) -> None:
    with lmdb.open(str(tmp_path / "docs.mdb"), subdir=False, max_dbs=keys.MAX_TABLES) as environment:
        tables = Tables.open(environment)
        assert tables.have_replies
        assert tables.have_expiries
        assert tables.have_unique
        table = environment.open_db(name, create=False)
        with environment.begin(write=True) as transaction:
            transaction.drop(table)
    with lmdb.open(str(tmp_path / "docs.mdb"), subdir=False, max_dbs=keys.MAX_TABLES) as environment:
        if name not in keys.LATER_TABLE_NAMES:
            with pytest.raises(lmdb.NotFoundError):
                Tables.open(environment, create=False)
            return
        tables = Tables.open(environment, create=False)
        assert tables.have_replies == (not name.startswith(b"repl"))
        assert tables.have_expiries == (name != keys.EXPIRIES)
        assert tables.have_unique == (not name.startswith(b"unique"))
        assert name.decode() not in dict(tables.of_database())
        with environment.begin() as transaction, pytest.raises(TypeError):
            transaction.get(b"key", db=getattr(tables, name.decode()))
