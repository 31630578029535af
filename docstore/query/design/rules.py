"""The rules of databases: the design documents that have a ``validate_doc_update``.

Owns what is remembered of them. It must not know what a rule says, nor who asks. A database's rules are good for its
``design_seq``; whoever has another one finds them again. Design documents that were stored before they were checked
may have anything in that member: what is no text is no rule.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from typing import Final, NamedTuple

from docstore.core.document import DESIGN_PREFIX
from docstore.core.json_text import JsonValue, decode, encode
from docstore.core.rev import parse_rev
from docstore.database.reading.all_docs import DESIGN_END
from docstore.database.reading.document_text import stub_text
from docstore.query.design.document import JAVASCRIPT, VALIDATE
from docstore.query.javascript.calling import Function
from docstore.storage.databases import get_state
from docstore.storage.documents.documents import get_body
from docstore.storage.documents.scans import scan_documents
from docstore.storage.tables import ReadTransaction

MAX_DATABASES: Final = 1_000

_MARK: Final = f'"{VALIDATE}"'.encode()


class Rules(NamedTuple):
    """The rules of one database, in the order of their design documents' ids."""

    design_seq: int
    functions: tuple[Function, ...]


class RuleBook:
    """The rules of the databases that were written to of late. Of one thread only, but for ``read_rules``."""

    def __init__(self) -> None:
        self._known: OrderedDict[int, Rules] = OrderedDict()

    def known(self, number: int, design_seq: int) -> Rules | None:
        """The rules of a database, if they are known."""
        rules = self._known.get(number)
        return rules if rules is not None and rules.design_seq == design_seq else None

    def latest(self, number: int) -> Rules | None:
        """The rules of a database when they were last asked for; others may hold by now."""
        return self._known.get(number)

    def remember(self, number: int, rules: Rules) -> None:
        """Rules that were read."""
        self._known[number] = rules
        self._known.move_to_end(number)
        if len(self._known) > MAX_DATABASES:
            self._known.popitem(last=False)


def has_designs(txn: ReadTransaction, number: int) -> bool:
    """Whether a database has any design documents."""
    return next(scan_documents(txn, number, start=DESIGN_PREFIX, end=DESIGN_END), None) is not None


def read_rules(txn: ReadTransaction, number: int, name: str) -> Rules:
    """The rules of a database. Raises DatabaseNotFound."""
    state = get_state(txn, number)
    functions = []
    for doc_id, rev, _, seq in scan_documents(txn, number, start=DESIGN_PREFIX, end=DESIGN_END):
        value = get_body(txn, number, seq)
        if value is None or _MARK not in value:
            continue
        text = stub_text(doc_id, parse_rev(rev), False, value)
        members = decode(text)
        if isinstance(members, dict) and isinstance(members.get(VALIDATE), str):
            functions.append(function_of(name, doc_id, members, text, (VALIDATE,)))
    return Rules(state.design_seq, tuple(functions))


def function_of(
    database: str, doc_id: str, members: Mapping[str, JsonValue], text: bytes, path: tuple[str, ...]
) -> Function:
    """A function of the design document of these members and this text."""
    language = members.get("language", JAVASCRIPT)
    digest = hashlib.md5(text, usedforsecurity=False).hexdigest()
    named = language if isinstance(language, str) else encode(language).decode()
    return Function(database, doc_id, named, digest, text.decode(), path)
