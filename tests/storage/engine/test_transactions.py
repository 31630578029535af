"""How reads and writes reach LMDB."""

from collections.abc import Iterator
from pathlib import Path

import lmdb
import pytest

from docstore.settings import Durability, StorageSettings
from docstore.storage.engine.environment import Environment
from docstore.storage.engine.transactions import GroupTransaction
from docstore.storage.tables import ReadTransaction, WriteTransaction

ROWS = [(b"%02d" % number, b"value %d" % number) for number in range(10)]


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[Environment]:
    with Environment.open(tmp_path, StorageSettings(durability=Durability.NONE)) as opened:
        yield opened


@pytest.fixture
def writing(environment: Environment) -> Iterator[GroupTransaction]:
    transaction = environment.begin_write()
    yield transaction
    transaction.transaction.abort()


def read_all(transaction: ReadTransaction) -> None:
    docs = transaction.tables.docs
    assert transaction.get(docs, b"03") == b"value 3"
    assert transaction.get(docs, b"nothing") is None
    assert transaction.getmulti(docs, [b"01", b"nothing", b"05"]) == [ROWS[1], ROWS[5]]
    assert transaction.getmulti(docs, []) == []
    with transaction.cursor(docs) as cursor:
        assert list(cursor) == ROWS
    assert all(type(part) is bytes for row in ROWS for part in row)


def write_all(transaction: WriteTransaction) -> None:
    docs = transaction.tables.docs
    transaction.putmulti(docs, ROWS[:5])
    transaction.putmulti(docs, ROWS[5:], append=True)
    transaction.put(docs, b"extra", b"")
    assert transaction.get(docs, b"extra") == b""
    assert transaction.delete(docs, b"extra")
    assert not transaction.delete(docs, b"extra")
    transaction.putmulti(docs, [(b"x", b"1"), (b"y", b"2")])
    assert transaction.deletemulti(docs, [b"x", b"y", b"z"]) == 2


def test_both_kinds_read_what_was_written(environment: Environment, writing: GroupTransaction) -> None:
    write_all(writing)
    read_all(writing)
    txnid = writing.txnid
    writing.transaction.commit()
    with environment.snapshot() as snapshot:
        read_all(snapshot)
        assert snapshot.txnid == txnid
        assert snapshot.raw_get(b"03", None, snapshot.tables.docs) == b"value 3"


def test_an_append_that_is_not_beyond_the_end_is_refused(writing: GroupTransaction) -> None:
    docs = writing.tables.docs
    writing.put(docs, b"m", b"1")
    with pytest.raises(lmdb.KeyExistsError, match="not beyond"):
        writing.putmulti(docs, [(b"n", b"2"), (b"a", b"3")], append=True)


def test_tables_are_apart(writing: GroupTransaction) -> None:
    writing.put(writing.tables.docs, b"key", b"1")
    assert writing.get(writing.tables.bodies, b"key") is None
