"""The paths that control a test server: ``/_docstore/faults``, ``/_docstore/requests``, and those that others add.

Owns who may (this machine; from elsewhere a server admin), the reading of a request and the errors. It must not know
what a rule means. Other paths below ``/_docstore`` are the server's own and pass.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from aiohttp.web import BaseRequest

from docstore.core.json_text import JsonValue, decode
from docstore.double.faults import Faults
from docstore.double.journal import Journal
from docstore.errors import BadRequest, DocstoreError, MethodNotAllowed, NotFound, Unauthorized
from docstore.httpd.dispatch import Dispatcher
from docstore.httpd.guard import Guard, is_loopback
from docstore.httpd.problems.errors import error_reply
from docstore.httpd.replies import Reply, json_reply
from docstore.httpd.wire.bodies import stream_body
from docstore.httpd.wire.paths import decode_query, split_path

PREFIX: Final = "/_docstore/"
MAX_CONTROL_BODY: Final = 64 * 1024 * 1024
MAX_DEPTH: Final = 500
MOST_DIGITS: Final = 16
OK: Final[dict[str, JsonValue]] = {"ok": True}
NUMBERS: Final = frozenset({"status"})
FROM_ELSEWHERE: Final = "From other machines only a server admin controls a test server."


@dataclass(frozen=True, slots=True)
class Control:
    """A request to one of the paths. ``rest`` is what follows the path's name, decoded; ``body`` its JSON or None."""

    method: str
    rest: tuple[str, ...]
    query: dict[str, str]
    body: JsonValue


Controller = Callable[[Control], Awaitable[JsonValue]]
"""Answers a request to a path. Raises DocstoreError, ValueError (a 400)."""


class Surface:
    """The paths of one server: a name behind ``/_docstore/``, the methods that it takes, and who answers."""

    def __init__(self, faults: Faults, journal: Journal) -> None:
        self._faults = faults
        self._journal = journal
        self._guard = Guard()
        self._dispatcher: Dispatcher | None = None
        self.paths: dict[str, tuple[tuple[str, ...], Controller]] = {}
        self.add("faults", ("GET", "POST", "DELETE"), self._on_faults)
        self.add("requests", ("GET", "DELETE"), self._on_requests)

    def add(self, name: str, methods: tuple[str, ...], controller: Controller) -> None:
        """Answer a path."""
        self.paths[name] = (methods, controller)

    def attach(self, dispatcher: Dispatcher) -> None:
        """The server that is controlled."""
        self._dispatcher = dispatcher

    async def answer(self, raw: BaseRequest) -> Reply | None:
        """The reply to a request to one of the paths; None for any other request."""
        if not raw.raw_path.startswith(PREFIX):
            return None
        path, _, query = raw.raw_path.partition("?")
        try:
            name, *rest = split_path(path)[1:] or [""]
            found = self.paths.get(name)
            if found is None:
                return None
            methods, controller = found
            await self._check(raw)
            if raw.method not in methods and (raw.method != "HEAD" or "GET" not in methods):
                raise MethodNotAllowed(",".join(methods))
            method = "GET" if raw.method == "HEAD" else raw.method
            control = Control(method, tuple(rest), dict(decode_query(query)), await _body(raw))
            return json_reply(await controller(control), 201 if method == "POST" else 200)
        except DocstoreError as error:
            return error_reply(error)
        except ValueError as error:
            return error_reply(BadRequest(str(error)))

    async def _check(self, raw: BaseRequest) -> None:
        dispatcher = self._dispatcher
        assert dispatcher is not None
        if raw.remote is None or is_loopback(raw.remote):
            self._guard.check(raw.method, raw.headers, raw.remote)
            return
        authenticated = await dispatcher.service.authenticator.authenticate(
            raw.headers, raw.remote, raw.method, [], lambda: raw.secure
        )
        if not authenticated.user.is_admin:
            raise Unauthorized(FROM_ELSEWHERE)

    async def _on_faults(self, control: Control) -> JsonValue:
        faults = self._faults
        if control.method == "POST":
            if control.rest:
                raise NotFound
            rules = control.body if isinstance(control.body, list) else [control.body]
            added: list[JsonValue] = [fault.json() for fault in faults.add_all(rules)]
            return added if isinstance(control.body, list) else added[0]
        if not control.rest:
            if control.method == "DELETE":
                faults.clear()
                return OK
            return {"seed": faults.seed, "faults": [fault.json() for fault in faults]}
        fault = faults.get("/".join(control.rest))
        if fault is None:
            raise NotFound
        if control.method == "DELETE":
            fault.remove()
        return fault.json()

    async def _on_requests(self, control: Control) -> JsonValue:
        journal = self._journal
        if control.rest:
            raise NotFound
        if control.method == "DELETE":
            journal.clear()
            return OK
        asked: dict[str, Any] = dict(control.query)
        har = asked.pop("format", "json")
        if har not in ("json", "har"):
            raise BadRequest("the format is json or har")
        for name in NUMBERS & asked.keys():
            if not asked[name].isdecimal():
                raise BadRequest(f"{name} is a number")
            asked[name] = int(asked[name])
        if "body" in asked:
            asked["body"] = decode(asked["body"].encode(), max_depth=MAX_DEPTH)
        for name in ("header", "query"):
            if name in asked:
                asked[name] = decode(asked[name].encode(), max_depth=MAX_DEPTH)
        since, limit = (_number(name, asked.pop(name, None)) for name in ("since", "limit"))
        found = journal.requests(**asked)
        if since is not None:
            found = [entry for entry in found if entry.number > since]
        if limit is not None:
            found = found[max(0, len(found) - limit) :]
        if har == "har":
            return journal.har(found)
        return {"total": len(found), "requests": [entry.as_json() for entry in found]}


def _number(name: str, text: str | None) -> int | None:
    if text is None or (text.isascii() and text.isdecimal() and len(text) < MOST_DIGITS):
        return None if text is None else int(text)
    raise BadRequest(f"{name} is a number")


async def _body(raw: BaseRequest) -> JsonValue:
    body = bytearray()
    async for piece in stream_body(raw):
        body += piece
        if len(body) > MAX_CONTROL_BODY:
            raise BadRequest("the body is too large")
    return decode(bytes(body), max_depth=MAX_DEPTH) if body else None
