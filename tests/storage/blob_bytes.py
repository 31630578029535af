"""Blobs for tests of the storage layer: bytes with their digests, and bodies that name them."""

import hashlib

from docstore.core.attachment import Attachment, pack_attachments
from docstore.storage.attachments import blobs, garbage, staging
from docstore.storage.attachments.blob_rows import BlobRow, StagingRow
from docstore.storage.attachments.staging import WholeBlob
from docstore.storage.rows import encode_body
from tests.storage.stores import Store

LATER = 1_000_000


def whole(data: bytes) -> WholeBlob:
    """Bytes as they are staged at once."""
    return WholeBlob(data, hashlib.sha256(data).digest(), hashlib.md5(data, usedforsecurity=False).digest())


def stage(store: Store, *datas: bytes) -> list[staging.Staged]:
    """Stage and seal, in one transaction."""
    with store.write() as txn:
        return staging.stage_whole(txn, [whole(data) for data in datas], LATER)


def begin(store: Store, data: bytes = b"", *, resumable: bool = False, purpose: bytes = b"") -> int:
    with store.write() as txn:
        return staging.begin(txn, StagingRow(LATER, 0, resumable, purpose), data)


def release(store: Store, *stagings: int) -> int:
    with store.write() as txn:
        return staging.release(txn, stagings)


def body(*blobs_and_data: tuple[int, bytes]) -> bytes:
    """A value in ``bodies`` with an attachment for each of these blobs."""
    attachments = [
        Attachment(f"a{place}", "image/png", whole(data).md5, len(data), len(data), None, 1, blob)
        for place, (blob, data) in enumerate(blobs_and_data)
    ]
    return encode_body(b"{}", pack_attachments(attachments))


def row(store: Store, blob: int) -> BlobRow | None:
    with store.read() as txn:
        return blobs.get_blob(txn, blob)


def counts(store: Store, blob: int) -> tuple[int, int]:
    """(references, leases) of a blob that is there."""
    found = row(store, blob)
    assert found is not None
    return found.references, found.leases


def bytes_of(store: Store, blob: int) -> bytes:
    with store.read() as txn:
        found = blobs.get_blob(txn, blob)
        assert found is not None
        return blobs.read_range(txn, blob, 0, found.length)


def waiting(store: Store) -> list[int]:
    with store.read() as txn:
        return garbage.waiting(txn)


def collect(store: Store, *, limit: int = 1000) -> int:
    """Remove all garbage; the steps that it took."""
    steps = 0
    while numbers := waiting(store):
        with store.write() as txn:
            garbage.collect(txn, numbers, limit=limit)
        steps += 1
        assert store.findings() == []
        assert steps < 1000
    return steps
