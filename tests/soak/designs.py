"""What a soak's client knows of design documents: its database has one, with views, a rule and a show function.

Owns that document, which has a new version now and then, and what must be seen through it: the views are computed once
more from the ledger, since the client alone writes the database; the rule refuses; the show shows. A version changes
what the views emit and which attachment the rule forbids.
"""

import base64
from collections.abc import Awaitable, Callable, Mapping
from random import Random
from typing import Any, Protocol

from tests.soak.client import Client, FindingError
from tests.soak.ledger import Document, Leaf, Ledger, Rev

DESIGN = "_design/soak"
FORBIDDEN = 403

MAP = "function(doc) { emit([doc.value % SIZE, (doc._conflicts || []).length], doc.value); }"
MANY = "function(doc) { for (var i = 0; i < doc.value % 4; i++) emit('x' + (doc.value + i) % SIZE, i); }"
SUM = "function(keys, values, rereduce) { return sum(values); }"
RULE = """function(doc) {
  if (doc.value < 0) throw({forbidden: 'negative'});
  if (doc._attachments && doc._attachments['NAME']) throw({forbidden: 'name'});
}"""
SHOW = "function(doc, req) { return {json: {value: doc ? doc.value : null, version: VERSION}}; }"


class Writer(Protocol):
    """The client whose design document it is: ``worker.Worker``."""

    client: Client
    name: str
    ledger: Ledger
    random: Random

    def counted(self) -> None: ...
    def path(self, doc_id: str) -> str: ...
    async def choose(self, *, existing: bool = False) -> tuple[str, Document]: ...
    async def until_answered(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Any: ...


class Designs:
    """The requests of one client that have to do with its design document; ``weights`` says how often each comes."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self.weights: list[tuple[Callable[[], Awaitable[None]], int]] = [
            (self.redesign, 1),
            (self.query, 4),
            (self.show, 3),
            (self.forbidden, 6),
        ]

    async def redesign(self) -> None:
        """The next version of the design document. It has a key, so that it is known which one there is."""
        writer, ledger = self._writer, self._writer.ledger
        body: dict[str, Any] = design(ledger.version + 1)
        if ledger.design_rev is not None:
            body["_rev"] = ledger.design_rev
        headers = {"Idempotency-Key": f'"{writer.random.randbytes(12).hex()}"'}
        said = await writer.until_answered("PUT", f"/{writer.name}/{DESIGN}", body, headers)
        ledger.version, ledger.design_rev = ledger.version + 1, said["rev"]
        writer.counted()

    async def query(self) -> None:
        """The views, while others write, if nothing is open about any document."""
        ledger = self._writer.ledger
        if not ledger.version or any(document.pending for document in ledger.docs.values()):
            return
        complaint = await look_at_views(self._writer.client, self._writer.name, ledger)
        if complaint is not None:
            raise FindingError(complaint)

    async def show(self) -> None:
        """What the show function makes of a document."""
        writer = self._writer
        doc_id, document = await writer.choose(existing=True)
        if not writer.ledger.version or not document.leaves:
            return
        live = document.live()
        value = document.leaves[live[0]].value if live else None
        path = f"/{writer.name}/{DESIGN}/_show/value/{doc_id}"
        _, said, _ = await writer.client.ask("GET", path)
        expected = {"value": value, "version": writer.ledger.version}
        if said != expected:
            raise FindingError(f"{path} shows {said}, expected {expected}")

    async def forbidden(self) -> None:
        """An edit that the rule is against, one way or another."""
        writer = self._writer
        if not writer.ledger.version:
            return
        doc_id, document = await writer.choose()
        live = document.live()
        on = {"_rev": live[0]} if live else {}
        path = f"/{writer.name}/_bulk_docs"
        way = writer.random.randrange(4)
        if way == 0:
            await writer.client.ask("PUT", writer.path(doc_id), {"value": -1, **on}, expect=(FORBIDDEN,))
        elif way == 1:
            data = base64.b64encode(b"forbidden").decode()
            body = {"value": 1, "_attachments": {forbidden_name(writer.ledger.version): {"data": data}}, **on}
            await writer.client.ask("PUT", writer.path(doc_id), body, expect=(FORBIDDEN,))
        elif way == 2:
            query = f"?rev={live[0]}" if live else ""
            name = forbidden_name(writer.ledger.version)
            await writer.client.ask("PUT", f"{writer.path(doc_id)}/{name}{query}", data=b"no", expect=(FORBIDDEN,))
        else:
            body = {"_id": doc_id, "_rev": f"1-{writer.random.randbytes(16).hex()}", "value": -1}
            _, rows, _ = await writer.client.ask("POST", path, {"docs": [body], "new_edits": False})
            if [row.get("error") for row in rows] != ["forbidden"]:
                raise FindingError(f"{path}: a replicated edit that the rule forbids said {rows}")
        writer.counted()


def design(version: int) -> dict[str, Any]:
    """A version of the design document."""
    size = str(modulus(version))
    views = {
        "pairs": {"map": MAP.replace("SIZE", size), "reduce": "_stats"},
        "sums": {"map": MAP.replace("SIZE", size), "reduce": SUM},
        "many": {"map": MANY.replace("SIZE", size), "reduce": "_count"},
    }
    return {
        "views": views,
        "validate_doc_update": RULE.replace("NAME", forbidden_name(version)),
        "shows": {"value": SHOW.replace("VERSION", str(version))},
    }


def modulus(version: int) -> int:
    """What the keys of a version depend on. It comes again, and with it an index that may be there still."""
    return 3 + version % 3


def forbidden_name(version: int) -> str:
    """The attachment that a version's rule forbids."""
    return f"forbidden-{version}.bin"


# --- The views, computed once more


async def look_at_views(client: Client, name: str, ledger: Ledger) -> str | None:
    """All that the views show against what the ledger makes of it; a complaint, or None."""
    winners = {doc_id: _winner(one) for doc_id, one in ledger.docs.items() if one.live()}
    pairs, many = _rows(winners, modulus(ledger.version))
    base = f"/{name}/{DESIGN}/_view"
    wanted: dict[str, list[Any]] = {
        "pairs?reduce=false": pairs,
        "many?reduce=false": many,
        "pairs?group=true": [[key, _stats(values)] for key, values in _groups(pairs, 2)],
        "pairs?group_level=1": [[key, _stats(values)] for key, values in _groups(pairs, 1)],
        "sums?group_level=1": [[key, sum(values)] for key, values in _groups(pairs, 1)],
        "sums": [[None, sum(value for *_, value in pairs)]] if pairs else [],
        "many?group=true": [[key, len(values)] for key, values in _groups(many, 0)],
        "many": [[None, len(many)]] if many else [],
    }
    for query, rows in wanted.items():
        _, said, _ = await client.ask("GET", f"{base}/{query}")
        found = [[row["key"], *([row["id"]] if "id" in row else []), row["value"]] for row in said["rows"]]
        if found != rows:
            lacks, odd = [row for row in rows if row not in found], [row for row in found if row not in rows]
            return (
                f"{name}: {query} of version {ledger.version} shows {len(found)} rows for {len(rows)},"
                f" lacks {lacks[:3]}, has {odd[:3]}"
            )
    return None


async def look_at_copied_views(client: Client, name: str, found: Mapping[str, Mapping[Rev, Leaf]]) -> str | None:
    """The same of a copy, which may have leaves that were purged where it is a copy of: against its own documents."""
    status, said, _ = await client.ask("GET", f"/{name}/{DESIGN}/_show/value", expect=(200, 404))
    if status == 404:
        return None
    ledger = Ledger()
    ledger.version = said["version"]
    ledger.docs = {doc_id: Document(dict(leaves)) for doc_id, leaves in found.items()}
    complaint = await look_at_views(client, name, ledger)
    return None if complaint is None else f"the copy of {complaint}"


def _winner(document: Document) -> tuple[int, int]:
    """The value of the winner, and how many live leaves there are beside it."""
    live: list[Rev] = document.live()
    value = document.leaves[live[0]].value
    assert value is not None
    return value, len(live) - 1


def _rows(winners: dict[str, tuple[int, int]], size: int) -> tuple[list[Any], list[Any]]:
    """The rows of both map functions, in order: key, id, value."""
    pairs = [[[value % size, beside], doc_id, value] for doc_id, (value, beside) in winners.items()]
    many = [
        [f"x{(value + place) % size}", doc_id, place]
        for doc_id, (value, _) in winners.items()
        for place in range(value % 4)
    ]
    return sorted(pairs), sorted(many)


def _groups(rows: list[Any], level: int) -> list[tuple[Any, list[int]]]:
    """Rows by the first items of their key (0: by the whole of it), in order."""
    found: list[tuple[Any, list[int]]] = []
    for key, _, value in rows:
        group = key[:level] if level else key
        if not found or found[-1][0] != group:
            found.append((group, []))
        found[-1][1].append(value)
    return found


def _stats(values: list[int]) -> dict[str, int]:
    return {
        "sum": sum(values),
        "count": len(values),
        "min": min(values),
        "max": max(values),
        "sumsqr": sum(value * value for value in values),
    }
