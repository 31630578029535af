"""Staging: bytes come in pieces, only at the end, and a twin is stored once."""

import os
from itertools import pairwise

import pytest

from docstore.errors import BytesGone, OffsetMismatch
from docstore.storage.attachments import garbage, staging
from docstore.storage.attachments.blob_rows import CHUNK_BYTES, BlobState, StagingRow
from docstore.storage.attachments.staging import WholeBlob
from tests.storage.blob_bytes import LATER, begin, bytes_of, collect, counts, release, row, stage, waiting, whole
from tests.storage.stores import Store


def append(store: Store, number: int, offset: int, data: bytes, expires: int = LATER) -> int:
    with store.write() as txn:
        return staging.append(txn, number, offset, data, expires)


def seal(store: Store, number: int, offset: int, last: bytes, everything: bytes) -> int:
    digests = whole(everything)
    with store.write() as txn:
        return staging.seal(txn, number, offset, WholeBlob(last, digests.sha256, digests.md5), LATER)


def stagings(store: Store) -> dict[int, StagingRow]:
    with store.read() as txn:
        return dict(staging.scan_stagings(txn))


def test_pieces_of_any_size(store: Store) -> None:
    data = os.urandom(3 * CHUNK_BYTES + 100)
    cuts = [0, 0, 10, 11, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES - 1, 3 * CHUNK_BYTES + 50]
    number = begin(store)
    for start, end in pairwise(cuts):
        assert append(store, number, start, data[start:end]) == end
        assert bytes_of(store, number) == data[:end]
        assert store.findings() == []
    assert seal(store, number, cuts[-1], data[cuts[-1] :], data) == number
    assert bytes_of(store, number) == data
    found = row(store, number)
    assert found is not None
    assert (found.state, found.length, found.sha256, found.md5) == (BlobState.SEALED, len(data), *whole(data)[1:])


def test_no_bytes_at_all(store: Store) -> None:
    number = begin(store)
    assert seal(store, number, 0, b"", b"") == number
    [(_, twin)] = stage(store, b"")
    assert twin == number


def test_bytes_are_appended_at_the_end_only(store: Store) -> None:
    number = begin(store, b"abc")
    for offset in (0, 2, 4):
        with pytest.raises(OffsetMismatch) as caught:
            append(store, number, offset, b"x")
        assert caught.value.offset == 3
        with pytest.raises(OffsetMismatch):
            seal(store, number, offset, b"x", b"x")
    assert bytes_of(store, number) == b"abc"
    assert append(store, number, 3, b"d") == 4


def test_what_is_sealed_or_gone_takes_no_more(store: Store) -> None:
    number = begin(store, b"abc")
    seal(store, number, 3, b"", b"abc")
    for gone in (number, 77):
        with pytest.raises(BytesGone):
            append(store, gone, 3, b"x")
        with pytest.raises(BytesGone):
            seal(store, gone, 3, b"", b"abc")


def test_an_append_prolongs_the_lease(store: Store) -> None:
    number = begin(store)
    append(store, number, 0, b"a", LATER + 5)
    assert stagings(store)[number].expires == LATER + 5
    append(store, number, 1, b"a", LATER)
    assert stagings(store)[number].expires == LATER + 5


def test_a_twin_is_taken_and_what_was_staged_is_garbage(store: Store) -> None:
    [(first, blob)] = stage(store, b"same")
    number = begin(store, b"sa")
    assert seal(store, number, 2, b"me", b"same") == blob
    assert counts(store, blob) == (0, 2)
    assert stagings(store)[number].blob == blob
    assert waiting(store) == [number]
    collect(store)
    assert row(store, number) is None
    release(store, first)
    assert counts(store, blob) == (0, 1)
    release(store, number)
    assert waiting(store) == [blob]


def test_a_twin_that_waits_for_the_collector_is_taken_up_again(store: Store) -> None:
    [(first, blob)] = stage(store, b"same")
    release(store, first)
    number = begin(store)
    assert seal(store, number, 0, b"same", b"same") == blob
    assert waiting(store) == [number]
    [(_, again)] = stage(store, b"same")
    assert again == blob
    assert counts(store, blob) == (0, 2)


def test_a_twin_that_is_being_removed_is_not_taken(store: Store) -> None:
    data = os.urandom(2 * CHUNK_BYTES)
    [(first, blob)] = stage(store, data)
    release(store, first)
    with store.write() as txn:
        assert not garbage.collect(txn, [blob], limit=1)
    [(_, again)] = stage(store, data)
    assert again != blob
    assert bytes_of(store, again) == data


def test_many_at_once_with_twins_among_them(store: Store) -> None:
    [(_, old)] = stage(store, b"old")
    found = stage(store, b"a", b"old", b"b", b"a", b"")
    assert [one.staging for one in found] == [2, 3, 4, 5, 6]
    assert [one.blob for one in found] == [2, old, 4, 2, 6]
    assert (counts(store, 2), counts(store, old)) == ((0, 2), (0, 2))
    assert [bytes_of(store, one.blob) for one in found] == [b"a", b"old", b"b", b"a", b""]


def test_nothing_at_once(store: Store) -> None:
    assert stage(store) == []


def test_same_length_is_no_twin(store: Store) -> None:
    found = stage(store, b"a", b"b")
    assert len({one.blob for one in found}) == 2


def test_an_open_blob_that_is_given_up_is_garbage(store: Store) -> None:
    number = begin(store, b"abc")
    assert release(store, number, 77) == 1
    found = row(store, number)
    assert found is not None
    assert found.state is BlobState.DOOMED
    assert release(store, number) == 0
    collect(store)
    assert row(store, number) is None


def test_two_leases_on_one_blob_end_together(store: Store) -> None:
    one, two = stage(store, b"a", b"a")
    assert one.blob == two.blob
    assert release(store, one.staging, two.staging) == 2
    assert waiting(store) == [one.blob]


def test_what_a_staging_is_for(store: Store) -> None:
    number = begin(store, resumable=True, purpose=b"a test")
    assert stagings(store) == {number: StagingRow(LATER, number, True, b"a test")}


def expire(store: Store, now: int, *, all_transient: bool = False, limit: int = 10) -> int:
    with store.write() as txn:
        over = staging.find_expired(txn, now, all_transient=all_transient, limit=limit)
        return staging.expire(txn, over, now, all_transient=all_transient)


def test_only_what_is_over_is_ended_whatever_is_named(store: Store) -> None:
    """A lease may have been prolonged since it was found, or be gone."""
    number = begin(store, b"abc")
    with store.write() as txn:
        assert staging.expire(txn, [number, 77], LATER - 1) == 0
        assert staging.expire(txn, [number, 77], LATER) == 1


def test_leases_expire(store: Store) -> None:
    number = begin(store, b"abc")
    [(_, blob)] = stage(store, b"x")
    assert expire(store, LATER - 1) == 0
    assert expire(store, LATER) == 2
    assert waiting(store) == [number, blob]
    assert stagings(store) == {}
    collect(store)


def test_those_of_a_process_that_is_gone_end_at_once(store: Store) -> None:
    begin(store)
    kept = begin(store, resumable=True)
    assert expire(store, 0, all_transient=True) == 1
    assert stagings(store).keys() == {kept}


def test_a_portion_expires_at_a_time(store: Store) -> None:
    stage(store, b"a", b"b", b"c")
    assert [expire(store, LATER, limit=2), expire(store, LATER, limit=2), expire(store, LATER, limit=2)] == [2, 1, 0]
