"""The consistency check of attachments' bytes: counts, chunks, digests, stagings and garbage.

Owns what must hold between ``blob_refs`` and all that points to it, and the recount of what points (``BlobUses``).
The bodies are met by the check of each database, which tells them here.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator

from docstore.core.attachment import unpack_attachments
from docstore.storage import keys
from docstore.storage.attachments.blob_rows import CHUNK_BYTES, BlobRow, BlobState, decode_blob
from docstore.storage.attachments.staging import find_twin, scan_stagings
from docstore.storage.keys import blob_of, chunk_of, pack_blob_key, pack_digest_key
from docstore.storage.rows import body_metadata, decode_number
from docstore.storage.tables import ReadTransaction


class BlobUses:
    """What bodies say of blobs.

    ``counts``  blob -> bodies that name it; ``facts``  blob -> what they say of it: (stored length, md5)
    """

    def __init__(self) -> None:
        self.counts: Counter[int] = Counter()
        self.facts: dict[int, tuple[int, bytes]] = {}

    def add(self, body: bytes) -> Iterator[str]:
        """A value in ``bodies``; findings if it contradicts another one."""
        metadata = body_metadata(body)
        attachments = unpack_attachments(metadata)
        for number in {one.blob for one in attachments}:
            self.counts[number] += 1
        for one in attachments:
            fact = (one.encoded_length, one.md5)
            if self.facts.setdefault(one.blob, fact) != fact:
                yield f"attachment {one.name!r} says {fact} of blob {one.blob}, another {self.facts[one.blob]}"


def check_blobs(txn: ReadTransaction, uses: BlobUses, *, hashing: bool) -> Iterator[str]:
    """Every invariant of blobs; ``uses`` has met all bodies. Without ``hashing`` the bytes are not read."""
    leases: Counter[int] = Counter()
    open_blobs: set[int] = set()
    following = txn.get(txn.tables.meta, keys.META_NEXT_BLOB)
    next_number = 1 if following is None else decode_number(following)
    for number, row in scan_stagings(txn):
        leases[row.blob] += 1
        if row.blob == number:
            open_blobs.add(number)
        if number >= next_number:
            yield f"staging {number} has a number that is yet to be given out (next is {next_number})"
    known: set[int] = set()
    with txn.cursor(txn.tables.blob_refs) as cursor:
        for key, value in cursor.iternext():
            number, blob = blob_of(key), decode_blob(value)
            known.add(number)
            if number >= next_number:
                yield f"blob {number} has a number that is yet to be given out (next is {next_number})"
            for finding in (
                *_check_counts(txn, number, blob, uses, leases[number], mine=number in open_blobs),
                *_check_chunks(txn, number, blob, hashing=hashing),
            ):
                yield f"blob {number}: {finding}"
    for number in sorted((uses.counts.keys() | leases.keys()) - known):
        yield f"blob {number} is named by {uses.counts[number]} bodies and {leases[number]} stagings, but is not there"
    yield from _check_orphans(txn, known)


def _check_counts(
    txn: ReadTransaction, number: int, blob: BlobRow, uses: BlobUses, leases: int, *, mine: bool
) -> Iterator[str]:
    if (blob.references, blob.leases) != (uses.counts[number], leases):
        yield (
            f"has {blob.references} references and {blob.leases} leases,"
            f" there are {uses.counts[number]} bodies and {leases} stagings"
        )
    queued = txn.get(txn.tables.garbage, pack_blob_key(number)) is not None
    if queued == blob.wanted:
        yield "is garbage, though it is held" if queued else "is held by nothing, but no garbage"
    if number in uses.facts and uses.facts[number] != (blob.length, blob.md5):
        yield f"has {blob.length} bytes and the md5 {blob.md5.hex()}, an attachment says {uses.facts[number]}"
    match blob.state:
        case BlobState.OPEN:
            if blob.references or not mine:
                yield "is open, but not held by its own staging alone"
        case BlobState.SEALED:
            if find_twin(txn, blob.sha256, blob.length) != number:
                yield "is not found by its digest"
        case BlobState.DOOMED:
            if blob.wanted:
                yield "is being removed, though it is held"


def _check_chunks(txn: ReadTransaction, number: int, blob: BlobRow, *, hashing: bool) -> Iterator[str]:
    """Contiguous chunks of the right lengths with the right digests; of a doomed blob, the first ones may be gone."""
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    expected = 0
    with txn.cursor(txn.tables.blobs) as cursor:
        found = cursor.set_range(pack_blob_key(number))
        while found and blob_of(cursor.key()) == number:
            place = chunk_of(cursor.key())
            if place != expected and not (blob.state is BlobState.DOOMED and expected == 0):
                yield f"has no chunk {expected}" if place > expected else f"has a chunk {place} too many"
            expected = place + 1
            if hashing:
                chunk = cursor.value()
                if len(chunk) != min(CHUNK_BYTES, blob.length - place * CHUNK_BYTES):
                    yield f"its chunk {place} has {len(chunk)} bytes"
                sha256.update(chunk)
                md5.update(chunk)
            found = cursor.next()
    if blob.state is BlobState.DOOMED:
        if expected > blob.chunks:
            yield f"has {expected} chunks, its length makes {blob.chunks}"
        return
    if expected != blob.chunks:
        yield f"has {expected} chunks, its length makes {blob.chunks}"
    if hashing and blob.state is BlobState.SEALED:
        if sha256.digest() != blob.sha256:
            yield f"its bytes have the sha256 {sha256.hexdigest()}, not {blob.sha256.hex()}"
        if md5.digest() != blob.md5:
            yield f"its bytes have the md5 {md5.hexdigest()}, not {blob.md5.hex()}"


def _check_orphans(txn: ReadTransaction, known: set[int]) -> Iterator[str]:
    """Rows that belong to no blob."""
    with txn.cursor(txn.tables.digests) as cursor:
        for key, value in cursor.iternext():
            number = decode_number(value)
            row = txn.get(txn.tables.blob_refs, pack_blob_key(number))
            blob = None if row is None else decode_blob(row)
            if blob is None or blob.state is not BlobState.SEALED or pack_digest_key(blob.sha256, blob.length) != key:
                yield f"digest {key[:32].hex()} leads to blob {number}, which is not it"
    with txn.cursor(txn.tables.garbage) as cursor:
        for key in cursor.iternext(values=False):
            if blob_of(key) not in known:
                yield f"blob {blob_of(key)} is garbage, but is not there"
    with txn.cursor(txn.tables.blobs) as cursor:
        found = cursor.first()
        while found:
            number = blob_of(cursor.key())
            if number not in known:
                yield f"chunks of blob {number}, which is not there"
            found = cursor.set_range(pack_blob_key(number + 1))
