"""The document that a write would have made if it had not been refused.

Owns how it is found in a request: in its JSON, in a multipart body, or as a revision with an attachment more or less.
All its attachments stand in it, or are stubs, but for one that was sent alone. It must not know what becomes of it.
"""

from base64 import b64encode
from collections.abc import AsyncGenerator, Sequence
from typing import Final, NamedTuple, cast

from aiohttp import hdrs

from docstore.core.attachment import DEFAULT_CONTENT_TYPE, Encoding
from docstore.core.json_text import JsonValue, decode
from docstore.core.rev import parse_rev
from docstore.database.database import Database
from docstore.database.reading.documents import OpenOptions
from docstore.double.facts import Facts
from docstore.errors import DocstoreError
from docstore.httpd.endpoint_kinds import ATTACHMENT
from docstore.httpd.wire.multipart_reader import MultipartReader

ATTACHMENTS: Final = "_attachments"
MULTIPART: Final = "multipart/related"

Members = dict[str, JsonValue]


class Sent(NamedTuple):
    """An attachment that was sent alone, as it came."""

    name: str
    content_type: str
    encoding: Encoding
    data: bytes


def sent_attachment(facts: Facts) -> Sent | None:
    """The one that a request brings. None without one, or where it is too large to be known."""
    if facts.endpoint != ATTACHMENT or facts.method == hdrs.METH_DELETE or facts.body.sent is None:
        return None
    content_type = facts.headers.get(hdrs.CONTENT_TYPE, DEFAULT_CONTENT_TYPE)
    gzipped = facts.headers.get(hdrs.CONTENT_ENCODING, "").strip().lower() == "gzip"
    return Sent("/".join(attachment_name(facts)), content_type, "gzip" if gzipped else None, facts.body.sent)


async def refused_document(facts: Facts, database: Database) -> Members | None:
    """Its members, with the revision that the request names; None where there is none that can be told.

    What ``sent_attachment`` tells comes before the attachments that stand in it.
    """
    try:
        members = await _members(facts, database)
    except DocstoreError:
        return None
    rev = _named_rev(facts)
    if members is not None and rev:
        members["_rev"] = rev
    return members


async def _members(facts: Facts, database: Database) -> Members | None:
    if facts.endpoint == ATTACHMENT:
        return await _with_attachment(facts, database)
    if facts.method == hdrs.METH_DELETE:
        return {"_deleted": True}
    if facts.headers.get(hdrs.CONTENT_TYPE, "").partition(";")[0].strip().lower() == MULTIPART:
        return None if facts.text is None else await _related(facts.headers[hdrs.CONTENT_TYPE], facts.text)
    return dict(facts.json) if isinstance(facts.json, dict) else None


def _named_rev(facts: Facts) -> str:
    return facts.query.get("rev") or facts.headers.get(hdrs.IF_MATCH, "").strip('"')


async def _with_attachment(facts: Facts, database: Database) -> Members | None:
    """The revision that the request names, without its attachment, which is another now or none."""
    if facts.method != hdrs.METH_DELETE and facts.body.sent is None:
        return None
    rev = _named_rev(facts)
    members: Members = {}
    if rev:
        opened = await database.read_doc(facts.document, OpenOptions(rev=parse_rev(rev)))
        members = cast("Members", decode(opened.json))
    name = "/".join(attachment_name(facts))
    there = members.pop(ATTACHMENTS, {})
    kept: Members = {one: {"stub": True} for one in cast("Members", there) if one != name}
    return {**members, ATTACHMENTS: kept} if kept else members


def attachment_name(facts: Facts) -> Sequence[str]:
    """The name of the attachment that a request is for, as it stands in its path; empty without one."""
    if facts.endpoint != ATTACHMENT:
        return ()
    return facts.segments[3:] if facts.segments[1] == "_design" else facts.segments[2:]


async def _related(content_type: str, body: bytes) -> Members | None:
    """The document of a multipart body, with the attachments that follow it put into it."""
    reader = MultipartReader(content_type, _once(body))
    if await reader.next_part() is None:
        return None
    members = decode(await _part(reader))
    if not isinstance(members, dict):
        return None
    there = members.get(ATTACHMENTS)
    for name, member in there.items() if isinstance(there, dict) else ():
        if not isinstance(member, dict) or member.get("follows") is not True:
            continue
        if member.get("encoding") == "gzip" or await reader.next_part() is None:
            return None
        cast("Members", there)[name] = _inline(member.get("content_type", DEFAULT_CONTENT_TYPE), await _part(reader))
    return members


def _inline(content_type: JsonValue, data: bytes) -> Members:
    return {"content_type": content_type, "data": b64encode(data).decode()}


async def _part(reader: MultipartReader) -> bytes:
    return b"".join([piece async for piece in reader.data()])


async def _once(body: bytes) -> AsyncGenerator[bytes]:
    yield body
