"""The request as functions of design documents see it.

Owns that object's members. It must not know the functions. Follows ``chttpd_external:json_req_obj``: what says who the
client is (``Authorization``, cookies) is left out, as by default there (``scrub_json_request``).
"""

from asyncio import to_thread
from collections.abc import Mapping
from typing import Final

from docstore.core.json_slices import encode_in_slices
from docstore.core.json_text import JsonValue, encode
from docstore.core.loose_text import loose_text
from docstore.database.database import Database
from docstore.httpd.params.form_fields import form_fields
from docstore.httpd.params.values import parse_json
from docstore.httpd.request import Request
from docstore.httpd.wire.paths import path_of_absolute, split_path
from docstore.query.design.gate import user_context
from docstore.settings import KIB

NO_BODY: Final = b"undefined"
LARGE: Final = 64 * KIB
"""A body of more bytes is read and quoted beside the event loop."""

FORM: Final = "application/x-www-form-urlencoded"
SCRUBBED: Final = frozenset({"authorization", "cookie", "x-auth-couchdb-token", "proxy-authorization"})
DECODED: Final = frozenset({"startkey", "endkey", "key", "descending"})
"""Query parameters that are shown as the values that they spell."""


async def function_request(
    request: Request,
    database: Database,
    doc_id: str | None = None,
    *,
    members: Mapping[str, JsonValue] | None = None,
) -> bytes:
    """The request as JSON. Raises BadRequest for a key that is no JSON, TooLarge for its body.

    A function sees the body as it was sent, or the ``members`` of one that had to be read as JSON before.
    """
    sent = request.raw.body_exists or "Content-Length" in request.headers
    if members is not None:
        large = len(await request.body()) > LARGE
        shown = dict(members)
        text, form = await to_thread(encode_in_slices, shown) if large else encode(shown), b"{}"
    else:
        body = await request.body_as_sent() if sent else NO_BODY
        fields = 0
        if sent and request.content_type == FORM and request.method in ("POST", "PUT"):
            fields = request.node.settings.limits.max_form_files
        text, form = await to_thread(_body, body, fields) if len(body) > LARGE else _body(body, fields)
    path, _, _ = request.raw.raw_path.partition("?")
    asked: list[JsonValue] = list(split_path(path if path[:1] == "/" else path_of_absolute(path)))
    segments: list[JsonValue] = list(request.segments)
    before: dict[str, JsonValue] = {
        "info": database.info().members(),
        "uuid": request.node.uuids.next(),
        "id": doc_id,
        "method": "GET" if request.method == "HEAD" else request.method,
        "requested_path": asked,
        "path": segments,
        "raw_path": request.raw.raw_path,
        "query": {name: parse_json(value) if name in DECODED else value for name, value in request.query_list},
        "headers": {name: _text(value) for name, value in request.headers.items() if name.lower() not in SCRUBBED},
    }
    after: dict[str, JsonValue] = {
        "cookie": {},
        "userCtx": user_context(database.name, request.actor),
    }
    peer = encode(request.remote)
    return b'%b,"body":%b,"peer":%b,"form":%b,%b,"secObj":%b}' % (
        encode(before)[:-1],
        text,
        peer,
        form,
        encode(after)[1:-1],
        database.security_text(),
    )


def _body(body: bytes, most_fields: int) -> tuple[bytes, bytes]:
    """A body as JSON, and its fields, which are so many at most: 0 if it is no form. Raises TooLarge."""
    told = loose_text(body)
    fields = form_fields(told, most_fields) if most_fields else {}
    form = b",".join([b"%b:%b" % (encode_in_slices(name), encode_in_slices(value)) for name, value in fields.items()])
    return encode_in_slices(told), b"{%b}" % form


def _text(value: str) -> str:
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
