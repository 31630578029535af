"""A server that misbehaves as told, and remembers what it was asked.

Owns the way of a request through rules, server and journal, and the paths that control these. It must not know how the
server answers: its dispatcher is handed in, and everything is done around it.
"""

from functools import partial

from aiohttp.web import BaseRequest

from docstore.double.actions import SpuriousConflict
from docstore.double.afterwards import afterwards
from docstore.double.asking import asked
from docstore.double.before import before
from docstore.double.branching import branched, may_branch
from docstore.double.entries import Entry
from docstore.double.expired import Expired
from docstore.double.facts import Facts
from docstore.double.faults import Faults
from docstore.double.journal import MAX_BODY, Journal
from docstore.double.profiles import COUCHDB, PROFILES
from docstore.double.request_body import SeenBody
from docstore.double.surface import Surface
from docstore.errors import DocstoreError
from docstore.httpd.dispatch import Dispatcher
from docstore.httpd.listener import Handle
from docstore.httpd.problems.errors import error_reply
from docstore.httpd.replies import Reply, new_request_id
from docstore.httpd.wire.streaming import StreamReply


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
        self._handle: Handle | None = None

    def attach(self, dispatcher: Dispatcher) -> Handle:
        """Put it around a server; what comes back answers the server's requests."""
        self._dispatcher = dispatcher
        self._handle = dispatcher.handle
        self.surface.attach(dispatcher)
        return self.handle

    async def handle(self, raw: BaseRequest) -> Reply | StreamReply:
        """The reply to a request. Raises ConnectionError where there is none."""
        controlled = await self.surface.answer(raw)
        if controlled is not None:
            return controlled
        dispatcher = self._dispatcher
        assert dispatcher is not None
        facts = Facts(raw, dispatcher.router, SeenBody.of(raw, MAX_BODY))
        entry = self.journal.begin(facts)
        try:
            reply = await self._answer(raw, facts, entry)
        except BaseException as error:
            entry.ended(getattr(error, "outcome", "left"))
            raise
        finally:
            self.journal.end(entry)
        return reply

    async def _answer(self, raw: BaseRequest, facts: Facts, entry: Entry) -> Reply | StreamReply:
        dispatcher, handle = self._dispatcher, self._handle
        assert dispatcher is not None
        assert handle is not None
        hits = await self.faults.struck(facts)
        if hits:
            entry.rules = tuple(hit.fault.id for hit in hits)
            early = await before(raw, facts, hits)
            if early is not None:
                return self._made_here(raw, early, entry)
        node = dispatcher.service.node
        try:
            reply = await handle(asked(raw, facts, hits, node, self._expired))
        except DocstoreError as error:
            reply = self._made_here(raw, error_reply(error), entry)
        entry.answered(reply)
        if len(self.faults):
            reply = await self._branched(raw, facts, entry, reply)
        if hits:
            reply = await afterwards(raw, facts, hits, reply)
            entry.answered(reply)
        return reply

    async def _branched(
        self, raw: BaseRequest, facts: Facts, entry: Entry, reply: Reply | StreamReply
    ) -> Reply | StreamReply:
        """The answer to a write once rules that look at answers were asked."""
        assert self._dispatcher is not None
        for hit in self.faults.struck_late(facts, partial(may_branch, facts, reply)):
            entry.rules = (*entry.rules, hit.fault.id)
            if isinstance(hit.action, SpuriousConflict) and isinstance(reply, Reply):
                reply = await branched(hit.action, raw, facts, reply, self._dispatcher.service.node)
                entry.answered(reply)
        return reply

    def _made_here(self, raw: BaseRequest, reply: Reply, entry: Entry) -> Reply:
        """A reply that is not the server's, with what its replies have."""
        assert self._dispatcher is not None
        reply.request_id = new_request_id()
        cors = self._dispatcher.service.cors
        if cors.enabled:
            reply.headers = (*reply.headers, *cors.headers(raw.headers, reply))
        entry.answered(reply)
        return reply
