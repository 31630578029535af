"""Parameters of ``_all_docs``, ``_design_docs`` and ``_local_docs``: from query string and body, read once.

Owns their names, their order of precedence (query string over body) and what cannot be combined. Those that only steer
a view or a cluster are checked and forgotten. Follows ``couch_mrview_http:parse_param`` and
``couch_mrview_util:validate_args``.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from docstore.core.json_text import JsonValue, encode
from docstore.core.partition import check_partition
from docstore.database.reading.all_docs import UNSET, AllDocsQuery, Namespace
from docstore.errors import BadRequest, QueryParseError
from docstore.httpd.params.values import erlang_text, parse_boolean, parse_json, parse_positive_integer
from docstore.httpd.request import Request
from docstore.settings import HIGHEST_LIMIT, FunctionSettings

NAMESPACES = {"_all_docs": Namespace.ALL, "_design_docs": Namespace.DESIGN, "_local_docs": Namespace.LOCAL}

_KEYS = {
    "keys": ("keys",),
    "key": ("start_key", "end_key"),
    "startkey": ("start_key",),
    "start_key": ("start_key",),
    "endkey": ("end_key",),
    "end_key": ("end_key",),
}
_DOCIDS = {
    "startkey_docid": "start_key_docid",
    "start_key_doc_id": "start_key_docid",
    "endkey_docid": "end_key_docid",
    "end_key_doc_id": "end_key_docid",
}
_READINGS: dict[str, Callable[[JsonValue], int]] = {
    "limit": parse_positive_integer,
    "skip": parse_positive_integer,
    "group_level": parse_positive_integer,
    "descending": parse_boolean,
    "inclusive_end": parse_boolean,
    "include_docs": parse_boolean,
    "conflicts": parse_boolean,
    "conflicts_only": parse_boolean,
    "update_seq": parse_boolean,
    "attachments": parse_boolean,
    "att_encoding_info": parse_boolean,
    "sorted": parse_boolean,
    "reduce": parse_boolean,
    "group": parse_boolean,
}
_WORDS: dict[str, tuple[JsonValue, ...]] = {
    "stale": ("ok", "update_after"),
    "stable": ("true", "false", True, False),
    "update": ("true", "false", "lazy", True, False),
}
_ONCE_TRUE = frozenset(("attachments", "att_encoding_info"))
"""What stays true once it was, whatever comes later (``couch_mrview_http:parse_param``)."""

_FIELDS = (
    "inclusive_end",
    "descending",
    "skip",
    "limit",
    "include_docs",
    "conflicts",
    "conflicts_only",
    "update_seq",
    "attachments",
    "att_encoding_info",
    "partition",
)

"""CouchDB's: the largest integer that takes no memory of its own there."""

NOT_IN_COMMON = frozenset(("keys", "group", "group_level"))
"""What a query string beside ``queries`` says for none of them."""

Values = dict[str, Any]
"""Parameters by field, as far as they were given."""


def query_of_get(request: Request, *, partitioned: bool = False) -> AllDocsQuery:
    """The listing that a GET asks for, of a database that may have partitions.

    Raises QueryParseError, InvalidJson, BadRequest.
    """
    first = next((value for name, value in request.query_list if name == "keys"), None)
    values: Values = {} if first is None else {"keys": parse_json(first)}
    if not isinstance(values.get("keys", []), list):
        raise BadRequest("`keys` parameter must be an array.")
    return _query(request, read_text(request.query_list, values), partitioned)


def query_of_post(request: Request, body: Mapping[str, JsonValue], *, partitioned: bool = False) -> AllDocsQuery:
    """The listing that a POST asks for. Raises QueryParseError, InvalidJson, BadRequest."""
    if not isinstance(body.get("keys", []), list):
        raise BadRequest("`keys` body member must be an array.")
    values = {"keys": body["keys"]} if "keys" in body else {}
    return _query(request, read_text(request.query_list, read_body(body, values)), partitioned)


def queries_of_post(
    request: Request, body: Mapping[str, JsonValue], *, partitioned: bool = False
) -> Iterator[AllDocsQuery]:
    """The listings that a POST to ``/queries`` asks for; what the query string says holds for each.

    Each is read when it is asked for, since there may be many. Raises QueryParseError, InvalidJson, BadRequest.
    """
    if "queries" not in body:
        raise BadRequest("POST body must include `queries` parameter.")
    queries = body["queries"]
    if not isinstance(queries, list):
        raise BadRequest("`queries` member must be an array.")
    common = {name: value for name, value in read_text(request.query_list).items() if name not in NOT_IN_COMMON}
    for query in queries:
        if not isinstance(query, dict):
            raise BadRequest("A query must be a JSON object.")
        yield _query(request, read_body(query, dict(common)), partitioned)


def read_text(pairs: Iterable[tuple[str, str]], values: Values | None = None) -> Values:
    """Parameters of a query string, added to ``values``: keys are JSON texts there.

    Raises QueryParseError, InvalidJson.
    """
    read = ((name, parse_json(value) if name in _KEYS else value) for name, value in pairs)
    return _read(read, {} if values is None else values)


def read_body(members: Mapping[str, JsonValue], values: Values) -> Values:
    """Parameters of a JSON object; digits in a string are no number there."""
    for name, value in members.items():
        if _READINGS.get(name) is parse_positive_integer and isinstance(value, str):
            raise QueryParseError(f"Invalid value for integer: <<{erlang_text(value)}>>")
    return _read(members.items(), values)


def _read(pairs: Iterable[tuple[str, JsonValue]], values: Values) -> Values:
    """Adds parameters to ``values``; a later one counts over an earlier one.

    To CouchDB a single key in ``keys`` is a range of one, unless the keys are given in ``values`` already.
    """
    for name, value in pairs:
        if name in _READINGS:
            read = _READINGS[name](value)
            values[name] = values.get(name, False) or read if name in _ONCE_TRUE else read
        elif name == "keys" and isinstance(value, list) and len(value) == 1:
            values |= {"start_key": value[0], "end_key": value[0]}
        elif name in _KEYS:
            values.update(dict.fromkeys(_KEYS[name], value))
        elif name in _DOCIDS:
            values[_DOCIDS[name]] = value
        elif name in _WORDS and (not isinstance(value, str | bool) or value not in _WORDS[name]):
            raise QueryParseError(f"Invalid value for `{name}`.")
        elif name == "partition":
            values[name] = check_partition(value if isinstance(value, str) else encode(value).decode())
        elif name in _WORDS:
            values[name] = value
            if name == "stale":
                values["update"] = "false" if value == "ok" else "lazy"
    return values


def check_limit(values: Values, settings: FunctionSettings) -> None:
    """Who names no limit has the highest that there may be. Raises QueryParseError beyond that."""
    highest = settings.partition_query_limit if "partition" in values else settings.query_limit
    if values.get("limit", 0) > highest:
        raise QueryParseError(f"Limit is too large, must not exceed {highest}")
    if highest < HIGHEST_LIMIT:
        values.setdefault("limit", highest)


def _query(request: Request, values: Values, partitioned: bool) -> AllDocsQuery:
    _refuse_reduction(values)
    check_limit(values, request.node.settings.functions)
    if "partition" in values and not partitioned:
        raise QueryParseError("`partition` parameter is not supported on this db")
    keys = values.get("keys")
    start_key, end_key = values.get("start_key", UNSET), values.get("end_key", UNSET)
    if "keys" in values and not isinstance(keys, list):
        raise QueryParseError("`keys` must be an array of strings.")
    if keys and len(keys) == 1 and (start_key, end_key) == (keys[0], keys[0]):
        start_key = end_key = UNSET
    if keys and (start_key is not UNSET or end_key is not UNSET):
        raise QueryParseError("`keys` is incompatible with `key`, `start_key` and `end_key`")
    by_id = values if "partition" not in values else {}  # a partition has bounds of its own, where no key is given
    namespace = NAMESPACES.get(request.segments[1], Namespace.ALL)
    return AllDocsQuery(
        keys=None if keys is None else tuple(keys),
        start_key=by_id.get("start_key_docid", UNSET) if start_key is UNSET else start_key,
        end_key=by_id.get("end_key_docid", UNSET) if end_key is UNSET else end_key,
        namespace=namespace,
        **{name: values[name] for name in _FIELDS if name in values},
    )


def _refuse_reduction(values: Values) -> None:
    group, level = values.get("group"), values.get("group_level", 0)
    if group is False and level > 0:
        raise QueryParseError("Can't specify group=false and group_level>0 at the same time")
    if values.get("reduce"):
        raise QueryParseError("Reduce is invalid for map-only views.")
    if group or level > 0:
        raise QueryParseError("Invalid use of grouping on a map view.")
