"""What the commands about remembered replies do inside the write transaction.

Owns the order of a ``Remembered`` command: its key is looked up before anything else; if it is new, the effects are
carried out, the reply is made of their results, and kept. It must not know requests or clocks, nor how effects are
carried out.

Effects may be carried out together with those of other commands of the group (``updater.py``), so their replies are
kept a little later. That makes no difference to the outcome: a command whose key is waiting, or was stored when the
group began, is looked up only when nothing waits any more; any other key is new for certain.
"""

from collections.abc import Sequence

from docstore.database.apply.remembered import Answer, ExpireReplies, Refused, Remembered
from docstore.errors import DocstoreError, IdempotencyKeyReused
from docstore.storage import keys, remembered
from docstore.storage.engine.transactions import LATER, GroupTransaction
from docstore.storage.remembered import NewReply


class Desk:
    """The remembered commands of one group."""

    def __init__(self, txn: GroupTransaction, group: Sequence[object]) -> None:
        self._txn = txn
        self._group = group
        self._row_keys: dict[int, bytes] = {}
        self._known: set[bytes] = set()
        self._waiting: list[tuple[int, Remembered, tuple[object, ...] | None]] = []

    def is_new(self, place: int) -> bool:
        """Whether the key of the command at this place of the group is new for certain.

        If not, ``answer`` is to be asked once nothing waits any more.
        """
        if not self._row_keys:
            commands = [(at, one.receipt) for at, one in enumerate(self._group) if isinstance(one, Remembered)]
            self._row_keys = {
                at: keys.reply_key(of.database, keys.reply_digest(of.user, of.key)) for at, of in commands
            }
            self._known = remembered.find_keys(self._txn, list(self._row_keys.values()))
        return self._row_keys[place] not in self._known

    def answer(self, place: int, command: Remembered) -> Answer | DocstoreError | None:
        """The reply that was given before, or the refusal of a key that another request has; None: it is new."""
        receipt = command.receipt
        row = remembered.find(self._txn, self._row_keys[place])
        if row is None or row.expires <= receipt.now:
            return None
        return Answer(row.reply, None) if row.fingerprint == receipt.fingerprint else IdempotencyKeyReused()

    def wait(self, place: int, command: Remembered, outcomes: tuple[object, ...] | None = None) -> None:
        """A command with a new key. ``outcomes`` of its effects; None: that of its one effect comes to its place."""
        self._waiting.append((place, command, outcomes))
        self._known.add(self._row_keys[place])

    def keep(self, results: list[object]) -> None:
        """All effects were carried out: make the replies and keep them. The results at their places become answers."""
        added: dict[str, list[NewReply]] = {}
        for place, command, known in self._waiting:
            if results[place] is LATER:
                continue
            outcomes = (results[place],) if known is None else known
            try:
                reply = command.form.render(outcomes)
            except DocstoreError as error:
                results[place] = error
                continue
            results[place] = Answer(reply, outcomes)
            receipt = command.receipt
            new = NewReply(
                keys.digest_of(self._row_keys[place]),
                receipt.user,
                receipt.key,
                receipt.fingerprint,
                reply,
                receipt.now,
                receipt.expires,
                receipt.max_replies,
                receipt.max_bytes,
            )
            added.setdefault(receipt.database, []).append(new)
        for database, replies_of in added.items():
            remembered.remember(self._txn, database, replies_of)
        self._waiting.clear()


def refuse(_txn: GroupTransaction, command: Refused) -> None:
    """Raises the error that is told."""
    raise DocstoreError(command.reason, error=command.error)


def expire(txn: GroupTransaction, command: ExpireReplies) -> bytes | None:
    """One step; where to go on, None at the end."""
    return remembered.expire(txn, command.now, command.position)
