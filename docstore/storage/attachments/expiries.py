"""What expires, in the order of expiry: leases and resumable uploads.

Owns the rows of ``expiries``, which say nothing that the rows of ``stagings`` and ``uploads`` do not: they are there so
that what is over is found without a look at the rest. Whoever writes one of those rows moves its entry here in the same
transaction. It must not know clocks, nor what becomes of things that have expired.
"""

from collections.abc import Iterator
from enum import IntEnum
from itertools import islice
from typing import Final

from docstore.storage import keys
from docstore.storage.attachments.blob_rows import StagingRow, decode_staging
from docstore.storage.attachments.upload_rows import UploadRow, decode_upload
from docstore.storage.keys import expiry_key, expiry_key_parts, pack_blob_key
from docstore.storage.tables import ReadTransaction, WriteTransaction

BUILD_ROWS: Final = 4096


class Kind(IntEnum):
    """What an entry stands for; the first byte of its key.

    ``TRANSIENT``  a lease that ends with the process that made it
    ``RESUMABLE``  a lease that does not
    ``UPLOAD``     a resumable upload
    """

    TRANSIENT = 0
    RESUMABLE = 1
    UPLOAD = 2


def lease_entry(staging: int, row: StagingRow) -> bytes:
    """The key in ``expiries`` of a lease."""
    return expiry_key(Kind.RESUMABLE if row.resumable else Kind.TRANSIENT, row.expires, pack_blob_key(staging))


def upload_entry(key: bytes, row: UploadRow) -> bytes:
    """The key in ``expiries`` of the upload that has this key in ``uploads``."""
    return expiry_key(Kind.UPLOAD, row.expires, key)


def move(txn: WriteTransaction, before: bytes | None, after: bytes) -> None:
    """One entry takes the place of another, which may be the same."""
    if before == after:
        return
    if before is not None:
        txn.delete(txn.tables.expiries, before)
    txn.put(txn.tables.expiries, after, b"")


def find(txn: ReadTransaction, kind: Kind, until: int | None) -> Iterator[bytes]:
    """The own keys of things of this kind that expire at ``until`` or before, first ones first; all without ``until``.

    None in a store that was not opened to write yet since it has this table.
    """
    if not txn.tables.have_expiries:
        return
    with txn.cursor(txn.tables.expiries) as cursor:
        if cursor.set_range(expiry_key(kind, 0, b"")):
            for key in cursor.iternext(values=False):
                found, expires, of = expiry_key_parts(key)
                if found != kind or (until is not None and expires > until):
                    return
                yield of


def entries_of(txn: ReadTransaction) -> Iterator[bytes]:
    """The keys that ``expiries`` must have: by a scan of all that expires."""
    with txn.cursor(txn.tables.stagings) as cursor:
        for key, value in cursor.iternext():
            yield lease_entry(keys.blob_of(key), decode_staging(value))
    with txn.cursor(txn.tables.uploads) as cursor:
        for key, value in cursor.iternext():
            yield upload_entry(key, decode_upload(value))


def build(txn: WriteTransaction) -> None:
    """Fill the empty table."""
    entries = entries_of(txn)
    while some := sorted(islice(entries, BUILD_ROWS)):
        txn.putmulti(txn.tables.expiries, [(entry, b"") for entry in some])
