"""A server that misbehaves as told, and remembers what it was asked.

Owns the way of a request through rules, server and journal, and the paths that control these. It must not know how the
server answers: its dispatcher is handed in, and everything is done around it.
"""

from aiohttp.web import BaseRequest

from docstore.double.afterwards import afterwards
from docstore.double.before import before
from docstore.double.entries import Entry
from docstore.double.facts import Facts
from docstore.double.faults import Faults
from docstore.double.journal import MAX_BODY, Journal
from docstore.double.profiles import COUCHDB, PROFILES
from docstore.double.request_body import SeenBody
from docstore.double.surface import Surface
from docstore.httpd.dispatch import Dispatcher
from docstore.httpd.listener import Handle
from docstore.httpd.replies import Reply
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
        self._dispatcher: Dispatcher | None = None
        self._handle: Handle | None = None

    def attach(self, dispatcher: Dispatcher) -> Handle:
        """Put it around a server; what comes back answers the server's requests."""
        self._dispatcher = dispatcher
        handle: Handle = dispatcher.handle
        for around in self.profile.around:
            handle = around(handle, dispatcher)
        self._handle = handle
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
        assert self._handle is not None
        assert self._dispatcher is not None
        hits = await self.faults.struck(facts)
        if not hits:
            reply = await self._handle(raw)
            entry.answered(reply)
            return reply
        entry.rules = tuple(hit.fault.id for hit in hits)
        early = await before(raw, facts, hits)
        if early is not None:
            cors = self._dispatcher.service.cors
            if cors.enabled:
                early.headers = (*early.headers, *cors.headers(raw.headers, early))
            entry.answered(early)
            return early
        reply = await self._handle(raw)
        entry.answered(reply)
        changed = await afterwards(raw, facts, hits, reply)
        entry.answered(changed)
        return changed
