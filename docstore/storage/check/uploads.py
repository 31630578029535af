"""What must hold of resumable uploads.

Owns the rows of ``uploads`` in the check, and the stagings that uploads hold. It must not know documents; that blobs
and leases agree is checked elsewhere.
"""

from collections.abc import Collection, Iterator

from docstore.storage.attachments import blobs, staging, uploads
from docstore.storage.attachments.blob_rows import BlobRow, BlobState
from docstore.storage.attachments.upload_rows import UploadRow, UploadState
from docstore.storage.tables import ReadTransaction


def check_uploads(txn: ReadTransaction, numbers: Collection[int]) -> Iterator[str]:
    """One line for each finding. ``numbers``: databases that have a name, or a pending sweep."""
    held: dict[int, str] = {}
    for database, uuid, row in uploads.scan_uploads(txn):
        what = f"upload {uuid.hex()}"
        if database not in numbers:
            yield f"{what}: belongs to database {database}, which has no name and no pending sweep"
        if row.staging:
            if row.staging in held:
                yield f"{what}: holds staging {row.staging}, as {held[row.staging]} does"
            held[row.staging] = what
        for finding in _check_upload(txn, row):
            yield f"{what}: {finding}"
    for number, lease in staging.scan_stagings(txn):
        if lease.purpose == uploads.PURPOSE and number not in held:
            yield f"staging {number}: is held for an upload that is not there"


def _check_upload(txn: ReadTransaction, row: UploadRow) -> Iterator[str]:
    if row.state is UploadState.COMPLETED:
        if row.staging or row.result is None:
            yield f"is completed, with staging {row.staging} and revision {row.result}"
        return
    if row.result is not None:
        yield f"has the revision {row.result}, though it is not completed"
    if row.length is not None and row.offset > row.length:
        yield f"has {row.offset} bytes of {row.length}"
    lease = staging.get_staging(txn, row.staging)
    blob = None if lease is None else blobs.get_blob(txn, lease.blob)
    if lease is None or blob is None:
        yield f"its bytes are gone (staging {row.staging})"
        return
    if not lease.resumable or lease.purpose != uploads.PURPOSE or lease.expires < row.expires:
        yield f"its staging {row.staging} does not live as long"
    yield from _check_blob(row, blob)


def _check_blob(row: UploadRow, blob: BlobRow) -> Iterator[str]:
    if row.state is UploadState.RECEIVING:
        if blob.state is not BlobState.OPEN or blob.length < row.offset:
            yield f"{row.offset} bytes were acknowledged, {blob.length} are there ({blob.state.name})"
    elif blob.state is not BlobState.SEALED or row.length != row.offset:
        yield f"all of {row.length} bytes were received, {row.offset} were acknowledged ({blob.state.name})"
