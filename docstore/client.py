"""Change a document exactly once, whatever happens to the requests.

    async with Client("http://127.0.0.1:5984") as client:
        await client.update("shop", "stock", lambda doc: {**doc, "count": doc.get("count", 0) + 1})

``update`` reads the document, applies the function and writes the result. A conflict makes it read and apply again; a
request that was lost, or whose answer was, makes it ask again; pauses grow and are jittered.

The danger is the lost answer of a write: did it go through? Sent again, it would meet its own revision and look like a
conflict; applied again, it would count twice. Whether a write went through is told

* by docstore, which remembers the write under its Idempotency-Key and answers the same request with the same reply;
* on a CouchDB, by an *operation id* that stands in a member of the document, if the caller names one
  (``operation_field``): the revision that follows the one we read is ours if it carries our id;
* without that, only by a revision that is certainly not ours. Otherwise ``OutcomeUnknown`` is raised, not guessed.

Owns this loop and nothing else; it is no general client. It knows the HTTP API, nothing of the server's inside.
docs/retries.md shows what happens without it.
"""

import asyncio
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from json import loads
from typing import Any, Final, Self, TypeAlias
from urllib.parse import quote
from uuid import uuid4

import aiohttp
from yarl import URL

Document: TypeAlias = dict[str, Any]
Change: TypeAlias = Callable[[Document], Document | None]
"""From the document, ``{}`` if there is none, to what it shall be; None leaves it as it is. May be called often."""

FIRST_PAUSE: Final = 0.02
LONGEST_PAUSE: Final = 2.0
TRY_AGAIN: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
IN_FLIGHT: Final = "idempotency_in_flight"


class UpdateFailed(Exception):
    """The update did not go through: the server refuses it, or could not be reached for as long as we had patience.

    ``status`` is that of the last answer, 0 if there was none.
    """

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class OutcomeUnknown(Exception):
    """The last write may or may not have gone through, and nothing tells which. ``document`` is what was written."""

    def __init__(self, message: str, document: Document) -> None:
        super().__init__(message)
        self.document = document


@dataclass(frozen=True, slots=True)
class Updated:
    """How an update ended: the document and its revision, and how many writes were composed.

    ``rev`` is None if there was no document and none was wanted.
    """

    rev: str | None
    document: Document
    attempts: int


@dataclass(frozen=True, slots=True)
class _Read:
    """A document as it was read. ``generation``: no revision of ours can be as old as this one."""

    document: Document
    generation: int


class Client:
    """An asynchronous client of one server. It may be shared by any number of tasks.

    ``operation_field``  a member of every document that this client may set; needed on CouchDB, harmless on docstore
    ``patience``         seconds after which an update is given up
    ``request_timeout``  seconds to wait for one answer
    """

    def __init__(
        self,
        url: str,
        *,
        auth: aiohttp.BasicAuth | None = None,
        headers: Mapping[str, str] | None = None,
        operation_field: str | None = None,
        patience: float = 60.0,
        request_timeout: float = 10.0,
        rng: random.Random | None = None,
    ) -> None:
        if operation_field is not None and (not operation_field or operation_field.startswith("_")):
            raise ValueError("the operation field must not begin with an underscore")
        self._url = url.rstrip("/")
        self._auth = auth
        self._headers = dict(headers or {})
        self._field = operation_field
        self._patience = patience
        self._timeout = aiohttp.ClientTimeout(total=request_timeout)
        self._rng = rng or random.Random()
        self._session: aiohttp.ClientSession | None = None
        self._remembers: bool | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def update(self, database: str, doc_id: str, change: Change) -> Updated:
        """Apply ``change`` to a document exactly once.

        Raises UpdateFailed, OutcomeUnknown, what ``change`` raises, and ValueError for a ``_local`` document: those
        have no revision tree, so a CouchDB could not be asked what became of a write.
        """
        if doc_id.startswith("_local/"):
            raise ValueError("a _local document has no history")
        work = _Update(self, f"/{quote(database, safe='')}/{_quote_id(doc_id)}")
        attempt = 0
        for pause in self.pauses():
            await asyncio.sleep(pause)
            read = await work.read()
            wanted = change(dict(read.document))
            if wanted is None:
                return Updated(read.document.get("_rev"), read.document, attempt)
            attempt += 1
            rev = await work.write(read, wanted)
            if rev is not None:
                return Updated(rev, {**wanted, "_rev": rev}, attempt)
        raise UpdateFailed(f"after {attempt} attempts others were still faster", 409)

    @property
    def operation_field(self) -> str | None:
        """The member that carries the operation id."""
        return self._field

    async def remembers(self) -> bool:
        """Whether the server keeps replies by Idempotency-Key: docstore does. Asked once."""
        if self._remembers is None:
            _, welcome = await self.ask("GET", "/", expected=frozenset({200}))
            self._remembers = welcome.get("vendor", {}).get("name") == "docstore"
        return self._remembers

    def pauses(self) -> Iterator[float]:
        """Seconds to wait before each attempt, while there is patience: none, then ever more, with full jitter."""
        now = asyncio.get_running_loop().time
        end = now() + self._patience
        yield 0.0
        longest = FIRST_PAUSE
        while now() < end:
            yield self._rng.uniform(0, longest)
            longest = min(longest * 2, LONGEST_PAUSE)

    async def ask(
        self,
        method: str,
        path: str,
        *,
        expected: frozenset[int],
        json: Document | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, Any]:
        """Send a request until it is answered: status and JSON of the answer.

        An answer whose status is not ``expected`` raises UpdateFailed. Having no answer raises it too; for a write that
        may have been received it raises OutcomeUnknown.
        """
        lost, status, words = False, 0, "no answer"
        for pause in self.pauses():
            await asyncio.sleep(pause)
            try:
                status, body = await self._send(method, path, json, {**self._headers, **(headers or {})})
            except aiohttp.ClientConnectorError as error:
                words = str(error)  # never received
                continue
            except (aiohttp.ClientError, TimeoutError) as error:
                lost, words = True, repr(error)
                continue
            words = f"{status} {body}"
            if status in TRY_AGAIN or (isinstance(body, dict) and body.get("error") == IN_FLIGHT):
                lost = lost or status >= 500
                continue
            if status in expected:
                return status, body
            break
        if lost and json is not None:
            raise OutcomeUnknown(f"{method} {path}: {words}", json)
        raise UpdateFailed(f"{method} {path}: {words}", status)

    async def _send(self, method: str, path: str, json: Document | None, headers: Mapping[str, str]) -> tuple[int, Any]:
        if self._session is None:
            self._session = aiohttp.ClientSession(auth=self._auth, timeout=self._timeout)
        # A path is sent as it is: aiohttp would decode %2F.
        url = URL(self._url + path, encoded=True)
        async with self._session.request(method, url, json=json, headers=headers) as reply:
            text = await reply.text(errors="replace")
            try:
                return reply.status, loads(text)
            except ValueError:  # some proxy's page
                return reply.status, {"reason": text[:200]}


class _Update:
    """The requests of one update: what is at ``path``, and which of its revisions is ours."""

    def __init__(self, client: Client, path: str) -> None:
        self._client = client
        self._path = path

    async def read(self) -> _Read:
        """The document, ``{}`` if there is none."""
        status, found = await self._client.ask("GET", self._path, expected=frozenset({200, 404}))
        if status == 200:
            return _Read(found, _generation(found["_rev"]))
        if found.get("reason") != "deleted":
            return _Read({}, 0)
        return _Read({}, max((_generation(leaf["_rev"]) for leaf in await self._leaves()), default=0))

    async def write(self, read: _Read, wanted: Document) -> str | None:
        """The revision that was made; None if another write came first. Raises OutcomeUnknown."""
        parent = read.document.get("_rev")
        if parent is not None:
            wanted["_rev"] = parent
        else:
            wanted.pop("_rev", None)
        operation = uuid4().hex
        if self._client.operation_field is not None:
            wanted[self._client.operation_field] = operation
        remembered = await self._client.remembers()
        headers = {"Idempotency-Key": f'"{operation}"'} if remembered else {}
        status, answer = await self._client.ask(
            "PUT", self._path, expected=frozenset({200, 201, 202, 409}), json=wanted, headers=headers
        )
        if status != 409:
            return str(answer["rev"])
        return None if remembered else await self._own_revision(read, wanted)

    async def _own_revision(self, read: _Read, wanted: Document) -> str | None:
        """After a conflict on a CouchDB: the revision that this write made all the same, None if it made none.

        It is one of the revisions that follow the one we read. Raises OutcomeUnknown if one of them might be it.
        """
        field = self._client.operation_field
        for rev, document in await self._followers(read, wanted):
            if document is None:
                raise OutcomeUnknown(f"what {rev} was is no longer known", wanted)
            if field is not None:
                if document.get(field) == wanted[field]:
                    return rev
            elif _content(document) == _content(wanted):
                raise OutcomeUnknown(f"{rev} has this content, but whose it is nothing tells", wanted)
        return None

    async def _followers(self, read: _Read, wanted: Document) -> list[tuple[str, Document | None]]:
        """The revisions that may have been made from the one we read, with their documents as far as they are kept."""
        parent, oldest = read.document.get("_rev"), read.generation + 1
        found: dict[str, Document | None] = {}
        for leaf in await self._leaves():
            newest, ids = leaf["_revisions"]["start"], leaf["_revisions"]["ids"]
            path = {newest - age: f"{newest - age}-{text}" for age, text in enumerate(ids)}
            if newest < oldest or (parent is not None and path.get(read.generation, parent) != parent):
                continue
            if oldest not in path:
                raise OutcomeUnknown("the history is too short to tell", wanted)
            for generation in range(oldest, newest + 1 if parent is None else oldest + 1):
                rev = path[generation]
                found[rev] = leaf if generation == newest else found.get(rev) or await self._revision(rev)
        return list(found.items())

    async def _revision(self, rev: str) -> Document | None:
        status, found = await self._client.ask("GET", f"{self._path}?rev={quote(rev)}", expected=frozenset({200, 404}))
        return found if status == 200 else None

    async def _leaves(self) -> list[Document]:
        """The leaves with their ancestors; none of a document that is not there."""
        status, rows = await self._client.ask(
            "GET",
            f"{self._path}?open_revs=all&revs=true",
            expected=frozenset({200, 404}),
            headers={"Accept": "application/json"},
        )
        return [row["ok"] for row in rows if "ok" in row] if status == 200 else []


class SyncClient:
    """``Client`` for code without an event loop; the same arguments."""

    def __init__(self, url: str, **arguments: Any) -> None:
        self._client = Client(url, **arguments)
        self._runner = asyncio.Runner()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._runner.run(self._client.close())
        self._runner.close()

    def update(self, database: str, doc_id: str, change: Change) -> Updated:
        """As ``Client.update``; not from within a running event loop."""
        return self._runner.run(self._client.update(database, doc_id, change))


def _quote_id(doc_id: str) -> str:
    for prefix in ("_design/", "_local/"):
        if doc_id.startswith(prefix):
            return prefix + quote(doc_id.removeprefix(prefix), safe="")
    return quote(doc_id, safe="")


def _generation(rev: str) -> int:
    return int(rev.partition("-")[0])


def _content(document: Document) -> Document:
    """What a writer chose of a document: without what the server adds, and attachments by name alone."""
    kept = {name: value for name, value in document.items() if not name.startswith("_")}
    return {
        **kept,
        "_deleted": document.get("_deleted", False),
        "_attachments": sorted(document.get("_attachments", ())),
    }
