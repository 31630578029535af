"""Resumable uploads in tables: what is known of each, and how its bytes become an attachment's.

Owns the rows of ``uploads``. It must not know clocks, requests, or how an edit is decided. An upload holds its bytes by
a staging (``staging.py``) that outlives the process. All of this runs in small write transactions::

    begin      the row, and a staging of no bytes
    append     compare-and-append: only at the end that the bytes have reached
    accept     bytes that were appended for trial count from now on
    rewind     bytes that were appended for trial are removed again, in steps
    seal       all bytes are there, and kept as they were sent
    adopt      the same, but they are kept in another form, which another staging holds
    complete   a revision has them; the row stays a while, to tell so
    refuse     no revision took them; they stay, for another try
    cancel     row and bytes go

Bytes that *count* (``row.offset``) are acknowledged and never lost again. There can be more in the staging: those of a
request whose checksum is not known to be right yet.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from docstore.core.rev import Rev
from docstore.errors import BytesGone, NotFound, OffsetMismatch
from docstore.storage.attachments import blobs, expiries, staging
from docstore.storage.attachments.blob_rows import CHUNK_BYTES, BlobState, StagingRow, chunks_of
from docstore.storage.attachments.expiries import Kind, upload_entry
from docstore.storage.attachments.staging import WholeBlob
from docstore.storage.attachments.upload_rows import Refusal, UploadRow, UploadState, decode_upload, encode_upload
from docstore.storage.keys import (
    pack_chunk_key,
    prefix,
    prefix_end,
    upload_key,
    upload_key_parts,
)
from docstore.storage.tables import ReadTransaction, WriteTransaction

PURPOSE: Final = b"upload"
"""What is noted of the stagings that uploads hold."""

LEASE_MARGIN: Final = 86_400 * 1_000_000
"""Microseconds that a staging outlives its upload, so that the upload's own end is always the one that comes first."""

STEP_CHUNKS: Final = 128
STEP_UPLOADS: Final = 256


# --- reading ----------------------------------------------------------------------------------------------------


def find_upload(txn: ReadTransaction, db: int, uuid: bytes) -> UploadRow | None:
    """One upload, expired or not."""
    value = txn.get(txn.tables.uploads, upload_key(db, uuid))
    return None if value is None else decode_upload(value)


def scan_uploads(txn: ReadTransaction) -> Iterator[tuple[int, bytes, UploadRow]]:
    """(database, uuid, row) of all uploads."""
    with txn.cursor(txn.tables.uploads) as cursor:
        for key, value in cursor.iternext():
            yield *upload_key_parts(key), decode_upload(value)


def bytes_there(txn: ReadTransaction, row: UploadRow) -> int:
    """How many bytes the staging has, those for trial too. Raises BytesGone."""
    held = staging.get_staging(txn, row.staging)
    blob = None if held is None else blobs.get_blob(txn, held.blob)
    if blob is None:
        raise BytesGone
    return blob.length


# --- receiving --------------------------------------------------------------------------------------------------


def begin(txn: WriteTransaction, db: int, uuid: bytes, row: UploadRow) -> None:
    """Enter an upload of no bytes yet; ``row.staging`` is not looked at."""
    number = staging.begin(txn, StagingRow(row.expires + LEASE_MARGIN, 0, resumable=True, purpose=PURPOSE))
    _put(txn, db, uuid, None, row._replace(staging=number))


def append(
    txn: WriteTransaction, db: int, uuid: bytes, offset: int, data: bytes, expires: int, *, trial: bool = False
) -> int:
    """Put bytes behind those that are there; how many there are then. Those for ``trial`` do not count yet.

    Raises NotFound if there is no such upload any more, OffsetMismatch if ``offset`` is not the end, or if no more
    bytes are taken.
    """
    row = _receiving(txn, db, uuid, offset)
    end = staging.append(txn, row.staging, offset, data, expires + LEASE_MARGIN)
    _put(txn, db, uuid, row, row._replace(offset=row.offset if trial else end, expires=max(expires, row.expires)))
    return end


def accept(txn: WriteTransaction, db: int, uuid: bytes, offset: int) -> None:
    """All bytes that are there count from now on, ``offset`` of them. Raises as ``append``."""
    row = _receiving(txn, db, uuid, offset)
    if bytes_there(txn, row) != offset:
        raise OffsetMismatch(row.offset)
    _put(txn, db, uuid, row, row._replace(offset=offset))


def rewind(txn: WriteTransaction, db: int, uuid: bytes) -> bool:
    """One step: remove bytes that do not count, the last ones first. True when none is left. Raises NotFound."""
    row = _existing(txn, db, uuid)
    held = staging.get_staging(txn, row.staging)
    blob = None if held is None else blobs.get_blob(txn, held.blob)
    if held is None or blob is None or blob.state is not BlobState.OPEN or blob.length <= row.offset:
        return True
    kept = chunks_of(row.offset)
    first = max(kept, blob.chunks - STEP_CHUNKS)
    txn.deletemulti(txn.tables.blobs, [pack_chunk_key(held.blob, chunk) for chunk in range(first, blob.chunks)])
    length = first * CHUNK_BYTES
    if first == kept:
        length = row.offset
        _cut_last_chunk(txn, held.blob, length)
    blobs.put_blobs(txn, [(held.blob, blob, blob._replace(length=length))])
    return length == row.offset


def set_length(txn: WriteTransaction, db: int, uuid: bytes, length: int) -> None:
    """The client has told how many bytes there will be. Raises NotFound."""
    row = _existing(txn, db, uuid)
    _put(txn, db, uuid, row, row._replace(length=length))


# --- the end ----------------------------------------------------------------------------------------------------


def seal(txn: WriteTransaction, db: int, uuid: bytes, offset: int, sha256: bytes, md5: bytes) -> UploadRow:
    """All bytes are there, ``offset`` of them with these digests. Raises as ``append``."""
    row = _receiving(txn, db, uuid, offset)
    staging.seal(txn, row.staging, offset, WholeBlob(b"", sha256, md5), row.expires + LEASE_MARGIN)
    received = row._replace(state=UploadState.RECEIVED, length=offset)
    _put(txn, db, uuid, row, received)
    return received


def adopt(txn: WriteTransaction, db: int, uuid: bytes, offset: int, number: int) -> UploadRow:
    """All bytes are there, and the staging ``number``, which is sealed, has them in the form in which they are kept.

    The one that they were received in is given up. Raises as ``append``, BytesGone.
    """
    row = _receiving(txn, db, uuid, offset)
    held = staging.get_staging(txn, number)
    if held is None:
        raise BytesGone
    lease = held._replace(expires=row.expires + LEASE_MARGIN, resumable=True, purpose=PURPOSE)
    staging.put_staging(txn, number, held, lease)
    staging.release(txn, (row.staging,))
    received = row._replace(state=UploadState.RECEIVED, length=offset, staging=number)
    _put(txn, db, uuid, row, received)
    return received


def complete(txn: WriteTransaction, db: int, uuid: bytes, parent: Rev | None, result: Rev, expires: int) -> None:
    """The revision ``result`` has the attachment, and with it the bytes. Raises NotFound."""
    row = _existing(txn, db, uuid)
    completed = row._replace(
        rev=parent, state=UploadState.COMPLETED, staging=0, refusal=None, result=result, expires=expires
    )
    _put(txn, db, uuid, row, completed)


def refuse(txn: WriteTransaction, db: int, uuid: bytes, refusal: Refusal) -> None:
    """Note why no revision took the attachment. Raises NotFound."""
    row = _existing(txn, db, uuid)
    _put(txn, db, uuid, row, row._replace(refusal=refusal))


def cancel(txn: WriteTransaction, db: int, uuid: bytes) -> bool:
    """Forget an upload and give up its bytes; whether there was one."""
    row = find_upload(txn, db, uuid)
    if row is None:
        return False
    _forget(txn, [(upload_key(db, uuid), row)])
    return True


def find_expired(txn: ReadTransaction, now: int, *, limit: int = STEP_UPLOADS) -> list[tuple[int, bytes]]:
    """Database and uuid of uploads that have expired by ``now``, at most ``limit``. No others are looked at."""
    return [upload_key_parts(key) for key in islice(expiries.find(txn, Kind.UPLOAD, now), limit)]


def expire(txn: WriteTransaction, named: Iterable[tuple[int, bytes]], now: int) -> int:
    """Forget those of the uploads named that have expired by ``now``; how many."""
    rows = ((upload_key(db, uuid), find_upload(txn, db, uuid)) for db, uuid in named)
    return _forget(txn, [(key, row) for key, row in rows if row is not None and row.expires <= now])


def sweep(txn: WriteTransaction, db: int, *, limit: int = STEP_UPLOADS) -> bool:
    """One step: forget uploads to a deleted database. True when none is left."""
    doomed: list[tuple[bytes, UploadRow]] = []
    end = prefix_end(db)
    with txn.cursor(txn.tables.uploads) as cursor:
        if cursor.set_range(prefix(db)):
            for key, value in cursor.iternext():
                if key >= end or len(doomed) == limit:
                    break
                doomed.append((key, decode_upload(value)))
    return _forget(txn, doomed) < limit


def _cut_last_chunk(txn: WriteTransaction, blob: int, length: int) -> None:
    """Shorten the chunk in which a blob of this length ends."""
    begun = length % CHUNK_BYTES
    if begun:
        start = length - begun
        rest = blobs.read_range(txn, blob, start, begun)
        txn.put(txn.tables.blobs, pack_chunk_key(blob, start // CHUNK_BYTES), rest)


def _existing(txn: ReadTransaction, db: int, uuid: bytes) -> UploadRow:
    row = find_upload(txn, db, uuid)
    if row is None:
        raise NotFound
    return row


def _receiving(txn: ReadTransaction, db: int, uuid: bytes, offset: int) -> UploadRow:
    row = _existing(txn, db, uuid)
    if row.state is not UploadState.RECEIVING or offset < row.offset:
        raise OffsetMismatch(row.offset)
    return row


def _put(txn: WriteTransaction, db: int, uuid: bytes, before: UploadRow | None, row: UploadRow) -> None:
    key = upload_key(db, uuid)
    txn.put(txn.tables.uploads, key, encode_upload(row))
    expiries.move(txn, None if before is None else upload_entry(key, before), upload_entry(key, row))


def _forget(txn: WriteTransaction, doomed: list[tuple[bytes, UploadRow]]) -> int:
    staging.release(txn, {row.staging for _, row in doomed if row.staging})
    txn.deletemulti(txn.tables.expiries, [upload_entry(key, row) for key, row in doomed])
    return txn.deletemulti(txn.tables.uploads, [key for key, _ in doomed])
