"""Local documents: beside the others, never among them."""

from docstore.storage import databases
from docstore.storage.documents import local, scans
from docstore.storage.rows import LocalRow
from tests.storage.stores import Store

LONG = "x" * 600


def put(store: Store, db: int, doc_id: str, number: int, body: bytes = b"{}") -> None:
    with store.write() as txn:
        state = databases.get_state(txn, db)
        local.put_local(txn, db, state, doc_id, number, body)
        databases.put_state(txn, db, state)


def delete(store: Store, db: int, doc_id: str) -> bool:
    with store.write() as txn:
        state = databases.get_state(txn, db)
        there = local.delete_local(txn, db, state, doc_id)
        databases.put_state(txn, db, state)
        return there


def test_a_local_document_is_written_over_and_removed(store: Store) -> None:
    db = store.create()
    empty = store.state(db)
    for doc_id in ("a", LONG):
        for number, body in ((1, b"{}"), (2, b'{"last_seq":5}'), (1, b'{"x":1}')):
            put(store, db, doc_id, number, body)
            with store.read() as txn:
                assert local.get_local(txn, db, doc_id) == LocalRow(
                    number, body, b"" if doc_id == "a" else LONG.encode()
                )
            assert store.findings() == []
    assert delete(store, db, "a")
    assert delete(store, db, LONG)
    assert not delete(store, db, "a")
    assert not delete(store, db, LONG)
    assert store.state(db) == empty


def test_local_documents_are_not_among_the_documents(store: Store) -> None:
    db = store.create()
    put(store, db, "a", 1)
    with store.read() as txn:
        assert list(scans.scan_documents(txn, db)) == list(scans.scan_changes(txn, db)) == []
        assert databases.get_state(txn, db).doc_count == 0


def test_they_are_listed_by_id_in_both_directions(store: Store) -> None:
    other, db = store.create("other"), store.create("db")
    put(store, other, "a", 1)
    ids = ["a", "b", LONG, LONG + "y", "z"]
    for doc_id in reversed(ids):
        put(store, db, doc_id, 1)

    def listed(**options: object) -> list[str]:
        with store.read() as txn:
            return [doc_id for doc_id, _ in local.scan_local(txn, db, **options)]

    assert listed() == ids
    assert listed(descending=True) == ids[::-1]
    assert listed(start="b", end=LONG) == ["b", LONG]
    assert listed(start="b", end=LONG, inclusive_end=False) == ["b"]
    assert listed(start=LONG + "y", end="b", descending=True) == [LONG + "y", LONG, "b"]
    assert listed(start=LONG + "y", end="b", descending=True, inclusive_end=False) == [LONG + "y", LONG]


def test_many_long_ids_share_their_beginning(store: Store) -> None:
    db = store.create()
    ids = [LONG, *(LONG + "\x00" * count for count in range(60, 0, -1))]
    for doc_id in ids:
        put(store, db, doc_id, 1)
    with store.read() as txn:
        assert [doc_id for doc_id, _ in local.scan_local(txn, db)] == sorted(ids)
