"""What rules and the journal know of a request.

Owns how each fact is got from aiohttp's request: path and query decoded as the server decodes them, the endpoint, the
user that the credentials name (right or wrong), the operation that IBM's SDKs say they are at. Most cost something and
are found out when first asked for. It must not know rules.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from functools import cached_property
from http.cookies import CookieError, SimpleCookie
from typing import Final

from aiohttp import hdrs
from aiohttp.web import BaseRequest

from docstore.core.cloudant.throughput import BULK, OPEN_LOOKUPS, Cost, cost_of
from docstore.core.json_text import JsonValue, decode
from docstore.double.endpoints import place_of
from docstore.double.request_body import SeenBody
from docstore.errors import DocstoreError
from docstore.httpd.dispatch import method_of
from docstore.httpd.routing import Router
from docstore.httpd.wire.paths import PARTITION, decode_query, path_of_absolute, split_path

ANALYTICS: Final = "X-IBMCloud-SDK-Analytics"
OPERATION: Final = "operation_id"
SESSION: Final = "AuthSession"
BEARER: Final = "bearer"
MOST_DEPTH: Final = 500


class Facts:
    """Of one request.

    ``target``     path and query as they came
    ``segments``   the path, decoded; empty if it cannot be
    ``endpoint``   its kind, ``""`` if the path leads nowhere
    ``database``, ``document``  that the path names, or ``""``
    ``text``, ``json``  the body that was read ahead; None before, and if it is too large or no JSON
    """

    def __init__(self, raw: BaseRequest, router: Router, body: SeenBody) -> None:
        self.raw = raw
        self.target = raw.raw_path
        self.method = method_of(raw)
        self.body = body
        self.text: bytes | None = None
        self.json: JsonValue = None
        path, _, self.query_string = self.target.partition("#")[0].partition("?")
        try:
            self.segments = split_path(path if path[:1] == "/" else path_of_absolute(path))
        except DocstoreError:
            self.segments = []
        place = place_of(router, self.segments)
        self.endpoint, self.database, self.document = place.kind, place.database, place.document

    @property
    def path(self) -> str:
        """The decoded path."""
        return "/" + "/".join(self.segments)

    @property
    def headers(self) -> Mapping[str, str]:
        """The request's headers."""
        return self.raw.headers

    @property
    def partitioned(self) -> bool:
        """Whether it stays within a partition."""
        return len(self.segments) > 3 and self.segments[1] == PARTITION

    @cached_property
    def query(self) -> dict[str, str]:
        """The parameters; of a repeated one the first value."""
        try:
            return dict(reversed(decode_query(self.query_string)))
        except DocstoreError:
            return {}

    @cached_property
    def operation(self) -> str:
        """The operation of IBM's SDK, or ``""``."""
        for part in self.headers.get(ANALYTICS, "").split(";"):
            name, _, value = part.partition("=")
            if name.strip() == OPERATION:
                return value.strip()
        return ""

    @cached_property
    def credential(self) -> str:
        """The cookie of the session, or the bearer token; ``""`` without either."""
        scheme, _, token = self.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
        return token.strip() if scheme.lower() == BEARER else _cookie(self.headers.get(hdrs.COOKIE, ""))

    @cached_property
    def user(self) -> str:
        """Whom the credentials name, or ``""``."""
        scheme, _, word = self.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
        if scheme.lower() == "basic":
            return _base64(word.strip()).partition(":")[0]
        if scheme.lower() == BEARER:
            return _subject(word)
        return _base64(self.credential).partition(":")[0]

    async def read_body(self) -> None:
        """Read the body ahead, for rules that look into it."""
        if self.text is None:
            try:
                self.text = await self.body.read_ahead(self.raw)
                self.json = None if self.text is None else decode(self.text, max_depth=MOST_DEPTH)
            except DocstoreError:  # its handler will say so as well
                self.json = None

    def cost(self) -> Cost:
        """What it takes of Cloudant's throughput; of bulk requests only once the body was read ahead."""
        documents = 1
        if (self.endpoint in BULK or self.endpoint in OPEN_LOOKUPS) and isinstance(self.json, dict):
            rows = self.json.get("docs")
            documents = len(rows) if isinstance(rows, list) else 1
        elif self.segments[-1:] == ["queries"] and isinstance(self.json, dict):
            queries = self.json.get("queries")
            documents = len(queries) if isinstance(queries, list) else 1
        return cost_of(self.method, self.endpoint, partitioned=self.partitioned, documents=documents)


def _cookie(text: str) -> str:
    try:
        morsel = SimpleCookie(text).get(SESSION)
    except CookieError:
        return ""
    return "" if morsel is None else morsel.value


def _base64(text: str) -> str:
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "/") + "==").decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return ""


def _subject(token: str) -> str:
    """The subject of a JSON web token, unverified."""
    parts = token.split(".")
    try:
        claims = json.loads(_base64(parts[1])) if len(parts) == 3 else {}
    except ValueError:
        return ""
    name = claims.get("sub") if isinstance(claims, dict) else None
    return name if isinstance(name, str) else ""
