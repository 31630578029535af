"""Parameters of views: from query string and body, read once.

Owns their order of precedence (query string over body) and what a view makes of them; the readings are those of
``_all_docs`` (``all_docs.py``). What cannot be combined depends on the view and is in ``query/views/view_query.py``.
Follows ``couch_mrview_http:parse_params`` and ``parse_body_and_query``, also in what a single key means where.
"""

from collections.abc import Iterator, Mapping
from typing import Final, cast

from docstore.core.json_text import JsonValue, encode
from docstore.errors import BadRequest, QueryParseError
from docstore.httpd.params.all_docs import Values, check_limit, read_body, read_text
from docstore.httpd.params.values import parse_json
from docstore.httpd.request import Request
from docstore.query.views.view_query import Update, ViewQuery
from docstore.settings import KIB

_FIELDS = (
    "start_key",
    "end_key",
    "inclusive_end",
    "descending",
    "skip",
    "limit",
    "reduce",
    "group",
    "group_level",
    "include_docs",
    "conflicts",
    "attachments",
    "att_encoding_info",
    "update_seq",
    "partition",
)
LARGE: Final = 16 * KIB
"""Bytes of a body from which on its keys are brought into their order in a thread."""

_GROUPING = ("group", "group_level")


def view_query_of_get(request: Request) -> ViewQuery:
    """What a GET asks for. Raises QueryParseError, InvalidJson."""
    first = next((value for name, value in request.query_list if name == "keys"), None)
    keys = None if first is None else parse_json(first)
    values: Values = {} if keys is None or _is_single(keys) else {"keys": keys}
    return _query(request, read_text(request.query_list, values))


def view_query_of_post(request: Request, body: Mapping[str, JsonValue], size: int) -> ViewQuery:
    """What a POST asks for, with a body of so many bytes. Raises QueryParseError, InvalidJson, BadRequest."""
    if "queries" in body:
        raise BadRequest("The `queries` parameter is no longer supported at this endpoint")
    if not isinstance(body.get("keys", []), list):
        raise BadRequest("`keys` member must be an array.")
    return _query(request, read_text(request.query_list, read_body(body, {})), size)


def list_query_of_get(request: Request) -> ViewQuery:
    """What a GET of a list asks for: a single key is none but that there, and no range of one.

    Raises QueryParseError, InvalidJson.
    """
    first = next((value for name, value in request.query_list if name == "keys"), None)
    values: Values = {} if first is None else {"keys": parse_json(first)}
    return _query(request, read_text(request.query_list, values))


def list_query_of_post(request: Request, body: Mapping[str, JsonValue], size: int) -> ViewQuery:
    """What a POST of a list asks for, with a body of so many bytes. Raises QueryParseError, InvalidJson."""
    values: Values = {"keys": body["keys"]} if "keys" in body else {}
    return _query(request, read_text(request.query_list, read_body(body, values)), size)


def view_queries_of_post(request: Request, body: Mapping[str, JsonValue], size: int) -> Iterator[ViewQuery]:
    """What a POST to ``/queries`` asks for; what the query string says holds for each, but not how to group.

    Each is read when it is asked for, since there may be many. Raises QueryParseError, InvalidJson, BadRequest.
    """
    if "queries" not in body:
        raise BadRequest("POST body must include `queries` parameter.")
    queries = body["queries"]
    if not isinstance(queries, list):
        raise BadRequest("`queries` member must be an array.")
    common = {name: value for name, value in read_text(request.query_list).items() if name not in (*_GROUPING, "keys")}
    for query in queries:
        if not isinstance(query, dict):
            raise BadRequest("A query must be a JSON object.")
        yield _query(request, read_body(query, dict(common)), size)


def _query(request: Request, values: Values, size: int = 0) -> ViewQuery:
    check_limit(values, request.node.settings.functions)
    keys = values.get("keys")
    if "keys" in values and not isinstance(keys, list):
        raise QueryParseError("`keys` must be an array of strings.")
    update = values.get("update", True)
    return ViewQuery(
        keys=None if keys is None else tuple(cast("list[JsonValue]", keys)),
        start_key_docid=_text_of(values.get("start_key_docid")),
        end_key_docid=_text_of(values.get("end_key_docid")),
        update=Update(str(update).lower()),
        large=size >= LARGE,
        **{name: values[name] for name in _FIELDS if name in values},
    )


def _is_single(keys: JsonValue) -> bool:
    return isinstance(keys, list) and len(keys) == 1


def _text_of(value: JsonValue) -> str | None:
    return value if value is None or isinstance(value, str) else encode(value).decode()
