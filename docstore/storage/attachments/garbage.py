"""The removal of blobs that nothing holds, in steps small enough to stand between other writes.

Owns the rows of ``garbage`` once they are there, and the order in which a blob goes. It must not know when to run, nor
who may still be reading: the caller names the blobs.

A blob goes like this: it loses its entry in ``digests`` and is *doomed*, so that no new bytes are taken for its twin;
its chunks are removed, in as many steps as it takes; then its row. Each step may be the last for a while.
"""

from collections.abc import Sequence
from itertools import islice

from docstore.storage.attachments import blobs
from docstore.storage.attachments.blob_rows import BlobRow, BlobState
from docstore.storage.keys import blob_of, pack_blob_key, pack_chunk_key, pack_digest_key
from docstore.storage.tables import ReadTransaction, WriteTransaction

STEP_CHUNKS = 128
STEP_BLOBS = 256


def waiting(txn: ReadTransaction, limit: int = STEP_BLOBS) -> list[int]:
    """Blobs that nothing holds, at most so many, in the order of their numbers."""
    with txn.cursor(txn.tables.garbage) as cursor:
        return [blob_of(key) for key in islice(cursor.iternext(values=False), limit)]


def is_waiting(txn: ReadTransaction) -> bool:
    """Whether there is any."""
    with txn.cursor(txn.tables.garbage) as cursor:
        return cursor.first()


def collect(txn: WriteTransaction, numbers: Sequence[int], *, limit: int = STEP_CHUNKS) -> bool:
    """One step: remove at most about ``limit`` chunks of these blobs. True when none of them is left to collect.

    A blob that is held again is passed over.
    """
    left = limit
    for number in numbers:
        row = blobs.get_blob(txn, number)
        if row is None or row.wanted:
            continue
        if left <= 0:
            return False
        row = _doom(txn, number, row)
        removed, finished = _remove_chunks(txn, number, left)
        if not finished:
            return False
        left -= max(removed, 1)
        txn.delete(txn.tables.blob_refs, pack_blob_key(number))
        txn.delete(txn.tables.garbage, pack_blob_key(number))
    return True


def _doom(txn: WriteTransaction, number: int, row: BlobRow) -> BlobRow:
    if row.state is BlobState.DOOMED:
        return row
    txn.delete(txn.tables.digests, pack_digest_key(row.sha256, row.length))
    doomed = row._replace(state=BlobState.DOOMED)
    blobs.put_blobs(txn, [(number, row, doomed)])
    return doomed


def _remove_chunks(txn: WriteTransaction, number: int, limit: int) -> tuple[int, bool]:
    """Remove chunks, the first ones first; how many, and whether all are gone."""
    with txn.cursor(txn.tables.blobs) as cursor:
        if not cursor.set_range(pack_chunk_key(number, 0)):
            return 0, True
        mine = [key for key in islice(cursor.iternext(values=False), limit + 1) if blob_of(key) == number]
    removed = txn.deletemulti(txn.tables.blobs, mine[:limit])
    return removed, len(mine) <= limit
