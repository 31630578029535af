"""From path segments to a route, by a few dictionary look-ups.

Owns the shapes that a path pattern can have and which of them wins; the table itself is ``app.py``. It must not know
what a route does. Follows ``chttpd:process_request`` (empty segments count for nothing) and
``chttpd_db:handle_request``.

The shapes: literal segments, ``{name}`` for any one segment, ``{doc}`` for one that is (the end of) a document id,
``{path...}`` at the end for one or more. ``_design%2F{doc}`` is a single segment that begins ``_design/`` once decoded.
A literal behind ``{doc}`` goes before an attachment of that name.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from docstore.core.security.access import Access
from docstore.errors import MethodNotAllowed, NotFound
from docstore.httpd.request import Request
from docstore.httpd.writing.writes import Answer

Handler = Callable[[Request], Awaitable[Answer]]

DATABASE = "{db}"
DOCUMENT = "{doc}"
REST = "{path...}"
ENCODED_SLASH = "%2F"
NO_LOCAL_ID = "_local/"
"""``_local%2F`` with nothing behind it, which is ``_local``."""
READING = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True, slots=True)
class Route:
    """One row of the table.

    ``allow`` is CouchDB's list for the Allow header. ``may`` says who may use it; without it server admins may what is
    the server's, and of a database members read and write. ``in_system`` rows are there, in the databases of users and
    of replications, for those too who do not administer them.
    """

    pattern: str
    allow: str
    handlers: Mapping[str, Handler]
    may: Access | Mapping[str, Access] | None = None
    in_system: bool = False
    segments: tuple[str, ...] = field(init=False)
    has_rest: bool = field(init=False)
    id_position: int = field(init=False)
    id_prefix: str = field(init=False)
    database_position: int = field(init=False)

    def __post_init__(self) -> None:
        segments = tuple(segment for segment in self.pattern.split("/") if segment and segment != REST)
        position = next((place for place, segment in enumerate(segments) if segment.endswith(DOCUMENT)), 0)
        object.__setattr__(self, "segments", segments)
        object.__setattr__(self, "has_rest", self.pattern.endswith(REST))
        object.__setattr__(self, "id_position", position)
        object.__setattr__(self, "database_position", segments.index(DATABASE) if DATABASE in segments else 0)
        object.__setattr__(self, "id_prefix", "".join(f"{segment}/" for segment in segments[1:position]))

    @property
    def below_database(self) -> bool:
        """Whether the first segment names a database."""
        return self.segments[:1] == (DATABASE,)

    @property
    def names_document(self) -> bool:
        """Whether it is a document as a whole."""
        return bool(self.id_position) and self.id_position == len(self.segments) - 1 and not self.has_rest

    def access(self, method: str) -> Access:
        """What a request with this method needs."""
        may = self.may
        if isinstance(may, Access):
            return may
        found = None if may is None else may.get(method)
        if found is not None:
            return found
        if not self.below_database:
            return Access.SERVER_ADMIN
        return Access.MEMBER if method in READING else Access.WRITER

    def handler(self, method: str) -> Handler:
        """The handler of a method; a HEAD goes to that of GET.

        Raises MethodNotAllowed, or NotFound if the path is nothing by whatever method.
        """
        handler = self.handlers.get(method)
        if handler is None and method == "HEAD":
            handler = self.handlers.get("GET")
        if handler is None:
            raise MethodNotAllowed(self.allow) if self.allow else NotFound
        return handler

    def doc_id(self, segments: Sequence[str]) -> str:
        """The document id in these segments, ``""`` if the pattern has none."""
        return self.id_prefix + segments[self.id_position] if self.id_position else ""

    def rest(self, segments: Sequence[str]) -> str:
        """The segments that ``{path...}`` stands for, with slashes between them."""
        return "/".join(segments[len(self.segments) :])

    def matches(self, segments: Sequence[str], start: int = 0) -> bool:
        """Whether these segments have the pattern's shape; those before ``start`` are not looked at."""
        own = len(self.segments)
        if len(segments) <= own if self.has_rest else len(segments) != own:
            return False
        pairs = zip(self.segments[start:], segments[start:], strict=False)
        return all(ours[0] == "{" or ours == theirs for ours, theirs in pairs)


def route(pattern: str, allow: str, may: Access | Mapping[str, Access] | None = None, /, **handlers: Handler) -> Route:
    """A row."""
    return Route(pattern, allow, handlers, may)


def in_system(row: Route) -> Route:
    """A row that is there in the databases of users and replications too, for those who do not administer them."""
    return replace(row, in_system=True)


def open_route(pattern: str, allow: str, **handlers: Handler) -> Route:
    """A row that answers anybody."""
    return Route(pattern, allow, handlers, Access.ANYBODY)


class Router:
    """The rows, arranged by their first literal segment. ``once``: handlers of writes that heed idempotency keys."""

    def __init__(self, routes: Iterable[Route], *, once: Collection[Handler] = frozenset()) -> None:
        self.routes = tuple(routes)
        self.once = once
        self._plain: dict[str, Route] = {}
        self._of_server: dict[str, list[Route]] = {}
        self._of_database: dict[str, list[Route]] = {}
        self._of_document: dict[str, Route] = {}
        self._encoded: list[tuple[str, Route]] = []
        for row in self.routes:
            if not row.below_database and row.segments:
                self._of_server.setdefault(row.segments[0], []).append(row)
            elif len(row.segments) < 2 or row.segments[1] == DOCUMENT:
                self._plain[row.pattern] = row
                if len(row.segments) > 2:
                    self._of_document[row.segments[2]] = row
            elif ENCODED_SLASH in row.segments[1]:
                self._encoded.append((row.segments[1].removesuffix(DOCUMENT).replace(ENCODED_SLASH, "/"), row))
            else:
                self._of_database.setdefault(row.segments[1], []).append(row)
        self._document = self._plain["/{db}/{doc}"]
        self._below_document = self._plain["/{db}/{doc}/{path...}"]

    def find(self, segments: Sequence[str]) -> Route:
        """The row for these segments.

        A first segment that no endpoint of the server has is a database, a second that no endpoint of a database has
        (with as many segments as it takes) is a document. Raises NotFound below an endpoint of the server.
        """
        if not segments:
            return self._plain["/"]
        rows = self._of_server.get(segments[0])
        if rows is not None:
            row = _first_match(rows, segments)
            if row is None:
                raise NotFound
            return row
        if len(segments) == 1:
            return self._plain["/{db}"]
        if segments[1][0] == "_":
            row = self._reserved(segments)
            if row is not None:
                return row
        if len(segments) == 2:
            return self._document
        named = self._of_document.get(segments[2])
        return named if named is not None and len(segments) == 3 else self._below_document

    def _reserved(self, segments: Sequence[str]) -> Route | None:
        """The row of an endpoint of a database, or of an id below ``_design`` or ``_local``."""
        second = segments[1]
        if second == NO_LOCAL_ID:
            second = second[:-1]
        row = _first_match(self._of_database.get(second, ()), segments, 2)
        if row is not None:
            return row
        for prefix, encoded in self._encoded:
            if second.startswith(prefix) and encoded.matches(segments, 2):
                return encoded
        return None


def _first_match(rows: Iterable[Route], segments: Sequence[str], start: int = 1) -> Route | None:
    for row in rows:
        if row.matches(segments, start):
            return row
    return None
