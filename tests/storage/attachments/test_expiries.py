"""What expires is found by its expiry, and the table that says so always agrees with the rows."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import lmdb
import pytest

from docstore.core.rev import Rev
from docstore.settings import GIB, StorageSettings
from docstore.storage import databases, keys
from docstore.storage.attachments import expiries, staging, uploads
from docstore.storage.attachments.blob_rows import StagingRow
from docstore.storage.attachments.expiries import Kind
from docstore.storage.attachments.upload_rows import Refusal, UploadRow
from docstore.storage.check.store import check
from docstore.storage.engine.data_file import DATA_FILE
from docstore.storage.engine.environment import Environment
from docstore.storage.engine.transactions import GroupTransaction
from docstore.storage.tables import Tables
from tests.storage.blob_bytes import whole
from tests.storage.stores import Store

SETTINGS = StorageSettings()
UUIDS = [bytes([number]) * 16 for number in range(6)]


def found(txn: GroupTransaction, kind: Kind, until: int | None = None) -> list[bytes]:
    return list(expiries.find(txn, kind, until))


def upload_row(expires: int) -> UploadRow:
    return UploadRow("doc", "a", "image/png", None, expires)


def test_only_what_is_over_is_found_first_ones_first(store: Store) -> None:
    db = store.create()
    with store.write() as txn:
        for uuid, expires in zip(UUIDS, (50, 10, 40, 20, 30, 60), strict=True):
            uploads.begin(txn, db, uuid, upload_row(expires))
        assert uploads.find_expired(txn, 9) == []
        assert uploads.find_expired(txn, 40) == [(db, UUIDS[place]) for place in (1, 3, 4, 2)]
        assert uploads.find_expired(txn, 40, limit=2) == [(db, UUIDS[place]) for place in (1, 3)]


def test_of_leases_those_that_end_with_the_process_are_found_without_the_others(store: Store) -> None:
    with store.write() as txn:
        kept = staging.begin(txn, StagingRow(5, 0, resumable=True))
        lost = staging.begin(txn, StagingRow(9, 0))
        assert found(txn, Kind.TRANSIENT) == [keys.pack_blob_key(lost)]
        assert found(txn, Kind.RESUMABLE) == [keys.pack_blob_key(kept)]
        assert staging.find_expired(txn, 4) == []
        assert staging.find_expired(txn, 4, all_transient=True) == [lost]
        assert staging.find_expired(txn, 9) == [lost, kept]


def step_of(dice: random.Random, txn: GroupTransaction, db: int, now: int) -> None:
    """Something that happens to a lease or an upload."""
    uuid = dice.choice(UUIDS)
    row = uploads.find_upload(txn, db, uuid)
    if row is None:
        uploads.begin(txn, db, uuid, upload_row(now + dice.randrange(9)))
        return
    number = staging.stage_whole(txn, [whole(dice.randbytes(2)) for _ in range(2)], now + 5)[0].staging
    sent = whole(b"abc" * (row.offset // 3))
    receiving: list[Callable[[], object]] = [
        lambda: uploads.append(txn, db, uuid, uploads.bytes_there(txn, row), b"abc", now + dice.randrange(9)),
        lambda: uploads.set_length(txn, db, uuid, row.offset),
        lambda: uploads.seal(txn, db, uuid, row.offset, sent.sha256, sent.md5),
        lambda: uploads.adopt(txn, db, uuid, row.offset, number),
    ]
    steps: list[Callable[[], object]] = [
        lambda: uploads.cancel(txn, db, uuid),
        lambda: uploads.refuse(txn, db, uuid, Refusal("conflict", "it was")),
        lambda: (
            uploads.complete(txn, db, uuid, None, Rev(1, b"x" * 16), now + 9),
            staging.release(txn, [row.staging]),
        ),
        lambda: uploads.expire(txn, uploads.find_expired(txn, now), now),
        lambda: staging.expire(txn, staging.find_expired(txn, now), now),
        lambda: staging.expire(txn, staging.find_expired(txn, now, all_transient=True), now, all_transient=True),
        lambda: uploads.sweep(txn, db, limit=2),
        lambda: staging.release(txn, [number]),
    ]
    dice.choice(steps + (receiving * 3 if row.state == 0 else []))()


@pytest.mark.parametrize("seed", range(8))
def test_after_every_step_the_entries_are_those_of_the_rows(store: Store, seed: int) -> None:
    dice = random.Random(seed)
    db = store.create()
    for now in range(60):
        with store.write() as txn:
            step_of(dice, txn, db, now)
            wanted = sorted(expiries.entries_of(txn))
            with txn.cursor(txn.tables.expiries) as cursor:
                assert list(cursor.iternext(values=False)) == wanted


def test_the_check_tells_a_missing_entry_and_one_too_many(store: Store) -> None:
    with store.write() as txn:
        right = expiries.lease_entry(staging.begin(txn, StagingRow(5, 0)), StagingRow(5, 0))
        wrong = keys.expiry_key(Kind.RESUMABLE, 5, b"x" * 8)
        expiries.move(txn, right, wrong)
    one, two = store.findings()
    assert one.startswith(f"expiries: an entry {wrong.hex()}")
    assert two.startswith("expiries: no entry of what expires at 5 (kind 0")
    with store.write() as txn:
        expiries.move(txn, wrong, right)


# --- stores that an older docstore has written


def fill(folder: Path) -> None:
    """A store with three uploads."""
    with Environment.open(folder, SETTINGS) as environment:
        txn = environment.begin_write()
        databases.create_database(txn, "db", uuid="0" * 32, now=1, shards=2, revs_limit=9, purged_infos_limit=9)
        for uuid in UUIDS[:3]:
            uploads.begin(txn, 1, uuid, upload_row(7))
        txn.transaction.commit()


@contextmanager
def as_before(folder: Path) -> Iterator[GroupTransaction]:
    """What is written by a docstore that knows nothing of this table."""
    with lmdb.open(str(folder / DATA_FILE), subdir=False, max_dbs=keys.MAX_TABLES, map_size=GIB) as environment:
        tables = Tables.open(environment)
        with environment.begin(write=True) as transaction:
            yield GroupTransaction(transaction, tables)


def of_before(folder: Path, **settings: bool) -> tuple[list[tuple[int, bytes]], list[str]]:
    """The uploads that are found to have expired, and what the check says."""
    with Environment.open(folder, SETTINGS, **settings) as environment, environment.snapshot() as snapshot:
        return uploads.find_expired(snapshot, 7), list(check(snapshot))


def test_a_store_without_the_table_gets_it_when_it_is_opened_to_write(tmp_path: Path) -> None:
    fill(tmp_path)
    with as_before(tmp_path) as txn:
        txn.transaction.drop(txn.tables.expiries)
        txn.delete(txn.tables.meta, keys.META_EXPIRIES_RUN)
    assert of_before(tmp_path, read_only=True) == ([], [])
    assert of_before(tmp_path) == ([(1, uuid) for uuid in UUIDS[:3]], [])


def test_the_table_is_made_anew_after_a_run_that_did_not_keep_it(tmp_path: Path) -> None:
    fill(tmp_path)
    with as_before(tmp_path) as txn:
        txn.put(txn.tables.meta, keys.META_RUN, b"a" * 16)
        key = keys.upload_key(1, UUIDS[1])
        row = uploads.find_upload(txn, 1, UUIDS[1])
        assert row is not None
        staging.release(txn, [row.staging])
        txn.delete(txn.tables.uploads, key)
    _, findings = of_before(tmp_path, read_only=True)
    assert findings == []
    assert of_before(tmp_path) == ([(1, UUIDS[0]), (1, UUIDS[2])], [])


def test_it_is_not_made_anew_after_a_run_that_kept_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path)
    monkeypatch.setattr(expiries, "build", pytest.fail)
    assert of_before(tmp_path) == ([(1, uuid) for uuid in UUIDS[:3]], [])
