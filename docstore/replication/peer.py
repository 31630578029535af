"""What a replication needs of a database, wherever it is: the ``Peer`` protocol and what goes over it.

Owns the shapes. It must not know how a peer is reached: ``local/peer.py`` reads and writes a database of this process,
``remote/peer.py`` speaks CouchDB's protocol over HTTP. Follows "CouchDB Replication Protocol" of CouchDB's manual.

A revision on its way is a ``FetchedDoc``. It is good for as long as its source peer is open, may be written more than
once (a retry reads its attachments again), and in whatever order::

    source.fetch(wanted) -> FetchedDoc -> target.write([...])
      text         JSON text; the numbers in it are as the source has them, nobody decodes them on the way
      attachments  those whose bytes do not stand in the text; they are read in pieces when the target asks for them
      direct       between databases of one store: the stored revision itself; then ``text`` is not even made
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol, TypeAlias

from docstore.core.attachment import Encoding
from docstore.core.json_text import JsonValue

__all__ = [
    "Change",
    "ChangesBatch",
    "ChangesRequest",
    "Complete",
    "DirectRevision",
    "DocumentFilter",
    "FetchedAttachment",
    "FetchedDoc",
    "MissingDoc",
    "MissingRevs",
    "Peer",
    "PeerInfo",
    "Wanted",
    "WriteFailure",
]

DEFAULT_BATCH_ROWS: Final = 1000

DocumentFilter: TypeAlias = Callable[[dict[str, JsonValue]], bool]
"""A filter as a function of the document, with its ``_id``, ``_rev`` and ``_deleted``."""


@dataclass(frozen=True, slots=True)
class PeerInfo:
    """What ``GET /{db}`` tells. The counts are 0 where the peer does not tell them."""

    db_name: str
    update_seq: JsonValue
    instance_start_time: str
    purge_seq: JsonValue = None
    doc_count: int = 0
    doc_del_count: int = 0
    partitioned: bool = False


class Change(NamedTuple):
    """A row of ``_changes``. ``revs`` are the leaves (all of them, or the winner), ``seq`` may be null."""

    seq: JsonValue
    id: str
    revs: tuple[str, ...]
    deleted: bool


class ChangesBatch(NamedTuple):
    """Rows that came together.

    ``last_seq`` is where to go on after them. ``pending`` counts what is behind it, None if the peer does not tell. An
    empty batch says that nothing came up to ``last_seq``; a continuous feed gives one whenever it was silent for
    ``heartbeat`` seconds.
    """

    changes: list[Change]
    last_seq: JsonValue
    pending: int | None


@dataclass(frozen=True, slots=True)
class ChangesRequest:
    """What to read of a changes feed.

    ``since``       a ``seq`` of this peer, 0 for all
    ``continuous``  the feed goes on with what happens later, and never ends by itself
    ``all_leaves``  ``style=all_docs``, otherwise the winner alone
    ``doc_ids``, ``selector``, ``filter`` (``ddoc/name``, with ``query_params``)  exclude each other
    ``accepts``     the filter as a function of the document, for local peers, which carry out no design documents
    ``heartbeat``   seconds between signs of life of a silent feed; several of them missing mean a dead connection
    ``batch_rows``  the most rows of a batch
    """

    since: JsonValue = 0
    continuous: bool = False
    all_leaves: bool = True
    limit: int | None = None
    doc_ids: tuple[str, ...] | None = None
    selector: Mapping[str, JsonValue] | None = None
    filter: str | None = None
    query_params: Mapping[str, JsonValue] = field(default_factory=dict)
    accepts: DocumentFilter | None = None
    heartbeat: float = 10.0
    batch_rows: int = DEFAULT_BATCH_ROWS


class MissingRevs(NamedTuple):
    """Revisions that a peer lacks of a document, and leaves of it that these may descend from."""

    missing: tuple[str, ...]
    possible_ancestors: tuple[str, ...] = ()


class Wanted(NamedTuple):
    """Revisions to fetch. Attachments that came with one of the ``known`` ones, or before, need not be sent."""

    id: str
    revs: tuple[str, ...]
    known: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FetchedAttachment:
    """An attachment whose bytes are to be streamed.

    ``length`` counts the plain bytes. ``open`` gives the bytes as they are stored, gzipped if ``encoding`` says so:
    ``encoded_length`` of them, or None where the source does not tell. It can be called again; it raises what the peer
    raises, PeerNotFound if the revision is gone meanwhile. ``digest`` is as the source tells it (``md5-...``).
    """

    name: str
    content_type: str
    revpos: int
    digest: str
    length: int
    encoded_length: int | None
    encoding: Encoding
    open: Callable[[], AsyncGenerator[bytes]]


Complete: TypeAlias = Callable[[], Awaitable["FetchedDoc | MissingDoc"]]
"""Fetches a document again, with all its attachments."""


class DirectRevision(Protocol):
    """A stored revision on its way to a database of the same store; private to ``local/peer.py``."""

    def text(self) -> bytes:
        """The same as the text of the document."""
        ...

    def attachments(self) -> tuple[FetchedAttachment, ...]:
        """Those that do not stand in the text."""
        ...

    @property
    def size(self) -> int:
        """About as many bytes as the text would have."""
        ...


class FetchedDoc:
    """One revision from a source.

    ``rev``      the revision that this is: with ``latest`` perhaps a descendant of the one that was wanted
    ``text``     its JSON text, with ``_id``, ``_rev``, ``_revisions``, ``_deleted`` if so, and ``_attachments``, of
                 which some may stand in it (``data``), some are known to the target (``stub``) and others follow
    ``attachments``  those that follow, in the order of the text
    ``bulk``     whether CouchDB would count it among ``bulk_get_docs``
    ``complete`` fetches it again with all attachments, for a target that has not what it was thought to have; None if
                 nothing is left out
    """

    __slots__ = ("_attachments", "_direct", "_held", "_text", "bulk", "complete", "deleted", "id", "rev")

    def __init__(
        self,
        doc_id: str,
        rev: str,
        deleted: bool,
        text: bytes | None,
        *,
        attachments: tuple[FetchedAttachment, ...] = (),
        bulk: bool = False,
        complete: Complete | None = None,
        held: int = 0,
        direct: DirectRevision | None = None,
    ) -> None:
        """Give ``text`` and ``attachments``, or ``direct``, which knows both.

        ``held``: bytes of attachments that follow, and are in memory nevertheless.
        """
        self.id = doc_id
        self.rev = rev
        self.deleted = deleted
        self.bulk = bulk
        self.complete = complete
        self._attachments = attachments
        self._held = held
        self._text = text
        self._direct = direct

    @property
    def text(self) -> bytes:
        """The whole JSON text."""
        if self._text is None:
            if self._direct is None:
                raise ValueError("a document has a text")
            self._text = self._direct.text()
        return self._text

    @property
    def attachments(self) -> tuple[FetchedAttachment, ...]:
        """The attachments that follow."""
        return self._attachments if self._direct is None else self._direct.attachments()

    @property
    def direct(self) -> DirectRevision | None:
        """The stored revision, if the source is a local peer."""
        return self._direct

    @property
    def size(self) -> int:
        """About how many bytes of memory this takes, for the size of a batch. Streamed attachments take none."""
        if self._text is not None:
            return len(self._text) + self._held
        return 0 if self._direct is None else self._direct.size

    def __repr__(self) -> str:
        return f"FetchedDoc({self.id!r}, {self.rev!r})"


class MissingDoc(NamedTuple):
    """A revision that the source cannot give (``not_found``, ``missing``; or an error of the source)."""

    id: str
    rev: str
    error: str
    reason: str


class WriteFailure(NamedTuple):
    """A revision that the target does not take, ever: ``forbidden`` by a validation, ``document_too_large`` ..."""

    id: str
    rev: str
    error: str
    reason: str


class Peer(Protocol):
    """A database to replicate from or to.

    Every method may raise the errors of ``errors.py``, after as many attempts as the peer's options allow. Methods may
    be called at the same time.
    """

    @property
    def name(self) -> str:
        """The database, for people: a name, or a URL without user and password."""
        ...

    async def info(self) -> PeerInfo:
        """Counts and sequences. Raises PeerNotFound, with the words of CouchDB's replicator."""
        ...

    async def create(self, params: Mapping[str, str] | None = None) -> bool:
        """Create the database with these query parameters (``q``, ``partitioned``); False if it was there."""
        ...

    def changes(self, request: ChangesRequest) -> AsyncGenerator[ChangesBatch]:
        """The feed in batches, as they come; at least one. Goes on by itself after a broken connection.

        Close the generator (``aclosing``) to end it early.
        """
        ...

    async def revs_diff(self, revs: Mapping[str, Sequence[str]]) -> dict[str, MissingRevs]:
        """Which of these revisions this peer lacks; documents that lack none are left out."""
        ...

    def fetch(self, wanted: Sequence[Wanted]) -> AsyncGenerator[FetchedDoc | MissingDoc]:
        """The revisions, or the leaves that descend from them; in any order."""
        ...

    async def write(self, docs: Sequence[FetchedDoc]) -> list[WriteFailure]:
        """Write revisions as they are (``new_edits=false``); the failures. Raises only if the peer as a whole fails.

        Any number of documents: the peer sends them in portions. Those with attachments that follow go alone.
        """
        ...

    async def get_doc(self, doc_id: str) -> dict[str, JsonValue] | None:
        """The winning revision, None if there is none."""
        ...

    async def get_local(self, doc_id: str) -> dict[str, JsonValue] | None:
        """The document ``_local/{doc_id}`` with its ``_rev``, None if there is none."""
        ...

    async def put_local(self, doc_id: str, body: Mapping[str, JsonValue]) -> str:
        """Write ``_local/{doc_id}``; ``body`` names the present ``_rev`` if there is one. The new revision.

        Raises Conflict.
        """
        ...

    async def ensure_full_commit(self) -> str:
        """Everything written is on disk; the ``instance_start_time``."""
        ...

    async def close(self) -> None:
        """End all connections. What was fetched cannot be read any more."""
        ...
