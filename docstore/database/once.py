"""Writes that are carried out once: what is remembered of them, and which are under way.

Owns the way of a request with an idempotency key to its answer. It must not know HTTP, nor what a reply says. Such a
request has a ``Ticket``, which gives a handle of the database whose one write is remembered::

    ticket = remembered.ticket("db", user, key, fingerprint)
    await ticket.remembering(database, form).update_doc(document)
    ticket.reply                        # as it is stored now

The write reaches storage as one ``Remembered`` command, which looks the key up before anything else. If it was used
before, nothing is written, and the write raises ``AnsweredBefore``; that is no DocstoreError, so nobody takes it for a
refusal, but what was staged for the write is given up as after any exception. Of several requests with one key that
come at once, one is carried out and the others wait for it, for a time.
"""

import asyncio
import logging
from asyncio import Future, Task, create_task, get_running_loop, shield
from collections.abc import Callable
from typing import Final, Protocol, Self, TypeVar, cast

from docstore.database.apply.remembered import Answer, ExpireReplies, Receipt, Remembered, ReplyForm
from docstore.database.background import recur
from docstore.errors import BadRequest, DocstoreError, IdempotencyInFlight
from docstore.settings import Settings
from docstore.storage import keys, remembered
from docstore.storage.engine.environment import Environment
from docstore.storage.engine.writer import Writer
from docstore.storage.remembered_rows import ReplyRow, StoredReply

log = logging.getLogger(__name__)

EXPIRE_SECONDS: Final = 60.0
TOO_LONG: Final = "The reply would be longer than {} bytes, too long to be remembered for an Idempotency-Key."


class Handle(Protocol):
    """What writes by a writer: a ``Database``."""

    def writing_by(self, writer: "Once") -> Self:
        """The same, its writes submitted to another writer."""


H = TypeVar("H", bound=Handle)


class AnsweredBefore(Exception):
    """The request was carried out before. ``reply`` is what it was answered with."""

    def __init__(self, reply: StoredReply) -> None:
        super().__init__("the request was carried out before")
        self.reply = reply


class RememberedReplies:
    """What one node remembers. ``clock`` gives microseconds since 1970."""

    def __init__(
        self, environment: Environment, writer: Writer, settings: Settings, *, clock: Callable[[], int]
    ) -> None:
        self._environment = environment
        self._writer = writer
        self._clock = clock
        self._lifetime = int(settings.idempotency_lifetime * 1_000_000)
        self._wait = settings.idempotency_wait
        self._limits = settings.limits
        self._under_way: dict[bytes, Future[object]] = {}
        self._expiry: Task[None] | None = None

    def ticket(self, database: str, user: str, key: str, fingerprint: Callable[[], bytes]) -> "Ticket":
        """The ticket of a request. ``database``: the name that it is about, whether it exists or not.

        ``fingerprint`` gives 32 bytes, and is called when the write is submitted.
        """
        return Ticket(self, database, user, key, fingerprint)

    def find(self, database: str, user: str, key: str) -> ReplyRow | None:
        """What is remembered of a key now."""
        return self.find_row(keys.reply_key(database, keys.reply_digest(user, key)))

    def find_row(self, row_key: bytes) -> ReplyRow | None:
        """As ``find``, by the key in the table."""
        with self._environment.snapshot() as snapshot:
            row = remembered.find(snapshot, row_key)
        return None if row is None or row.expires <= self._clock() else row

    # --- writing

    def check_length(self, length: int) -> None:
        """Raises BadRequest if a reply of so many bytes would be too long to be kept."""
        if length > self._limits.max_stored_reply:
            raise BadRequest(TOO_LONG.format(self._limits.max_stored_reply))

    async def carry_out(self, ticket: "Ticket", effects: tuple[object, ...], form: ReplyForm) -> Answer:
        """Submit effects once. Raises IdempotencyInFlight, IdempotencyKeyReused, what the form raises."""
        row_key = ticket.row_key
        await self._turn(row_key)
        now = self._clock()
        receipt = Receipt(
            ticket.database,
            ticket.user,
            ticket.key,
            ticket.fingerprint(),
            now,
            now + self._lifetime,
            self._limits.max_stored_replies,
            self._limits.max_stored_reply_bytes,
        )
        submitted = self._writer.submit(Remembered(receipt, effects, form))
        self._under_way[row_key] = submitted
        submitted.add_done_callback(lambda _: self._under_way.pop(row_key))
        # A caller who is cancelled does not end the write, so whoever comes after still has to wait for it.
        return cast("Answer", await shield(submitted))

    async def _turn(self, row_key: bytes) -> None:
        """Wait until no request with this key is under way. Raises IdempotencyInFlight."""
        loop = get_running_loop()
        deadline = loop.time() + self._wait
        while (other := self._under_way.get(row_key)) is not None:
            done, _ = await asyncio.wait((other,), timeout=max(deadline - loop.time(), 0))
            if not done:
                raise IdempotencyInFlight

    # --- expiry

    async def start(self) -> None:
        """Forget what has expired, from now on."""
        self._expiry = create_task(
            recur("the expiry of remembered replies", EXPIRE_SECONDS, self.expire), name="expiry of replies"
        )

    async def stop(self) -> None:
        """Leave the rest for the next start."""
        if self._expiry is not None:
            self._expiry.cancel()
            await asyncio.gather(self._expiry, return_exceptions=True)

    async def expire(self) -> None:
        """Forget what has expired, in small steps."""
        with self._environment.snapshot() as snapshot:
            if not remembered.any_stored(snapshot):
                return
        position: bytes | None = b""
        while position is not None:
            position = cast("bytes | None", await self._writer.submit(ExpireReplies(self._clock(), position)))


class Ticket:
    """A request with a key.

    ``reply``  what the request is answered with, once its write is done
    """

    def __init__(
        self, remembered: RememberedReplies, database: str, user: str, key: str, fingerprint: Callable[[], bytes]
    ) -> None:
        self.database = database
        self.user = user
        self.key = key
        self.row_key = keys.reply_key(database, keys.reply_digest(user, key))
        self.fingerprint = fingerprint
        self.reply: StoredReply | None = None
        self._remembered = remembered

    def find(self) -> ReplyRow | None:
        """What is remembered of the key now."""
        return self._remembered.find_row(self.row_key)

    def once(self, form: ReplyForm) -> "Once":
        """What the one write of the request is submitted to. Raises BadRequest if its reply would be too long."""
        self.check_length(form.expected_bytes)
        return Once(self, form)

    def check_length(self, length: int) -> None:
        """Raises BadRequest if a reply of so many bytes would be too long to be kept."""
        self._remembered.check_length(length)

    def remembering(self, database: H, form: ReplyForm) -> H:
        """The handle, its one write to be remembered with a reply of this form. Raises as ``once``."""
        return database.writing_by(self.once(form))

    async def carry_out(self, effects: tuple[object, ...], form: ReplyForm) -> tuple[object, ...]:
        """Submit effects; the result or error of each. Raises AnsweredBefore and as ``RememberedReplies.carry_out``."""
        if self.reply is not None:
            raise AssertionError("a request with a key is one write")
        answer = await self._remembered.carry_out(self, effects, form)
        if answer.results is None:
            raise AnsweredBefore(answer.reply)
        self.reply = answer.reply
        return answer.results


class Once:
    """Takes the place of the writer in a handle; whatever it is given is remembered with the reply.

    ``results``  of the effects beside the one that was submitted
    """

    def __init__(self, ticket: Ticket, form: ReplyForm, beside: tuple[object, ...] = ()) -> None:
        self.results: tuple[object, ...] = ()
        self._ticket = ticket
        self._form = form
        self._beside = beside

    def beside(self, effects: tuple[object, ...]) -> "Once":
        """The same, with further effects in the same command."""
        return Once(self._ticket, self._form, effects)

    async def submit(self, command: object) -> object:
        """The result of a command, as ``Writer.submit``. Raises as ``Ticket.carry_out``."""
        result, *rest = await self._ticket.carry_out((command, *self._beside), self._form)
        self.results = tuple(rest)
        if isinstance(result, DocstoreError):
            raise result
        return result

    async def submit_rest(self) -> None:
        """Only what stands beside."""
        self.results = await self._ticket.carry_out(self._beside, self._form)
