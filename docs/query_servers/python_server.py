"""A query server for functions in Python: an example for docs/query_servers.md, and a start for one of your own.

    docstore serve --query-server "python=python3 python_server.py"

A function is Python source that defines one function, whatever its name:

* map: ``def f(doc): yield doc["kind"], 1``
* reduce: ``def f(keys, values, rereduce): return sum(values)``
* filter: ``def f(doc, req): return doc.get("kind") == req["query"]["kind"]``
* validate_doc_update: ``def f(new, old, user, security): raise Forbidden("no")`` (or ``Unauthorized``, or nothing)
* show: ``def f(doc, req): return "text"`` or ``{"json": ...}``
* update: ``def f(doc, req): return doc, "text"``
* list: ``def f(head, req, rows): yield Start(headers={...}); yield "text"``, where ``rows`` gives rows one by one
* rewrites: ``def f(req): return "../../" + req["query"]["id"]``

Every function can ``log("...")``. This is an example: it trusts the design documents that it is given, since Python has
no sandbox; whoever may write design documents may do what this process may.
"""

import json
import sys
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

Function = Callable[..., Any]
Members = dict[str, Any]


class QueryError(Exception):
    """What is told as ``["error", word, reason]``."""

    def __init__(self, word: str, reason: str) -> None:
        super().__init__(reason)
        self.word = word


class Forbidden(Exception):
    """Refuses a document, whoever writes it."""


class Unauthorized(Exception):
    """Refuses a document for want of a login."""


class Start:
    """The first that a list function may yield: what its reply begins with."""

    def __init__(self, code: int = 200, headers: dict[str, str] | None = None) -> None:
        self.response = {"code": code, "headers": headers or {}}


def say(value: object) -> None:
    """A line to the database."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def log(message: object) -> None:
    """A line for the database's log."""
    say(["log", str(message)])


def compiled(source: object) -> Function:
    """The one function that a source defines. Raises QueryError."""
    if not isinstance(source, str):
        raise QueryError("not_found", "missing function")
    names: dict[str, Any] = {"log": log, "Forbidden": Forbidden, "Unauthorized": Unauthorized, "Start": Start}
    before = set(names)
    try:
        exec(compile(source, "<design document>", "exec"), names)
    except Exception as error:
        raise QueryError("compilation_error", f"{type(error).__name__}: {error} ({source})") from None
    found = [value for name, value in names.items() if name not in before | {"__builtins__"} and callable(value)]
    if len(found) != 1:
        raise QueryError("compilation_error", f"Source does not define one function. ({source})")
    function: Function = found[0]
    return function


class Server:
    """What the database has told so far."""

    def __init__(self) -> None:
        self.maps: list[Function] = []
        self.designs: dict[str, Members] = {}
        self.functions: dict[tuple[str, ...], Function] = {}
        self.reduces: dict[str, Function] = {}

    def answer(self, command: str, *arguments: Any) -> object:
        """The answer to one line."""
        known: dict[str, Function] = {
            "reset": self.reset,
            "add_lib": lambda lib: True,
            "add_fun": self.add,
            "map_doc": self.map,
            "reduce": self.reduce,
            "rereduce": self.rereduce,
            "ddoc": self.design,
        }
        if command not in known:
            raise SystemExit(f"unknown command {command}")
        return known[command](*arguments)

    # --- views

    def reset(self, config: object = None) -> bool:
        """Forget the functions of views."""
        self.maps = []
        self.reduces = {}
        return True

    def add(self, source: str) -> bool:
        """One more map function."""
        self.maps.append(compiled(source))
        return True

    def map(self, document: object) -> list[list[list[object]]]:
        """For each map function the rows of a document; of one that fails there are none."""
        return [self.rows(function, document) for function in self.maps]

    def rows(self, function: Function, document: object) -> list[list[object]]:
        """What one function yields."""
        try:
            return [[key, value] for key, value in function(document) or ()]
        except Exception as error:
            log(f"a map function failed: {error!r}")
            return []

    def reduce(self, sources: list[str], rows: list[list[object]]) -> list[object]:
        """``rows`` are ``[[key, id], value]``."""
        keys, values = [key for key, _ in rows], [value for _, value in rows]
        return [True, [self.reduction(source)(keys, values, False) for source in sources]]

    def rereduce(self, sources: list[str], values: list[object]) -> list[object]:
        """``values`` are reductions."""
        return [True, [self.reduction(source)(None, values, True) for source in sources]]

    def reduction(self, source: str) -> Function:
        """A reduce function, compiled once."""
        if source not in self.reduces:
            self.reduces[source] = compiled(source)
        return self.reduces[source]

    # --- design documents

    def design(self, name: str, *told: Any) -> object:
        """``["ddoc", "new", id, document]``, or ``["ddoc", id, path, arguments]``."""
        path, arguments = told
        if name == "new":
            self.designs[path] = arguments
            self.functions = {key: function for key, function in self.functions.items() if key[0] != path}
            return True
        kinds: dict[str, Function] = {
            "shows": self.show,
            "updates": self.update,
            "filters": self.filter,
            "views": self.filter_by_view,
            "validate_doc_update": self.validate,
            "lists": self.list_rows,
            "rewrites": self.rewrite,
        }
        return kinds[path[0]](self.function(name, path), *arguments)

    def function(self, name: str, path: list[str]) -> Function:
        """A function of a design document, compiled once."""
        key = (name, *path)
        if key not in self.functions:
            place: Any = self.designs[name]
            for member in path:
                place = place.get(member) if isinstance(place, dict) else None
            self.functions[key] = compiled(place)
        return self.functions[key]

    def show(self, function: Function, document: object, request: object) -> list[object]:
        """A page of a document."""
        return ["resp", wrapped(function(document, request))]

    def update(self, function: Function, document: object, request: Members) -> list[object]:
        """A document to be written, or None, and a reply."""
        if request["method"] == "GET":
            raise QueryError("method_not_allowed", "Update functions do not allow GET")
        changed, response = function(document, request)
        return ["up", changed, wrapped(response)]

    def filter(self, function: Function, documents: list[object], request: object) -> list[object]:
        """Which documents pass."""
        return [True, [bool(function(document, request)) for document in documents]]

    def filter_by_view(self, function: Function, documents: list[object]) -> list[object]:
        """The same by a map function: those that it yields something for."""
        return [True, [any(True for _ in function(document) or ()) for document in documents]]

    def validate(self, function: Function, *arguments: object) -> object:
        """1, or what is against a document."""
        try:
            function(*arguments)
        except Forbidden as error:
            return {"forbidden": str(error)}
        except Unauthorized as error:
            return {"unauthorized": str(error)}
        return 1

    def rewrite(self, function: Function, request: Members) -> list[object]:
        """Another request."""
        found = function(request)
        if not found:
            return ["no_dispatch_rule"]
        return ["ok", {"path": found, "method": request["method"]} if isinstance(found, str) else found]

    def list_rows(self, function: Function, head: object, request: object) -> list[object]:
        """The rows of a view: they come line by line, and what the function yields goes out in between."""
        chunks: list[str] = []
        start: dict[str, object] = {"headers": {}}
        began = False

        def tell() -> None:
            nonlocal chunks, began
            say(["start", chunks, start] if not began else ["chunks", chunks])
            chunks, began = [], True

        def rows() -> Iterator[object]:
            while True:
                tell()
                line = json.loads(sys.stdin.readline())
                if line[0] != "list_row":
                    return
                yield line[1]

        given = rows()
        for piece in function(head, request, given) or ():
            if isinstance(piece, Start):
                start = piece.response
            else:
                chunks.append(str(piece))
        if not began:
            next(given, None)
        return ["end", chunks]


def wrapped(response: object) -> object:
    """A text as a reply."""
    return {"body": response} if isinstance(response, str) else response


def main() -> NoReturn:
    """Answer line after line until there are no more."""
    server = Server()
    for line in iter(sys.stdin.readline, ""):
        try:
            say(server.answer(*json.loads(line)))
        except QueryError as error:
            say(["error", error.word, str(error)])
        except Exception as error:
            say(["error", type(error).__name__, str(error)])
    sys.exit(0)


if __name__ == "__main__":
    main()
