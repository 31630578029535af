"""The OpenAPI 3.1 description of the API, made of the route table.

Owns the form. Paths and methods are the table's, so none can be left out. It must not know what an endpoint does, nor
when the description is asked for. Source: the OpenAPI Specification 3.1.1, sections 4.8.1 (document), 4.8.9 (paths),
4.8.10 (operations).

COPY is a method that OpenAPI has no member for: it stands under ``x-copy``, in the form of an operation.
"""

import inspect
import re
from collections.abc import Iterable
from typing import Final

from docstore import __version__
from docstore.core.json_text import JsonValue
from docstore.core.security.access import Access
from docstore.httpd.description.bodies import BYTES, JSON_BODIES, plain
from docstore.httpd.description.parameters import Parameter, taken
from docstore.httpd.description.summaries import EVERY_METHOD, SUMMARIES
from docstore.httpd.routing import Handler, Route

COPY: Final = "x-copy"
NO_USER: Final[list[JsonValue]] = [{}]

_PLACEHOLDER = re.compile(r"\{([a-z]+)(?:\.\.\.)?\}")
_LITERAL = re.compile(r"``([^`]*)``")
_SENTENCE = re.compile(r"(.+?[.!?])(?:\s|$)", re.DOTALL)
_NAMED = re.compile(r"^`?`?[A-Z]+ /\S*?`?`?:\s+")
_ABOUT: Final = {
    "db": "A database.",
    "doc": "The id of a document.",
    "name": "A node, `_local` for this one; or a name.",
    "path": "What follows, slashes included: an attachment's name, for instance.",
    "view": "A view of the design document.",
    "partition": "A partition.",
    "uuid": "A resumable upload.",
    "id": "The id of a replication.",
    "section": "A section of settings.",
    "key": "A setting of the section.",
}
_SERVER_TAG: Final = "server"


def description(routes: Iterable[Route]) -> dict[str, JsonValue]:
    """The description of these routes: an OpenAPI document."""
    paths: dict[str, JsonValue] = {}
    for route in routes:
        paths[path_of(route.pattern)] = _path_item(route)
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "docstore",
            "version": __version__,
            "summary": "A revisioned JSON document database that speaks the CouchDB HTTP API.",
        },
        "servers": [{"url": "/"}],
        "security": [{}, {"basic": []}, {"cookie": []}, {"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": {"Error": _ERROR, "Problem": _PROBLEM},
            "responses": {"Error": _ERROR_RESPONSE},
            "securitySchemes": {
                "basic": {"type": "http", "scheme": "basic"},
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": "AuthSession"},
            },
        },
    }


def path_of(pattern: str) -> str:
    """The path of a route, as OpenAPI writes it: ``{path...}`` is ``{path}``."""
    return pattern.replace("...}", "}")


def methods_of(route: Route) -> list[str]:
    """The methods that a route answers; HEAD wherever GET is, since it goes to the same handler."""
    methods = list(route.handlers)
    if "GET" in methods and "HEAD" not in methods:
        methods.append("HEAD")
    return methods


def _path_item(route: Route) -> dict[str, JsonValue]:
    names = _PLACEHOLDER.findall(route.pattern)
    item: dict[str, JsonValue] = {}
    if names:
        item["parameters"] = [
            {
                "name": name,
                "in": "path",
                "required": True,
                "description": _ABOUT.get(name, "A name."),
                "schema": {"type": "string"},
            }
            for name in names
        ]
    for method in methods_of(route):
        handler = route.handlers.get(method) or route.handlers["GET"]
        item[COPY if method == "COPY" else method.lower()] = _operation(route, method, handler)
    return item


def _operation(route: Route, method: str, handler: Handler) -> dict[str, JsonValue]:
    asked = "GET" if method == "HEAD" else method
    operation: dict[str, JsonValue] = {
        "operationId": f"{method.lower()} {route.pattern}",
        "tags": [_tag(handler)],
        "summary": _summary(asked, route.pattern, handler),
        "responses": {
            "2XX": {"description": "Done; the reply is JSON unless something else was asked for."},
            "4XX": {"$ref": "#/components/responses/Error"},
            "5XX": {"$ref": "#/components/responses/Error"},
        },
    }
    if route.access(asked) is Access.ANYBODY:
        operation["security"] = NO_USER
    parameters = [_parameter(one) for one in taken(asked, route.pattern)]
    if method == "COPY":
        parameters.append(
            {
                "name": "Destination",
                "in": "header",
                "required": True,
                "schema": {"type": "string"},
                "description": _COPY,
            }
        )
    if parameters:
        operation["parameters"] = parameters
    body = _body(asked, route.pattern)
    if body is not None and method != "HEAD":
        operation["requestBody"] = body
    return operation


def _parameter(parameter: Parameter) -> JsonValue:
    told: dict[str, JsonValue] = {"name": parameter.name, "in": "query", "description": parameter.about}
    if parameter.as_json:
        return told | {"content": {"application/json": {"schema": parameter.schema}}}
    return told | {"schema": parameter.schema}


def _body(method: str, pattern: str) -> JsonValue:
    for key in ((method, pattern), (method, plain(pattern))):
        if key in JSON_BODIES:
            return {"required": True, "content": {"application/json": {"schema": JSON_BODIES[key]}}}
        if key in BYTES:
            return {"required": True, "content": {"application/octet-stream": {}}}
    return None


def _tag(handler: Handler) -> str:
    """The room of the handler: ``documents``, ``listings``, ..."""
    parts = handler.__module__.split(".")
    return parts[2] if len(parts) > 3 else _SERVER_TAG


def _summary(method: str, pattern: str, handler: Handler) -> str:
    """What stands in ``SUMMARIES``, or the first sentence of the handler's docstring."""
    for key in (f"{method} {pattern}", f"{method} {plain(pattern)}"):
        if key in SUMMARIES:
            return SUMMARIES[key]
    if pattern in EVERY_METHOD:
        return EVERY_METHOD[pattern]
    text = " ".join((inspect.getdoc(handler) or handler.__name__).split("\n\n")[0].split())
    found = _SENTENCE.match(_NAMED.sub("", text))
    sentence = _LITERAL.sub(r"`\1`", found[1] if found else text)
    return sentence[:1].upper() + sentence[1:] if sentence.endswith(".") else f"{method} {pattern}."


_COPY: Final = "The id that is written, perhaps with `?rev=` of the revision replaced there."
_ERROR: Final[JsonValue] = {
    "type": "object",
    "required": ["error", "reason"],
    "properties": {"error": {"type": "string"}, "reason": {}},
}
_PROBLEM: Final[JsonValue] = {
    "type": "object",
    "required": ["type", "title", "status"],
    "properties": {"type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"}},
}
_ERROR_RESPONSE: Final[JsonValue] = {
    "description": "Refused: in CouchDB's two words, or as problem details (RFC 9457) for those who accept them.",
    "content": {
        "application/json": {"schema": {"$ref": "#/components/schemas/Error"}},
        "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}},
    },
}
