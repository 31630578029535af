"""A server that misbehaves as told, and remembers what it was asked.

Owns the way of a request through rules, server and journal, and the paths that control these. It must not know how the
server answers: its dispatcher is handed in, and everything is done around it.
"""

from collections.abc import Sequence
from functools import partial
from typing import Final

from aiohttp.web import BaseRequest

from docstore.double.actions import ExpireSession, SpuriousConflict
from docstore.double.afterwards import afterwards
from docstore.double.asking import asked
from docstore.double.before import before
from docstore.double.branching import branched, may_branch
from docstore.double.entries import Entry
from docstore.double.expired import Expired
from docstore.double.facts import Facts
from docstore.double.faults import Faults, Hit
from docstore.double.journal import MAX_BODY, Journal
from docstore.double.profiles import COUCHDB, PROFILES
from docstore.double.request_body import SeenBody
from docstore.double.surface import Surface
from docstore.double.together import on_answer, together
from docstore.errors import DocstoreError
from docstore.httpd.dispatch import Dispatcher
from docstore.httpd.listener import Handle
from docstore.httpd.problems.errors import error_reply
from docstore.httpd.replies import Reply, new_request_id
from docstore.httpd.wire.bodies import leaves_end_unsure
from docstore.httpd.wire.connection import Connection
from docstore.httpd.wire.streaming import StreamReply

REFUSED: Final = 400


class Double:
    """The faults, the journal and the controls of one server.

    ``seed`` decides what its rules draw, where they have no seed of their own. ``profile`` is the service that the
    server stands for (``profiles.py``). Raises ValueError for one that is not known.
    """

    def __init__(self, *, seed: int | None = None, profile: str = COUCHDB) -> None:
        if profile not in PROFILES:
            raise ValueError(f"there is no profile {profile}; there are {', '.join(PROFILES)}")
        self.profile = PROFILES[profile]
        self.faults = Faults(seed)
        self.journal = Journal()
        self.surface = Surface(self.faults, self.journal)
        self._expired = Expired()
        self._dispatcher: Dispatcher | None = None

    def attach(self, dispatcher: Dispatcher) -> Handle:
        """Put it around a server; what comes back answers the server's requests."""
        self._dispatcher = dispatcher
        self.surface.attach(dispatcher)
        return self.handle

    async def handle(self, raw: BaseRequest) -> Reply | StreamReply:
        """The reply to a request. Raises ConnectionError where there is none."""
        dispatcher = self._dispatcher
        assert dispatcher is not None
        controlled = await self.surface.answer(raw)
        if controlled is not None:
            return _in_its_place(raw, controlled)
        facts = Facts(raw, dispatcher.router, SeenBody.of(raw, MAX_BODY))
        entry = self.journal.begin(facts)
        try:
            reply = await self._answer(raw, facts, entry, dispatcher)
        except BaseException as error:
            entry.ended(getattr(error, "outcome", "left"))
            raise
        finally:
            self.journal.end(entry)
        return reply

    async def _answer(
        self, raw: BaseRequest, facts: Facts, entry: Entry, dispatcher: Dispatcher
    ) -> Reply | StreamReply:
        hits = together(await self.faults.struck(facts))
        early: Reply | None = None
        if hits:
            entry.rules = _ids(hits)
            if any(isinstance(hit.action, ExpireSession) for hit in hits):
                self._expired.add(facts.credential)
            early = await before(raw, facts, hits)
        reply: Reply | StreamReply
        if early is not None:
            reply = _with_cors(raw, _in_its_place(raw, early), dispatcher)
        else:
            reply = await self._served(raw, facts, hits, dispatcher)
        entry.answered(reply)
        if early is None and len(self.faults):
            reply = await self._branched(raw, facts, entry, reply, dispatcher)
        if hits:
            late = entry.rules[len(hits) :]
            hits = on_answer(hits, raw.method, reply)
            entry.rules = (*_ids(hits), *late)
            reply = await afterwards(raw, facts, hits, reply)
            entry.answered(reply)
        return reply

    async def _served(
        self, raw: BaseRequest, facts: Facts, hits: Sequence[Hit], dispatcher: Dispatcher
    ) -> Reply | StreamReply:
        """The server's answer to the request, or to the one that it is to see."""
        try:
            return await dispatcher.handle(await asked(raw, facts, hits, dispatcher.service.node, self._expired))
        except DocstoreError as error:
            told = error_reply(error)
        reply = await dispatcher.handle(raw)
        if reply.status >= REFUSED:
            return reply
        if isinstance(reply, StreamReply):
            await reply.abandon()
        told.request_id = reply.request_id
        return _with_cors(raw, told, dispatcher)

    async def _branched(
        self, raw: BaseRequest, facts: Facts, entry: Entry, reply: Reply | StreamReply, dispatcher: Dispatcher
    ) -> Reply | StreamReply:
        """The answer to a write once rules that look at answers were asked."""
        for hit in self.faults.struck_late(facts, partial(may_branch, facts, reply)):
            entry.rules = (*entry.rules, hit.fault.id)
            if isinstance(hit.action, SpuriousConflict) and isinstance(reply, Reply):
                made = await branched(hit.action, raw, facts, reply, dispatcher.service.node)
                if made is not reply:
                    made.keep_alive = reply.keep_alive
                    reply = _with_cors(raw, made, dispatcher)
                entry.answered(reply)
        return reply


def _ids(hits: Sequence[Hit]) -> tuple[str, ...]:
    return tuple(hit.fault.id for hit in hits)


def _in_its_place(raw: BaseRequest, reply: Reply) -> Reply:
    """A reply to a request that the server does not see, as its dispatcher would have left it."""
    connection = raw.protocol
    if isinstance(connection, Connection):
        connection.begun += 1
        if connection.half_closed and connection.serves_the_last:
            reply.keep_alive = False
    if leaves_end_unsure(raw):
        reply.keep_alive = False
    reply.request_id = new_request_id()
    return reply


def _with_cors(raw: BaseRequest, reply: Reply, dispatcher: Dispatcher) -> Reply:
    """A reply with the headers that let a page read it."""
    cors = dispatcher.service.cors
    if cors.enabled:
        reply.headers = (*reply.headers, *cors.headers(raw.headers, reply))
    return reply
