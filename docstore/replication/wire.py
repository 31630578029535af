"""The JSON of CouchDB's replication protocol, as peers send it.

Owns the shapes of replies and how they are read. Documents are not read: they stay the text that was sent
(``msgspec.Raw``), of which only the members are looked at that say what they are. It must not know how a reply came.
"""

from typing import Any, Final, TypeVar

import msgspec

from docstore.core.json_text import JsonValue
from docstore.replication.errors import PeerBroken
from docstore.replication.peer import Change

T = TypeVar("T")


class ChangedRev(msgspec.Struct):
    """A leaf in a row of ``_changes``."""

    rev: str


class ChangeRow(msgspec.Struct):
    """A row of ``_changes``."""

    id: str
    changes: list[ChangedRev]
    seq: Any = None
    deleted: bool = False

    def change(self) -> Change:
        """The row as peers hand it on."""
        return Change(self.seq, self.id, tuple([one.rev for one in self.changes]), self.deleted)


class ChangesReply(msgspec.Struct):
    """``feed=normal`` and ``feed=longpoll``."""

    results: list[ChangeRow]
    last_seq: Any = None
    pending: int | None = None


class FeedLine(msgspec.Struct):
    """A line of ``feed=continuous``: a row, the end of the feed (``last_seq``), or an error."""

    id: str | None = None
    changes: list[ChangedRev] | None = None
    seq: Any = None
    deleted: bool = False
    last_seq: Any = None
    pending: int | None = None
    error: str | None = None
    reason: str | None = None


class DatabaseReply(msgspec.Struct):
    """``GET /{db}``."""

    db_name: str = ""
    update_seq: Any = 0
    purge_seq: Any = None
    instance_start_time: str | int = "0"
    doc_count: int = 0
    doc_del_count: int = 0
    props: Any = None

    @property
    def partitioned(self) -> bool:
        """Whether it says that it is partitioned."""
        return isinstance(self.props, dict) and self.props.get("partitioned") is True


class DiffReply(msgspec.Struct):
    """A document in the reply to ``_revs_diff``."""

    missing: list[str]
    possible_ancestors: list[str] = []


class RefusedRow(msgspec.Struct):
    """A revision that was not had, or not written."""

    id: str | None = None
    rev: str | None = None
    error: str | None = None
    reason: str | None = None


class FoundRow(msgspec.Struct):
    """A revision in the reply to ``_bulk_get`` or ``open_revs``: one of the members."""

    ok: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    error: RefusedRow | str | None = None
    missing: str | None = None
    reason: str | None = None


class FoundDoc(msgspec.Struct):
    """A row of the reply to ``_bulk_get``."""

    docs: list[FoundRow]
    id: str | None = None


class BulkGetReply(msgspec.Struct):
    """``_bulk_get``."""

    results: list[FoundDoc]


class Revisions(msgspec.Struct):
    """The member ``_revisions``."""

    start: int
    ids: list[str]


class StoredStub(msgspec.Struct):
    """An attachment in a document that was read with ``att_encoding_info``."""

    content_type: str = "application/octet-stream"
    revpos: int = 0
    digest: str = ""
    length: int = 0
    encoding: str | None = None
    encoded_length: int | None = None
    stub: bool = False
    follows: bool = False


class DocHead(msgspec.Struct, rename=lambda name: f"_{name}"):
    """The members that say what a document is."""

    id: str
    rev: str
    deleted: bool = False
    attachments: dict[str, StoredStub] | None = None


class DocPath(msgspec.Struct, rename=lambda name: f"_{name}"):
    """The member that tells the history."""

    revisions: Revisions


class WelcomeReply(msgspec.Struct, rename={"pouchdb": "express-pouchdb"}):
    """``GET /`` of a server."""

    pouchdb: str | None = None


class WrittenReply(msgspec.Struct):
    """PUT of a document."""

    rev: str


class CommitReply(msgspec.Struct):
    """``_ensure_full_commit``."""

    instance_start_time: str | int = "0"


read_changes: Final = msgspec.json.Decoder(ChangesReply)
read_row: Final = msgspec.json.Decoder(ChangeRow)
read_line: Final = msgspec.json.Decoder(FeedLine)
read_database: Final = msgspec.json.Decoder(DatabaseReply)
read_diff: Final = msgspec.json.Decoder(dict[str, DiffReply])
read_bulk_get: Final = msgspec.json.Decoder(BulkGetReply)
read_found_doc: Final = msgspec.json.Decoder(FoundDoc)
read_open_revs: Final = msgspec.json.Decoder(list[FoundRow])
read_refused: Final = msgspec.json.Decoder(list[RefusedRow])
read_head: Final = msgspec.json.Decoder(DocHead)
read_path: Final = msgspec.json.Decoder(DocPath)
read_welcome: Final = msgspec.json.Decoder(WelcomeReply)
read_written: Final = msgspec.json.Decoder(WrittenReply)
read_commit: Final = msgspec.json.Decoder(CommitReply)
read_members: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


def read(decoder: "msgspec.json.Decoder[T]", text: bytes | msgspec.Raw, url: str = "") -> T:
    """What a text says. Raises PeerBroken if it is not what it should be."""
    try:
        return decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise PeerBroken(f"{url}: the reply is not what it should be ({error})", url=url) from None


def seq_text(seq: JsonValue) -> str:
    """A sequence as the parameter ``since``: CouchDB's as it is, an array of BigCouch as JSON."""
    return seq if isinstance(seq, str) else msgspec.json.encode(seq).decode()
