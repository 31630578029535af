"""What a replication is told: the body of ``_replicate``, a document of ``_replicator``, or a command line.

Owns the option names, their defaults, and CouchDB's words for those that are wrong (``couch_replicator_parse.erl``).
It opens nothing and asks nobody: whether a database is there shows when a job starts. Options that it does not know are
passed over, as are ``socket_options``.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final
from urllib.parse import unquote_to_bytes

from docstore.core.json_text import JsonValue
from docstore.core.replication_id import chosen_by_selector, split_job_id, split_url
from docstore.errors import BadRequest
from docstore.replication.endpoint import Endpoint

__all__ = [
    "CancelRequest",
    "Endpoint",
    "InvalidReplication",
    "RefusedReplication",
    "ReplicationOptions",
    "parse_replicate",
    "parse_replication",
]

BUILT_IN = "_"
"""How the names of built-in filters begin (``_doc_ids``, ``_selector``, ``_design``, ``_view``)."""

_DATABASE: Final = "Missing replicator database"
_FILTER = re.compile("(.*?)/(.*)", re.DOTALL)
_PROXY = re.compile(r"(?:https?|socks5)://(?:[^/@]*@)?[^/?#@\s]+/?")
_HEADER_NAME = re.compile("[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NOT_IN_HEADERS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
"""Line ends among them: what follows them would be a header of its own."""
_ID_NAMES = frozenset({"_local_id", "replication_id", "id"})
_MILLISECONDS = 1_000.0
_MOST = 1_000_000_000
"""What a larger number means just as well; as milliseconds eleven days."""
_NO_MEMBERS: Final[Mapping[str, JsonValue]] = MappingProxyType({})


class InvalidReplication(BadRequest):
    """A replication that cannot be understood.

    ``reason`` is CouchDB's answer to ``POST /_replicate``; ``document_reason`` its answer to a ``_replicator`` document
    with the same mistake, which is an Erlang term.
    """

    def __init__(self, reason: str, document_reason: str, *, error: str | None = None) -> None:
        super().__init__(reason, error=error)
        self.document_reason = document_reason


class RefusedReplication(InvalidReplication):
    """A mistake that CouchDB words alike for requests and documents; to a request it answers 500."""

    error = "error"

    def __init__(self, reason: str) -> None:
        super().__init__(reason, reason)


@dataclass(frozen=True, slots=True)
class ReplicationOptions:
    """One replication, complete with defaults. Times are seconds.

    ``doc_ids`` (sorted), ``filter`` (``ddoc/name`` or a built-in one) and ``selector`` exclude each other.
    ``since_seq`` None: from the last checkpoint. ``worker_processes`` batches of ``worker_batch_size`` rows of the
    changes feed are on their way at a time.
    """

    source: Endpoint
    target: Endpoint
    continuous: bool = False
    create_target: bool = False
    create_target_params: Mapping[str, JsonValue] = field(default_factory=dict)
    doc_ids: tuple[str, ...] | None = None
    filter: str | None = None
    query_params: Mapping[str, JsonValue] = field(default_factory=dict)
    selector: Mapping[str, JsonValue] | None = None
    since_seq: JsonValue = None
    winning_revs_only: bool = False
    use_checkpoints: bool = True
    checkpoint_interval: float = 30.0
    use_bulk_get: bool = True
    worker_processes: int = 4
    worker_batch_size: int = 500
    http_connections: int = 20
    connection_timeout: float = 30.0
    retries_per_request: int = 5


@dataclass(frozen=True, slots=True)
class CancelRequest:
    """``{"cancel": true}``: of the job with this id (base, extension), or of that which these options would start."""

    job_id: tuple[str, str] | None
    options: ReplicationOptions | None


def parse_replicate(body: JsonValue) -> ReplicationOptions | CancelRequest:
    """The body of ``POST /_replicate``. Raises InvalidReplication, BadRequest for what is no object."""
    if not isinstance(body, dict):
        raise BadRequest("Request body must be a JSON object")
    values = _read_options(body)
    if values.pop("cancel", False):
        job_id = values.pop("id", None)
        if isinstance(job_id, tuple):
            return CancelRequest(job_id, None)
        return CancelRequest(None, _complete(body, values, names=True))
    return _complete(body, values, names=True)


def parse_replication(members: Mapping[str, JsonValue], *, names: bool = False) -> ReplicationOptions:
    """The members of a ``_replicator`` document, or what a command line gives.

    ``names``: a database may be named without a URL. Raises InvalidReplication.
    """
    return _complete(members, _read_options(members), names=names)


def _complete(members: Mapping[str, JsonValue], values: dict[str, object], *, names: bool) -> ReplicationOptions:
    """The options with both endpoints; in the order in which CouchDB looks for mistakes."""
    source_proxy, target_proxy = _read_proxies(members)
    values = {name: value for name, value in values.items() if name not in ("cancel", "id")}
    source = _read_endpoint(members.get("source", _MISSING), source_proxy, names=names)
    target = _read_endpoint(members.get("target", _MISSING), target_proxy, names=names)
    _check_choice(values, source)
    options: Callable[..., ReplicationOptions] = ReplicationOptions
    return options(source=source, target=target, **values)


# --- members


class _Missing:
    """No member of this name."""


_MISSING = _Missing()


def _bad(sentence: str) -> InvalidReplication:
    return InvalidReplication(sentence, f'{{throw,{{bad_request,<<"{sentence}">>}}}}')


def _boolean(name: str, value: JsonValue) -> bool:
    if not isinstance(value, bool):
        raise _bad(f"parameter `{name}` must be a boolean")
    return value


def _object(what: str) -> Callable[[str, JsonValue], dict[str, JsonValue]]:
    def read(name: str, value: JsonValue) -> dict[str, JsonValue]:
        if not isinstance(value, dict):
            raise _bad(f"parameter `{name}` must be {what}")
        return value

    return read


def _integer(least: int) -> Callable[[str, JsonValue], int]:
    def read(name: str, value: JsonValue) -> int:
        number = value
        if isinstance(value, str) and re.fullmatch(r"[+-]?[0-9]{1,15}", value, re.ASCII):
            number = int(value)
        if not isinstance(number, int) or isinstance(number, bool):
            raise InvalidReplication(f"parameter `{name}` must be an integer", "{error,badarg}")
        if number < least:
            raise _bad(f"parameter `{name}` must be at least {least}")
        return min(number, _MOST)

    return read


def _seconds(least: int) -> Callable[[str, JsonValue], float]:
    """A number of milliseconds, in seconds."""
    read = _integer(least)
    return lambda name, value: read(name, value) / _MILLISECONDS


def _doc_ids(name: str, value: JsonValue) -> tuple[str, ...] | None:
    """Ids may be percent-encoded; CouchDB takes them for a set, sorted by bytes."""
    if value is None:
        return None
    if not isinstance(value, list):
        raise _bad(f"parameter `{name}` must be an array")
    return tuple(sorted({_decoded(item) for item in value}))


def _decoded(item: JsonValue) -> str:
    if not isinstance(item, str):
        raise InvalidReplication("parameter `doc_ids` must be an array of strings", "{error,function_clause}")
    try:
        return unquote_to_bytes(item).decode()
    except UnicodeDecodeError:
        return item


_READERS: Final[Mapping[str, Callable[[str, JsonValue], object]]] = {
    "cancel": _boolean,
    "create_target": _boolean,
    "create_target_params": _object("a JSON object"),
    "winning_revs_only": _boolean,
    "continuous": _boolean,
    "query_params": _object("an object"),
    "doc_ids": _doc_ids,
    "selector": _object("a JSON object"),
    "worker_processes": _integer(1),
    "worker_batch_size": _integer(1),
    "http_connections": _integer(1),
    "connection_timeout": _seconds(1),
    "retries_per_request": _integer(0),
    "since_seq": lambda name, value: value,
    "use_checkpoints": lambda name, value: value is not False,
    "use_bulk_get": _boolean,
    "checkpoint_interval": _seconds(0),
}


def _read_options(members: Mapping[str, JsonValue]) -> dict[str, object]:
    """The options that are there, read; the first wrong one in their order is told."""
    values: dict[str, object] = {}
    for name, value in members.items():
        reader = _READERS.get(name)
        if reader is not None:
            values[name] = reader(name, value)
        elif name == "filter":
            values[name] = value
        elif name in _ID_NAMES and isinstance(value, str):
            values["id"] = split_job_id(value)
    if values.get("doc_ids", ()) is None:
        del values["doc_ids"]
    if len({"doc_ids", "filter", "selector"} & values.keys()) > 1:
        sentence = "`doc_ids`,`filter`,`selector` are mutually exclusive"
        raise InvalidReplication(sentence, f'{{throw,{{bad_request,"{sentence}"}}}}')
    return values


def _check_choice(values: Mapping[str, object], source: Endpoint) -> None:
    """That a filter has a name that it can have, and a selector is one; a remote source may know more operators."""
    chosen = values.get("filter", "")
    if not isinstance(chosen, str):
        raise InvalidReplication("parameter `filter` must be a string", "{error,badarg}")
    parameters = values.get("query_params", {})
    if chosen == "_view":
        view = parameters.get("view") if isinstance(parameters, dict) else None
        if not isinstance(view, str) or view.count("/") != 1:
            raise _bad("Invalid `view` parameter.")
    if "filter" in values and not chosen.startswith(BUILT_IN) and _FILTER.match(chosen) is None:
        raise RefusedReplication("Invalid filter. Must match `ddocname/filtername`.")
    selector = values.get("selector")
    if isinstance(selector, dict):
        try:
            chosen_by_selector(selector, by_remote_source=not source.is_name)
        except BadRequest as error:
            term = f'{{throw,{{mango_error,mango_selector,{{{error.error},<<"{error.reason}">>}}}}}}'
            raise InvalidReplication(error.reason, term, error=error.error) from None


# --- endpoints


def _read_endpoint(value: JsonValue | _Missing, proxy: str | None, *, names: bool) -> Endpoint:
    if isinstance(value, _Missing):
        raise RefusedReplication(_DATABASE)
    if isinstance(value, str):
        if value.startswith(("http://", "https://")):
            return _endpoint(value, {}, {}, proxy)
        if not names:
            raise RefusedReplication("local_endpoints_not_supported")
        if not value:
            raise RefusedReplication(_DATABASE)
        return Endpoint(value, proxy=proxy)
    if not isinstance(value, dict):
        raise InvalidReplication("source and target must be URLs, names or objects", "{error,function_clause}")
    headers, auth = value.get("headers", {}), value.get("auth", {})
    if not isinstance(headers, dict) or not isinstance(auth, dict):
        raise InvalidReplication("`headers` and `auth` must be objects", "{error,{badmatch,invalid_object}}")
    url = value.get("url")
    if names and isinstance(url, str) and url and not url.startswith(("http://", "https://")):
        return Endpoint(url, proxy=proxy)
    return _endpoint(url, headers, auth, proxy)


def _endpoint(
    url: JsonValue, headers: Mapping[str, JsonValue], auth: Mapping[str, JsonValue], proxy: str | None
) -> Endpoint:
    if not isinstance(url, str) or split_url(url) is None:
        raise RefusedReplication("endpoint has an invalid url")
    pairs: dict[str, str] = {}
    for name in sorted(headers):
        value = headers[name]
        if not isinstance(value, str):
            raise InvalidReplication(f"header `{name}` must be a string", "{error,badarg}")
        if _HEADER_NAME.fullmatch(name) is None or _NOT_IN_HEADERS.search(value) is not None:
            raise InvalidReplication(f"header `{name}` cannot be sent", "{error,badarg}")
        pairs[name] = value
    if "?" not in url and not url.endswith("/"):
        url += "/"
    return Endpoint(url, tuple(pairs.items()), auth, proxy)


def _read_proxies(members: Mapping[str, JsonValue]) -> tuple[str | None, str | None]:
    """The proxies of source and target."""
    both, source, target = (members.get(name) or None for name in ("proxy", "source_proxy", "target_proxy"))
    for other, name in ((source, "source_proxy"), (target, "target_proxy")):
        if both is not None and other is not None:
            sentence = f"`proxy` is mutually exclusive with `{name}`"
            raise InvalidReplication(sentence, f'{{throw,{{bad_request,"{sentence}"}}}}')
    return _proxy(both or source), _proxy(both or target)


def _proxy(value: JsonValue) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or _PROXY.fullmatch(value) is None:
        raise RefusedReplication("proxy has an invalid url")
    return value
