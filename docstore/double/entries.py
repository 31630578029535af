"""One request in the journal.

Owns what is kept of it: bounded bodies, headers without credentials, no body at all where passwords and keys travel. It
must not know who asks for it.
"""

import re
import time
from typing import Any, Final

from aiohttp import hdrs
from multidict import CIMultiDict

from docstore.core.cloudant.throughput import Cost, cost_of
from docstore.core.json_text import JsonValue, decode
from docstore.core.security.user_documents import USERS
from docstore.double.facts import MOST_DEPTH, Facts
from docstore.double.request_body import inflated
from docstore.errors import DocstoreError
from docstore.httpd.replies import Head, Reply
from docstore.replication.jobs.documents import is_replicator

HIDDEN: Final = "(hidden)"
CREDENTIALS: Final = frozenset(
    {
        "authorization",
        "proxy-authorization",
        "cookie",
        "set-cookie",
        "x-auth-couchdb-token",
        "x-auth-couchdb-username",
        "x-auth-couchdb-roles",
    }
)
SECRET_ENDPOINTS: Final = frozenset({"_session", "_config", "_replicate"})
SECRET_PATHS: Final = ("/identity/", "/_iam_session", "/_api/")
_USER_INFO: Final = re.compile(r"(?<=:)//[^/?#]*@")
"""Name and password in an address, as a request to a proxy may have them."""
MAX_REPLY: Final = 16 * 1024
"""Bytes of an answer's body that are kept."""
USUAL_HEAD: Final = 4 * 1024
"""Bytes of targets and headers that cost a request nothing."""
OF_A_TEXT: Final = 60
"""Bytes that a text takes beside its letters."""

Pairs = tuple[tuple[str, str], ...]


class Entry:
    """A request.

    ``number``    counted from the server's first
    ``time``      seconds since 1970 when it came; ``started`` on a clock that only grows; ``seconds`` until its answer
                  began, None before
    ``method``, ``target`` (path and query as they came), ``path`` (decoded), ``query``, ``segments``
    ``endpoint``, ``database``, ``document``, ``operation``, ``user``  as rules match them
    ``headers``   by name in any case; credentials are hidden
    ``body``      its beginning, as far as it was read; ``body_size`` how much that was
    ``status``    of the answer, None if there was none
    ``reply_headers``, ``reply_body`` (its beginning), ``reply_size`` (None of a stream)
    ``outcome``   ``answered``, or what became of it: ``dropped``, ``reset``, ``left``, ...
    ``rules``     ids of those that hit it
    ``is_forgotten``, ``counted``  the journal's own: it is no longer in there; its bytes as they were counted
    """

    def __init__(self, number: int, facts: Facts) -> None:
        self.number = number
        self.time = time.time()
        self.started = time.monotonic()
        self.seconds: float | None = None
        self.method = facts.method
        self.target = _USER_INFO.sub(f"//{HIDDEN}@", facts.target)
        self.segments = facts.segments
        self.path = facts.path
        self.query = facts.query
        self.endpoint, self.database, self.document = facts.endpoint, facts.database, facts.document
        self.operation, self.user = facts.operation, facts.user
        self.partitioned = facts.partitioned
        self.version = facts.raw.version
        self.headers = CIMultiDict((str(name), _shown(name, value)) for name, value in facts.headers.items())
        self.status: int | None = None
        self.outcome = "under way"
        self.rules: tuple[str, ...] = ()
        self.reply_headers: Pairs = ()
        self.reply_body = b""
        self.reply_size: int | None = None
        self.request_id = ""
        self.is_forgotten = False
        self.counted = 0
        self._facts: Facts | None = facts
        self._body = b""
        self._body_size = 0
        self._encoding = facts.headers.get(hdrs.CONTENT_ENCODING, "")
        self._secret = (
            self.endpoint in SECRET_ENDPOINTS
            or self.database == USERS
            or is_replicator(self.database)
            or self.path.startswith(SECRET_PATHS)
        )

    def answered(self, reply: Head) -> None:
        """The server has an answer; it may still be changed on its way."""
        self.seconds = time.monotonic() - self.started
        self.status = reply.status
        self.outcome = "answered"
        self.request_id = reply.request_id.decode()
        self.reply_headers = tuple((str(name), _shown(name, value)) for name, value in reply.headers)
        if reply.content_type is not None:
            self.reply_headers = (("Content-Type", reply.content_type), *self.reply_headers)
        if isinstance(reply, Reply):
            self.reply_size = len(reply.body)
            self.reply_body = b"" if self._secret else reply.body[:MAX_REPLY]

    def ended(self, outcome: str) -> None:
        """There is no answer, or it was taken away."""
        self.outcome = outcome
        self.status = None
        if self.seconds is None:
            self.seconds = time.monotonic() - self.started

    def close(self) -> None:
        """Nothing more comes: the body that was seen is taken over."""
        if self._facts is not None:
            self._body, self._body_size = self._seen(self._facts)
            self._facts = None

    @property
    def kept_bytes(self) -> int:
        """What it takes of the journal's bound: bodies, and what is unusual of the rest."""
        return len(self._body) + len(self.reply_body) + max(0, self._head_bytes - USUAL_HEAD)

    @property
    def _head_bytes(self) -> int:
        pairs = (*self.headers.items(), *self.query.items(), *self.reply_headers)
        texts = sum(len(name) + len(value) + 2 * OF_A_TEXT for name, value in pairs)
        return texts + len(self.target) + 2 * len(self.path) + OF_A_TEXT * len(self.segments)

    @property
    def body(self) -> bytes:
        """The beginning of the body."""
        return self._body if self._facts is None else self._seen(self._facts)[0]

    @property
    def body_size(self) -> int:
        """How many bytes of the body were read."""
        return self._body_size if self._facts is None else self._seen(self._facts)[1]

    def _seen(self, facts: Facts) -> tuple[bytes, int]:
        return b"" if self._secret else facts.body.seen, facts.body.size

    @property
    def text(self) -> str:
        """The body as text, inflated."""
        return (inflated(self.body, self._encoding) or b"").decode("utf-8", "replace")

    @property
    def json(self) -> JsonValue:
        """The body as JSON; None if it is none, or was too long to be kept."""
        try:
            return decode(inflated(self.body, self._encoding) or b"", max_depth=MOST_DEPTH)
        except DocstoreError:
            return None

    def cost(self) -> Cost:
        """What it took of Cloudant's throughput, if each document is one."""
        return cost_of(self.method, self.endpoint, partitioned=self.partitioned)

    def __str__(self) -> str:
        became = self.outcome if self.status is None else str(self.status)
        took = "" if self.seconds is None else f" in {self.seconds * 1000:.0f} ms"
        rules = f", hit by {', '.join(self.rules)}" if self.rules else ""
        return f"{self.number}. {self.method} {self.target} -> {became}{took}{rules}"

    def as_json(self) -> dict[str, Any]:
        """As it is told over HTTP."""
        return {
            "number": self.number,
            "time": self.time,
            "started": self.started,
            "seconds": self.seconds,
            "method": self.method,
            "target": self.target,
            "path": self.path,
            "endpoint": self.endpoint,
            "database": self.database,
            "document": self.document,
            "operation": self.operation,
            "user": self.user,
            "headers": [[str(name), value] for name, value in self.headers.items()],
            "body": self.text,
            "body_size": self.body_size,
            "status": self.status,
            "outcome": self.outcome,
            "rules": list(self.rules),
            "reply_headers": [list(pair) for pair in self.reply_headers],
            "reply_body": self.reply_body.decode("utf-8", "replace"),
            "reply_size": self.reply_size,
            "request_id": self.request_id,
        }


def _shown(name: str, value: str) -> str:
    return HIDDEN if name.lower() in CREDENTIALS else value.encode("utf-8", "replace").decode()
