"""What must hold of the order of expiry: it has an entry for each lease and each upload, and no other.

Owns the rows of ``expiries`` in the check. It must not know what else must hold of leases and uploads.
"""

from collections.abc import Iterator

from docstore.storage import keys
from docstore.storage.attachments.expiries import entries_of
from docstore.storage.keys import expiry_key_parts
from docstore.storage.tables import ReadTransaction


def check_expiries(txn: ReadTransaction) -> Iterator[str]:
    """One line for each finding; none where the table is to be made anew by the next run that writes."""
    meta = txn.tables.meta
    if not txn.tables.have_expiries or txn.get(meta, keys.META_EXPIRIES_RUN) != txn.get(meta, keys.META_RUN):
        return
    wanted = set(entries_of(txn))
    with txn.cursor(txn.tables.expiries) as cursor:
        for key in cursor.iternext(values=False):
            if key not in wanted:
                yield f"expiries: an entry {key.hex()} of nothing that expires then"
            wanted.discard(key)
    for key in sorted(wanted):
        kind, expires, of = expiry_key_parts(key)
        yield f"expiries: no entry of what expires at {expires} (kind {kind}, {of.hex()})"
