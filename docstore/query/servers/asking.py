"""Design documents' functions in other languages: the questions of CouchDB's protocol, and answers to them.

Owns the words of ``reset`` and ``ddoc``. It must not know processes of this server, nor databases. Follows
``couch_query_servers`` and ``share/server/loop.js``: a design document is taught once, and each question begins with a
reset.
"""

from collections.abc import Sequence
from typing import NamedTuple, cast

from docstore.core.json_text import JsonValue, decode, encode
from docstore.query.design.document import VALIDATE
from docstore.query.servers.kept import Kept, kept_server
from docstore.query.servers.process import members_of
from docstore.settings import FunctionSettings


class Asked(NamedTuple):
    """A design document that is asked: its database, its text and the digest of that."""

    database: str
    digest: str
    text: str


def reset_line(limits: FunctionSettings) -> bytes:
    """``["reset", configuration]``"""
    told: JsonValue = {"reduce_limit": limits.reduce_limit, "timeout": int(limits.time * 1000)}
    return encode(["reset", told])


def ready_for(command: Sequence[str], asked: Asked, limits: FunctionSettings) -> tuple[Kept, str]:
    """A query server that knows a design document, and the document's id. Raises what it fails with."""
    kept = kept_server(command, asked.database, limits)
    text = asked.text.encode()
    members = decode(text)
    doc_id = members.get("_id") if isinstance(members, dict) else None
    name = doc_id if isinstance(doc_id, str) else ""
    if kept.designs.get(name) != asked.digest:
        kept.designs.pop(name, None)
        expect_true(kept, b'["ddoc","new",%b,%b]' % (encode(name), text))
        kept.designs[name] = asked.digest
    expect_true(kept, reset_line(limits))
    return kept, name


def expect_true(kept: Kept, line: bytes) -> None:
    """Ask what is answered with ``true``. Raises what the query server fails with."""
    answer = kept.server.ask(line)
    if answer is not True:
        raise kept.server.odd(answer)


def call_line(doc_id: str, path: Sequence[str], arguments: bytes) -> bytes:
    """``["ddoc", id, path, arguments]``; the arguments are a JSON array."""
    return b'["ddoc",%b,%b,%b]' % (encode(doc_id), encode(cast("JsonValue", list(path))), arguments)


def passes(kept: Kept, line: bytes, count: int) -> list[bool]:
    """Which of so many documents pass. Raises what the query server fails with."""
    answer = kept.server.ask(line)
    told = members_of(answer, True, 2)
    found = told[0] if told is not None else None
    if not isinstance(found, list) or len(found) != count:
        raise kept.server.odd(answer)
    return [bool(one) for one in found]


def verdict_of(kept: Kept, line: bytes) -> list[JsonValue] | None:
    """What a rule says: None, or ``["thrown", value]``. Raises what the query server fails with."""
    answer = kept.server.ask(line)
    if answer is True or answer == 1:
        return None
    if isinstance(answer, str | dict):
        return ["thrown", answer]
    raise kept.server.odd(answer)


def rule_line(doc_id: str, item: bytes, user: str, security: str) -> bytes:
    """The question to a rule; ``item`` is the array of a document and the one before."""
    return call_line(doc_id, (VALIDATE,), b"%b,%b,%b]" % (item.rstrip()[:-1], user.encode(), security.encode()))
