"""What must hold of remembered replies.

Owns the rows of ``replies``, ``reply_order`` and ``reply_totals`` in the check. It must not know databases: replies
outlive theirs.
"""

from collections.abc import Iterator

from docstore.storage import keys, remembered
from docstore.storage.remembered_rows import OrderRow, ReplyTotals, decode_order, decode_totals
from docstore.storage.tables import ReadTransaction


def check_replies(txn: ReadTransaction) -> Iterator[str]:
    """One line for each finding."""
    counted: dict[bytes, tuple[int, int]] = {}
    with txn.cursor(txn.tables.reply_order) as cursor:
        for key, value in cursor.iternext():
            scope, number, order = keys.scope_of(key), keys.reply_number_of(key), decode_order(value)
            found, size = counted.get(scope, (0, 0))
            counted[scope] = found + 1, size + order.size
            yield from _check_place(txn, scope, number, order)
    with txn.cursor(txn.tables.reply_totals) as cursor:
        for scope, value in cursor.iternext():
            yield from _check_totals(txn, scope, decode_totals(value), *counted.pop(scope, (0, 0)))
    for scope in counted:
        yield f"replies of scope {scope.hex()}: there are no totals"
    yield from _check_rows(txn)


def _check_place(txn: ReadTransaction, scope: bytes, number: int, order: OrderRow) -> Iterator[str]:
    what = f"reply {number} of scope {scope.hex()}"
    value = txn.get(txn.tables.replies, scope + order.digest)
    if value is None:
        yield f"{what}: is not there"
        return
    row = remembered.find(txn, scope + order.digest)
    if row is not None and (row.number, row.expires, len(value)) != (number, order.expires, order.size):
        yield f"{what}: is number {row.number} of {len(value)} bytes until {row.expires}, not as its place says"


def _check_totals(txn: ReadTransaction, scope: bytes, totals: ReplyTotals, found: int, size: int) -> Iterator[str]:
    what = f"replies of {totals.name!r}"
    if keys.reply_scope(totals.name) != scope:
        yield f"{what}: are stored under the scope of another name"
    if not totals.replies or (totals.replies, totals.size) != (found, size):
        yield f"{what}: has {totals.replies} of {totals.size} bytes, there are {found} of {size}"
    with txn.cursor(txn.tables.reply_order) as cursor:
        beyond = keys.reply_order_key(scope, totals.following)
        if cursor.set_range(beyond) and keys.scope_of(cursor.key()) == scope:
            yield f"{what}: number {keys.reply_number_of(cursor.key())} is yet to be given out"


def _check_rows(txn: ReadTransaction) -> Iterator[str]:
    """Every reply has its place, and the key of its user and their key."""
    for key, row in remembered.scan_replies(txn):
        scope = keys.scope_of(key)
        what = f"the reply under key {row.key!r} of scope {scope.hex()}"
        if key != scope + keys.reply_digest(row.user, row.key):
            yield f"{what}: is stored under another key"
        if txn.get(txn.tables.reply_order, keys.reply_order_key(scope, row.number)) is None:
            yield f"{what}: has no place"
