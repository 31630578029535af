"""Staging: bytes on their way into the store, before an edit names them.

Owns the rows of ``stagings`` and ``digests``, and the writing of chunks. It must not know documents, clocks, or who
sends the bytes. All of this runs in small write transactions, none of which waits for a client::

    begin           a staging with a lease on an open blob of its own
    append          compare-and-append: only at the offset that the blob has reached
    seal            the blob is complete. Where a twin is found by (sha256, length) the lease goes over to the twin, and
                    what was staged becomes garbage; otherwise the blob is entered in ``digests``
    release         an edit that names the blob has taken it over; or nobody wants it

A lease expires, and it is then as if it had been released: so whatever is cut short between the first byte and the
edit leaves nothing for good. A staging that is not *resumable* does not outlive the process that made it.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Final, NamedTuple

from docstore.errors import BytesGone, OffsetMismatch
from docstore.storage.attachments import blobs, expiries
from docstore.storage.attachments.blob_rows import (
    CHUNK_BYTES,
    BlobRow,
    BlobState,
    StagingRow,
    decode_staging,
    encode_staging,
)
from docstore.storage.attachments.blobs import put_blobs
from docstore.storage.attachments.expiries import Kind, lease_entry
from docstore.storage.keys import blob_of, pack_blob_key, pack_chunk_key, pack_digest_key
from docstore.storage.rows import decode_number, encode_number
from docstore.storage.tables import ReadTransaction, WriteTransaction

STEP_LEASES: Final = 256


class WholeBlob(NamedTuple):
    """Bytes that are staged at once, with their digests."""

    data: bytes
    sha256: bytes
    md5: bytes


class Staged(NamedTuple):
    """A sealed blob, and the staging that holds it."""

    staging: int
    blob: int


# --- reading ----------------------------------------------------------------------------------------------------


def get_staging(txn: ReadTransaction, staging: int) -> StagingRow | None:
    """One staging."""
    value = txn.get(txn.tables.stagings, pack_blob_key(staging))
    return None if value is None else decode_staging(value)


def scan_stagings(txn: ReadTransaction) -> Iterator[tuple[int, StagingRow]]:
    """(number, row) of all stagings, oldest first."""
    with txn.cursor(txn.tables.stagings) as cursor:
        for key, value in cursor.iternext():
            yield blob_of(key), decode_staging(value)


def find_twin(txn: ReadTransaction, sha256: bytes, length: int) -> int | None:
    """The sealed blob of these bytes, if there is one."""
    value = txn.get(txn.tables.digests, pack_digest_key(sha256, length))
    return None if value is None else decode_number(value)


# --- writing ----------------------------------------------------------------------------------------------------


def begin(txn: WriteTransaction, row: StagingRow, data: bytes = b"") -> int:
    """A new staging of an open blob with its first bytes; its number. ``row.blob`` is not looked at."""
    [number] = blobs.take_numbers(txn, 1)
    put_staging(txn, number, None, row._replace(blob=number))
    put_blobs(txn, [(number, None, BlobRow(BlobState.OPEN, 0, 1, len(data)))])
    _put_chunks(txn, number, 0, data)
    return number


def append(txn: WriteTransaction, staging: int, offset: int, data: bytes, expires: int) -> int:
    """Put bytes behind those that are there, and prolong the lease; the length reached.

    Raises BytesGone if the staging has expired or is sealed, OffsetMismatch if ``offset`` is not its length.
    """
    row, blob = _open_blob(txn, staging, offset)
    length = offset + len(data)
    _put_chunks(txn, staging, offset, data)
    put_blobs(txn, [(staging, blob, blob._replace(length=length))])
    put_staging(txn, staging, row, row._replace(expires=max(expires, row.expires)))
    return length


def seal(txn: WriteTransaction, staging: int, offset: int, last: WholeBlob, expires: int) -> int:
    """Append ``last.data``; then the blob is complete and has these digests. The number of the blob, or of its twin.

    Raises as ``append``.
    """
    length = append(txn, staging, offset, last.data, expires)
    row, blob = _open_blob(txn, staging, length)
    twin = find_twin(txn, last.sha256, length)
    if twin is None:
        txn.put(txn.tables.digests, pack_digest_key(last.sha256, length), encode_number(staging))
        put_blobs(txn, [(staging, blob, blob._replace(state=BlobState.SEALED, sha256=last.sha256, md5=last.md5))])
        return staging
    known = blobs.get_blobs(txn, [twin])[twin]
    doomed = blob._replace(state=BlobState.DOOMED, leases=0)
    put_blobs(txn, [(staging, blob, doomed), (twin, known, known._replace(leases=known.leases + 1))])
    put_staging(txn, staging, row, row._replace(blob=twin))
    return twin


def stage_whole(txn: WriteTransaction, items: Sequence[WholeBlob], expires: int) -> list[Staged]:
    """Stage and seal many small blobs at once; none of the leases is resumable."""
    numbers = blobs.take_numbers(txn, len(items))
    wanted = {pack_digest_key(item.sha256, len(item.data)): item for item in items}
    twins = {key: decode_number(value) for key, value in txn.getmulti(txn.tables.digests, sorted(wanted))}
    before = blobs.get_blobs(txn, set(twins.values()))
    after = dict(before)
    chunks: list[tuple[bytes, bytes]] = []
    digests: list[tuple[bytes, bytes]] = []
    result: list[Staged] = []
    for number, item in zip(numbers, items, strict=True):
        key = pack_digest_key(item.sha256, len(item.data))
        blob = twins.setdefault(key, number)
        if blob == number:
            digests.append((key, encode_number(number)))
            chunks += _chunks(number, 0, item.data)
            after[blob] = BlobRow(BlobState.SEALED, 0, 1, len(item.data), item.sha256, item.md5)
        else:
            after[blob] = after[blob]._replace(leases=after[blob].leases + 1)
        result.append(Staged(number, blob))
    txn.putmulti(txn.tables.blobs, chunks)
    txn.putmulti(txn.tables.digests, sorted(digests))
    put_blobs(txn, [(number, before.get(number), row) for number, row in after.items()])
    leases = [(one.staging, StagingRow(expires, one.blob)) for one in result]
    txn.putmulti(txn.tables.stagings, [(pack_blob_key(number), encode_staging(row)) for number, row in leases])
    txn.putmulti(txn.tables.expiries, [(lease_entry(number, row), b"") for number, row in leases])
    return result


def put_staging(txn: WriteTransaction, staging: int, before: StagingRow | None, row: StagingRow) -> None:
    """Write one row, in place of ``before``."""
    txn.put(txn.tables.stagings, pack_blob_key(staging), encode_staging(row))
    expiries.move(txn, None if before is None else lease_entry(staging, before), lease_entry(staging, row))


def release(txn: WriteTransaction, stagings: Collection[int]) -> int:
    """End leases; how many there were. A blob that is open then is doomed: it can never be completed."""
    wanted = [pack_blob_key(staging) for staging in sorted(stagings)]
    held = {blob_of(key): decode_staging(value) for key, value in txn.getmulti(txn.tables.stagings, wanted)}
    if not held:
        return 0
    before = blobs.get_blobs(txn, {lease.blob for lease in held.values()})
    after = dict(before)
    for lease in held.values():
        row = after[lease.blob]
        state = BlobState.DOOMED if row.state is BlobState.OPEN else row.state
        after[lease.blob] = row._replace(leases=row.leases - 1, state=state)
    put_blobs(txn, [(number, before[number], row) for number, row in after.items()])
    txn.deletemulti(txn.tables.expiries, [lease_entry(*lease) for lease in held.items()])
    return txn.deletemulti(txn.tables.stagings, [pack_blob_key(staging) for staging in sorted(held)])


def find_expired(txn: ReadTransaction, now: int, *, all_transient: bool = False, limit: int = STEP_LEASES) -> list[int]:
    """The leases that have expired, and if so all that are not resumable; at most ``limit``. No other is looked at."""
    transient = expiries.find(txn, Kind.TRANSIENT, None if all_transient else now)
    over = chain(transient, expiries.find(txn, Kind.RESUMABLE, now))
    return [blob_of(key) for key in islice(over, limit)]


def expire(txn: WriteTransaction, numbers: Iterable[int], now: int, *, all_transient: bool = False) -> int:
    """End those of the leases named that are over, as in ``find_expired``. How many it ended."""
    rows = ((number, get_staging(txn, number)) for number in numbers)
    over = [number for number, row in rows if row is not None and _is_over(row, now, all_transient=all_transient)]
    return release(txn, over)


def _is_over(row: StagingRow, now: int, *, all_transient: bool) -> bool:
    return row.expires <= now or (all_transient and not row.resumable)


def _open_blob(txn: ReadTransaction, staging: int, offset: int) -> tuple[StagingRow, BlobRow]:
    row = get_staging(txn, staging)
    blob = None if row is None else blobs.get_blob(txn, row.blob)
    if row is None or blob is None or blob.state is not BlobState.OPEN:
        raise BytesGone
    if blob.length != offset:
        raise OffsetMismatch(blob.length)
    return row, blob


def _put_chunks(txn: WriteTransaction, number: int, offset: int, data: bytes) -> None:
    """Write bytes from ``offset`` on; the chunk that is not full yet is written again."""
    begun = offset % CHUNK_BYTES
    if data and begun:
        old = blobs.read_range(txn, number, offset - begun, begun)
        data, offset = old + data, offset - begun
    txn.putmulti(txn.tables.blobs, _chunks(number, offset, data))


def _chunks(number: int, offset: int, data: bytes) -> list[tuple[bytes, bytes]]:
    first = offset // CHUNK_BYTES
    return [
        (pack_chunk_key(number, first + place), data[start : start + CHUNK_BYTES])
        for place, start in enumerate(range(0, len(data), CHUNK_BYTES))
    ]
