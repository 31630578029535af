"""What is kept about attachments' bytes, made anew of the bodies and stagings that hold them.

Owns references and leases, the digests that find a blob, and what is garbage. The bytes themselves and what a blob says
of them are left as they are: nothing could make them anew. It must not know databases; the bodies are told to it.
"""

from collections import Counter
from collections.abc import Iterator

from docstore.storage.attachments.blob_rows import BlobState, decode_blob, encode_blob
from docstore.storage.attachments.staging import scan_stagings
from docstore.storage.check.blobs import BlobUses
from docstore.storage.check.damage import UNREADABLE
from docstore.storage.engine.transactions import GroupTransaction
from docstore.storage.keys import blob_of, pack_blob_key, pack_digest_key
from docstore.storage.repair.tables import bring_to, rows_between
from docstore.storage.rows import encode_number


def repair_blobs(txn: GroupTransaction, uses: BlobUses) -> Iterator[str]:
    """Do it; ``uses`` has met all bodies. A line for each kind of row in which something was wrong."""
    leases: Counter[int] = Counter(row.blob for _, row in scan_stagings(txn))
    counts: dict[bytes, bytes] = {}
    garbage: dict[bytes, bytes] = {}
    digests: dict[bytes, bytes] = {}
    tables = txn.tables
    for key, value in rows_between(txn, tables.blob_refs, b"", None):
        number = blob_of(key)
        try:
            blob = decode_blob(value)
        except UNREADABLE:
            counts[key] = value
            continue
        held = blob._replace(references=uses.counts[number], leases=leases[number])
        counts[key] = encode_blob(held)
        if not held.wanted:
            garbage[pack_blob_key(number)] = b""
        if held.state is BlobState.SEALED:
            digests[pack_digest_key(held.sha256, held.length)] = encode_number(number)
    for what, table, wanted in (
        ("counts of attachments' bytes", tables.blob_refs, counts),
        ("garbage", tables.garbage, garbage),
        ("digests", tables.digests, digests),
    ):
        changed = bring_to(txn, table, b"", None, wanted)
        if changed:
            yield f"{what}: {changed} made anew or removed"
