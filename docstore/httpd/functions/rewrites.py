"""``_rewrite``: a request that design documents turn into another one, or answer themselves.

Owns what becomes of a rule's answer. How rules match is the business of ``query/design/rewriting.py``; the new request
goes through the route table again, by the same user. Follows ``chttpd_rewrite:handle_rewrite_req``.
"""

from typing import Final, cast
from urllib.parse import urlencode

from docstore.core.json_text import JsonValue, decode
from docstore.errors import BadRequest, NotFound
from docstore.httpd.functions.answers import function_reply
from docstore.httpd.params.function_request import function_request
from docstore.httpd.replies import Reply
from docstore.httpd.request import Request
from docstore.httpd.wire.paths import encode_segment, split_path
from docstore.httpd.wire.streaming import StreamReply
from docstore.query.design.document import design_id
from docstore.query.design.rewriting import RewriteFailed, match_rules, normal_path
from docstore.query.errors import InvalidPath

READING: Final = ("GET", "HEAD", "OPTIONS")
"""What a function may make of a request beyond its database. Else who writes design documents could have done in other
places, and in the server's configuration, what they may there who follow a link."""

INSECURE: Final = "A rewrite beyond its database only reads."

SKIPPED: Final = 4
"""Segments before the path that rules match."""


async def rewrite(request: Request) -> Reply | StreamReply:
    """``/{db}/_design/{ddoc}/_rewrite/...``"""
    database = request.database()
    design = request.segments[2]
    rules = cast("dict[str, JsonValue]", decode(database.open_doc(design_id(design)).json)).get("rewrites")
    if isinstance(rules, list):
        target = match_rules(
            rules,
            _prefix(request),
            "GET" if request.method == "HEAD" else request.method,
            request.segments[SKIPPED:],
            request.query_list,
            secure=request.node.settings.functions.secure_rewrites,
        )
        if target is None:
            raise NotFound
        return await _answer_again(request, request.method, target, None)
    if not isinstance(rules, str):
        raise InvalidPath
    function = request.node.query.function(database, design, "rewrites")
    answer = await request.node.query.functions.render(function, "rewrite", await function_request(request, database))
    verdict = cast("list[JsonValue]", answer)
    if verdict[0] != "ok":
        raise InvalidPath
    return await _carry_out(request, verdict[1])


def _prefix(request: Request) -> str:
    """The path of the design document, from which targets count."""
    return f"/{encode_segment(request.segments[0])}/_design/{encode_segment(request.segments[2])}"


async def _carry_out(request: Request, told: JsonValue) -> Reply | StreamReply:
    """What a rewrite function says: a reply, or the request to be answered instead."""
    if not isinstance(told, dict):
        raise RewriteFailed("bad rewrite")
    for name, kind in (("method", str), ("path", str), ("body", str), ("headers", dict), ("query", dict)):
        if name in told and not isinstance(told[name], kind):
            raise RewriteFailed(f"bad {name}")
    if "code" in told:
        code = told["code"]
        if not isinstance(code, int) or not 200 <= code < 600:
            raise RewriteFailed("bad code")
        return function_reply({"code": code, "headers": told.get("headers", {}), "body": told.get("body", "")})
    if "path" not in told:
        raise BadRequest("Rewrite result must produce a new path.")
    path = cast("str", told["path"])
    bare, mark, rest = path.partition("?")
    path = normal_path(_prefix(request), bare) + mark + rest
    method = cast("str", told.get("method", request.method))
    if method not in READING and split_path(path.partition("?")[0])[:1] != request.segments[:1]:
        raise RewriteFailed(INSECURE, error="insecure_rewrite_rule")
    query = [(name, str(value)) for name, value in cast("dict[str, JsonValue]", told.get("query", {})).items()]
    if "query" not in told:
        query = request.query_list
    if query:
        path += ("&" if "?" in path else "?") + urlencode(query)
    body = told.get("body")
    return await _answer_again(request, method, path, body.encode() if isinstance(body, str) else None)


async def _answer_again(request: Request, method: str, target: str, body: bytes | None) -> Reply | StreamReply:
    """Answer another request in the place of this one. Raises BadRequest after too many of them."""
    request.rewrites += 1
    if request.rewrites > request.node.settings.functions.rewrite_limit:
        raise BadRequest("Exceeded rewrite recursion limit")
    return await request.answer_as(method, target, body)
