"""Remembered replies in tables, by database name, user and key.

Owns the rows of ``replies``, ``reply_order`` and ``reply_totals``. It must not know requests or clocks. What is
remembered of one database name is a *scope*: a queue, by numbers that grow. New replies join at its end; at its front
they leave, when there are too many of them, or too many bytes, or when they have expired. Each scope counts for itself.

A reply that has expired is not given any more, but may stay until those before it have gone. Whoever remembers a reply
takes away some that have expired (``STEP_EXPIRED``), and ``expire`` goes through all scopes in small steps.

The outcome does not depend on how many replies are remembered in one call: ``remember`` of two is that of the one, then
of the other.
"""

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from typing import Final, NamedTuple

from docstore.storage import keys
from docstore.storage.remembered_rows import (
    OrderRow,
    ReplyRow,
    ReplyTotals,
    StoredReply,
    decode_order,
    decode_reply,
    decode_totals,
    encode_order,
    encode_reply,
    encode_totals,
)
from docstore.storage.tables import ReadTransaction, WriteTransaction

STEP_EXPIRED: Final = 4
STEP_ROWS: Final = 256
STEP_SCOPES: Final = 256


class NewReply(NamedTuple):
    """What is to be remembered.

    ``digest``  of user and key (``keys.reply_digest``)
    ``now``  microseconds since 1970, as ``expires``
    ``max_replies``, ``max_bytes``  of its scope from now on; the newest reply stays in any case
    """

    digest: bytes
    user: str
    key: str
    fingerprint: bytes
    reply: StoredReply
    now: int
    expires: int
    max_replies: int
    max_bytes: int


def find(txn: ReadTransaction, key: bytes) -> ReplyRow | None:
    """What is remembered under a key of ``keys.reply_key``, expired or not."""
    value = txn.get(txn.tables.replies, key)
    return None if value is None else decode_reply(value)


def find_keys(txn: ReadTransaction, wanted: Sequence[bytes]) -> set[bytes]:
    """Those of the keys under which something is remembered."""
    return {key for key, _ in txn.getmulti(txn.tables.replies, sorted(wanted))}


def any_stored(txn: ReadTransaction) -> bool:
    """Whether anything is remembered at all."""
    with txn.cursor(txn.tables.reply_totals) as cursor:
        return cursor.first()


def scan_replies(txn: ReadTransaction) -> Iterator[tuple[bytes, ReplyRow]]:
    """(key, row) of everything that is remembered."""
    with txn.cursor(txn.tables.replies) as cursor:
        for key, value in cursor.iternext():
            yield key, decode_reply(value)


def remember(txn: WriteTransaction, database: str, added: Sequence[NewReply]) -> None:
    """Remember replies of one scope, one after another; their keys differ. What was remembered of a key is replaced."""
    scope = _Scope(txn, keys.reply_scope(database), database)
    scope.look_up(added)
    for new in added:
        scope.replace(new)
        scope.append(new)
        scope.drop_beyond(new.max_replies, new.max_bytes)
        scope.drop_expired(new.now, STEP_EXPIRED)
    scope.write()


def expire(
    txn: WriteTransaction, now: int, position: bytes = b"", *, rows: int = STEP_ROWS, scopes: int = STEP_SCOPES
) -> bytes | None:
    """One step: forget what has expired by ``now``. Where to go on, None at the end."""
    with txn.cursor(txn.tables.reply_totals) as cursor:
        found = cursor.set_range(position) if position else cursor.first()
        waiting = [key for key, _ in zip(cursor.iternext(values=False), range(scopes + 1), strict=False)]
        waiting = waiting if found else []
    for key in waiting[:scopes]:
        scope = _Scope(txn, key)
        rows -= scope.drop_expired(now, rows)
        scope.write()
        if rows <= 0:
            return key
    return waiting[scopes] if len(waiting) > scopes else None


class _Queued(NamedTuple):
    """A row of the queue; ``value`` is that of ``replies`` where it is not written yet."""

    number: int
    order: OrderRow
    value: bytes | None = None


class _Scope:
    """One scope, changed in memory until ``write``."""

    def __init__(self, txn: WriteTransaction, scope: bytes, database: str | None = None) -> None:
        """``database`` is its name, for a scope that may be new."""
        value = txn.get(txn.tables.reply_totals, scope)
        self._txn = txn
        self._scope = scope
        self._totals = ReplyTotals(database or "") if value is None else decode_totals(value)
        self._before = self._totals
        self._stored = self._stored_rows()
        self._first: _Queued | None = None
        self._added: deque[_Queued] = deque()
        self._gone: dict[int, _Queued] = {}
        self._old: dict[bytes, _Queued] = {}

    def look_up(self, added: Sequence[NewReply]) -> None:
        """Read what is remembered under the keys of these."""
        wanted = sorted(self._scope + new.digest for new in added)
        for key, value in self._txn.getmulti(self._txn.tables.replies, wanted):
            row, digest = decode_reply(value), keys.digest_of(key)
            self._old[digest] = _Queued(row.number, OrderRow(row.expires, len(value), digest))

    def replace(self, new: NewReply) -> None:
        """Take away what is remembered under the same key, if it is still there. It was looked up before."""
        old = self._old.get(new.digest)
        if old is not None and old.number not in self._gone:
            self._take(old)

    def append(self, new: NewReply) -> None:
        """Put a reply at the end."""
        number = self._totals.following
        value = encode_reply(ReplyRow(number, new.expires, new.fingerprint, new.user, new.key, new.reply))
        order = OrderRow(new.expires, len(value), new.digest)
        count, size = self._totals.replies + 1, self._totals.size + len(value)
        self._totals = self._totals._replace(replies=count, size=size, following=number + 1)
        self._added.append(_Queued(number, order, value))

    def drop_beyond(self, max_replies: int, max_bytes: int) -> None:
        """Take from the front what is beyond the limits; the last one stays."""
        while self._totals.replies > 1 and (self._totals.replies > max_replies or self._totals.size > max_bytes):
            self._drop_front()

    def drop_expired(self, now: int, limit: int) -> int:
        """Take from the front what has expired, at most ``limit``; how many."""
        dropped = 0
        while dropped < limit and (first := self._peek()) is not None and first.order.expires <= now:
            self._drop_front()
            dropped += 1
        return dropped

    def write(self) -> None:
        """Write what has changed."""
        self._stored.close()
        if not self._gone and not self._added and self._totals == self._before:
            return
        txn, scope = self._txn, self._scope
        if self._gone:
            txn.deletemulti(txn.tables.reply_order, [keys.reply_order_key(scope, number) for number in self._gone])
            txn.deletemulti(txn.tables.replies, [scope + row.order.digest for row in self._gone.values()])
        if self._added:
            rows = sorted((scope + row.order.digest, row.value or b"") for row in self._added)
            txn.putmulti(txn.tables.replies, rows)
            order = [(keys.reply_order_key(scope, row.number), encode_order(row.order)) for row in self._added]
            txn.putmulti(txn.tables.reply_order, order)
        if self._totals.replies:
            txn.put(txn.tables.reply_totals, scope, encode_totals(self._totals))
        else:
            txn.delete(txn.tables.reply_totals, scope)

    def _peek(self) -> _Queued | None:
        while self._first is None or self._first.number in self._gone:
            self._first = next(self._stored, None)
            if self._first is None:
                return self._added[0] if self._added else None
        return self._first

    def _drop_front(self) -> None:
        first = self._peek()
        if first is None:
            raise AssertionError("the totals of replies count more than there are")
        if first.value is not None:
            self._added.popleft()
        self._take(first)

    def _take(self, row: _Queued) -> None:
        count, size = self._totals.replies - 1, self._totals.size - row.order.size
        if count:
            self._totals = self._totals._replace(replies=count, size=size)
        else:
            self._totals = ReplyTotals(self._totals.name)  # as if there had never been any
        if row.value is None:
            self._gone[row.number] = row

    def _stored_rows(self) -> Generator[_Queued]:
        """What is stored, from the front on."""
        with self._txn.cursor(self._txn.tables.reply_order) as cursor:
            if cursor.set_range(self._scope):
                for key, value in cursor.iternext():
                    if keys.scope_of(key) != self._scope:
                        return
                    yield _Queued(keys.reply_number_of(key), decode_order(value))
