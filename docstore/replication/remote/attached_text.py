"""Documents with attachments on their way from a remote peer: which bytes are needed, and how they are sent.

Owns that choice and the change it makes to a document's text. It reads nothing from anywhere. An attachment that came
with a revision that the target has need not be sent again (``couch_db:apply_open_options``, ``atts_since``); of the
others it depends on all that the document needs:

* few bytes, stored as they are: in base64, in the text, so that many documents travel in one request
* few bytes, some of them stored gzipped: each in a part of its own, as it is stored, fetched for many documents at once
* otherwise the same, and each is fetched while it is sent
"""

from collections.abc import Collection, Mapping
from enum import Enum, auto
from typing import NamedTuple, cast

import msgspec

from docstore.core.attachment import Encoding
from docstore.replication.wire import DocHead, StoredStub, read, read_members, read_path

_read_attachments = msgspec.json.Decoder(dict[str, dict[str, msgspec.Raw]])
_TRUE = msgspec.Raw(b"true")
_NOTHING = msgspec.Raw(b'""')


class Way(Enum):
    """How the needed attachments of a document travel."""

    NONE_NEEDED = auto()
    INLINE = auto()
    SMALL_PARTS = auto()
    FOLLOW = auto()


class AttachedDoc(NamedTuple):
    """A document with attachments. ``needed`` are those whose bytes are to be sent; ``left_out``: there are others."""

    way: Way
    needed: dict[str, StoredStub]
    left_out: bool

    @property
    def held_bytes(self) -> int:
        """What the needed ones take in memory, if they are few: in base64, or as they are stored."""
        if self.way is Way.INLINE:
            return sum(stub.length for stub in self.needed.values()) * 4 // 3
        return sum(stub.encoded_length or stub.length for stub in self.needed.values())


def look_at(text: bytes, head: DocHead, known: Collection[str], few_bytes: int) -> AttachedDoc:
    """What is to be done with a document that has attachments. The target has the ``known`` revisions."""
    stubs = head.attachments or {}
    newest = _newest_generation(text, known) if known else -1
    needed = {name: stub for name, stub in stubs.items() if stub.revpos > newest}
    left_out = len(needed) < len(stubs)
    if not needed:
        return AttachedDoc(Way.NONE_NEEDED, needed, left_out)
    way = Way.FOLLOW
    if sum(stub.length for stub in needed.values()) <= few_bytes:
        plain = all(stub.encoding is None for stub in needed.values())
        way = Way.INLINE if plain else Way.SMALL_PARTS
    return AttachedDoc(way, needed, left_out)


def following(text: bytes, needed: Mapping[str, StoredStub]) -> bytes:
    """The text in which these attachments are said to follow, and are no stubs."""
    return _rewritten(text, needed, without=("stub",), more={"follows": _TRUE})


def emptied(text: bytes, names: Collection[str]) -> bytes:
    """The text in which these attachments, which have no bytes, do not follow."""
    return _rewritten(text, names, without=("follows", "length"), more={"data": _NOTHING})


def inflated(text: bytes, names: Collection[str]) -> bytes:
    """The text in which these attachments, which follow, are not gzipped; of the plain bytes no digest is known."""
    return _rewritten(text, names, without=("encoding", "encoded_length", "digest"), more={})


def _rewritten(text: bytes, names: Collection[str], without: Collection[str], more: Mapping[str, msgspec.Raw]) -> bytes:
    """The text in which these attachments lack some members, and have more."""
    members = read(read_members, text)
    attachments = read(_read_attachments, members["_attachments"])
    for name in names:
        for what in without:
            attachments[name].pop(what, None)
        attachments[name].update(more)
    members["_attachments"] = msgspec.Raw(msgspec.json.encode(attachments))
    return msgspec.json.encode(members)


def encoding_of(stub: StoredStub) -> Encoding:
    """How the bytes are stored; an encoding that nobody knows is left to the peer, which inflates it."""
    return cast("Encoding", stub.encoding) if stub.encoding == "gzip" else None


def _newest_generation(text: bytes, known: Collection[str]) -> int:
    """The generation of the newest known revision in the document's history; -1 if there is none.

    An attachment that was replicated may have the ``revpos`` 0, and is needed then.
    """
    revisions = read(read_path, text).revisions
    for place, rev_id in enumerate(revisions.ids):
        if f"{revisions.start - place}-{rev_id}" in known:
            return revisions.start - place
    return -1
