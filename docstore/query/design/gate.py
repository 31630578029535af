"""The gate of a database: its rules, and what a design document has to be.

Owns who is asked about an edit, and what becomes of the answer. ``database/write_gate.py`` says when. An edit of a
design document is checked as one (shape, and whether its views compile) and is no matter for rules, as in CouchDB;
any other edit, interactive or replicated, is put before the ``validate_doc_update`` of every design document, in the
order of their ids, until one is against it. It must not know HTTP. Follows ``couch_db:validate_doc_update``.
"""

from asyncio import to_thread
from collections.abc import Callable, Sequence
from typing import Final, cast

from docstore.core.document import DESIGN_PREFIX
from docstore.core.edit import Edit
from docstore.core.json_cost import is_costly
from docstore.core.json_slices import decode_in_slices
from docstore.core.json_text import JsonValue, decode, encode
from docstore.core.security.access import not_database_admin
from docstore.core.security.user import NOBODY, SERVER, UserContext
from docstore.database.reading import properties
from docstore.database.reading.edits_seen import SeenEdit, see_edits
from docstore.database.write_gate import Verdict
from docstore.database.write_hooks import Actor
from docstore.errors import Conflict, DocstoreError, Forbidden, Unauthorized
from docstore.query.design.document import parse_design
from docstore.query.design.rules import RuleBook, Rules, has_designs, read_rules
from docstore.query.errors import FunctionFailed, InvalidDesignDoc, StateConflict
from docstore.query.javascript.calling import Functions
from docstore.query.javascript.words import error_of
from docstore.storage.databases import get_state
from docstore.storage.engine.environment import Environment
from docstore.storage.rows import DatabaseRow

DESIGN_LENGTH: Final = len(DESIGN_PREFIX)
PARTITIONED: Final = "partitioned option cannot be true in a non-partitioned database."


class DesignGate:
    """The gate of one database."""

    def __init__(
        self, name: str, row: DatabaseRow, environment: Environment, functions: Functions, rule_book: RuleBook
    ) -> None:
        self._name = name
        self._number = row.number
        self._partitioned = row.partitioned
        self._snapshot = environment.snapshot
        self._functions = functions
        self._rule_book = rule_book

    async def __call__(self, edits: Sequence[Edit], actor: Actor | None, *, new_edits: bool) -> Verdict:
        """See ``write_gate.Gate``."""
        with self._snapshot() as snapshot:
            design_seq = get_state(snapshot, self._number).design_seq
            rules = self._rule_book.known(self._number, design_seq)
            if rules is None and not has_designs(snapshot, self._number):
                rules = Rules(design_seq, ())
                self._rule_book.remember(self._number, rules)
        if rules is None:
            rules = await to_thread(self._read_rules)
            self._rule_book.remember(self._number, rules)
        if not rules.functions and not [True for edit in edits if edit.id[:DESIGN_LENGTH] == DESIGN_PREFIX]:
            return Verdict(edits, rules.design_seq)
        judged = list(edits) if not rules.functions else await self._judge(edits, rules, actor, new_edits=new_edits)
        checked: list[Edit | DocstoreError] = []
        for edit in judged:
            if isinstance(edit, Edit) and edit.id.startswith(DESIGN_PREFIX) and not edit.passed_over:
                checked.append(await self._check_design(edit) if _may_design(actor) else _no_designer(actor))
            else:
                checked.append(edit)
        return Verdict(checked, rules.design_seq)

    def open_to(self, edit: Edit) -> int | None:
        """See ``write_gate.Gate``."""
        rules = self._rule_book.latest(self._number)
        if rules is None or rules.functions or edit.id.startswith(DESIGN_PREFIX):
            return None
        return rules.design_seq

    def _read_rules(self) -> Rules:
        with self._snapshot() as snapshot:
            return read_rules(snapshot, self._number, self._name)

    # --- the application's rules

    async def _judge(
        self, edits: Sequence[Edit], rules: Rules, actor: Actor | None, *, new_edits: bool
    ) -> list[Edit | DocstoreError]:
        places = [place for place, edit in enumerate(edits) if not edit.id.startswith(DESIGN_PREFIX)]
        judged: list[Edit | DocstoreError] = list(edits)
        if not places:
            return judged
        asked = [edits[place] for place in places]
        seen, security = await to_thread(self._see, asked, new_edits=new_edits)
        items: list[bytes] = []
        open_: list[tuple[int, SeenEdit]] = []
        for place, one in zip(places, seen, strict=True):
            if isinstance(one, SeenEdit):
                items.append(b"[%b,%b]" % (one.document, one.before))
                open_.append((place, one))
            else:
                judged[place] = one
        if not items:
            return judged
        user = encode(user_context(self._name, actor)).decode()
        verdicts = await self._functions.validate(rules.functions, items, user, security)
        for (place, one), verdict in zip(open_, verdicts, strict=True):
            judged[place] = one.edit if verdict is None else _refusal(verdict)
        return judged

    def _see(self, edits: Sequence[Edit], *, new_edits: bool) -> tuple[list[SeenEdit | Edit | DocstoreError], str]:
        with self._snapshot() as snapshot:
            security = properties.security_text(snapshot, self._number).decode()
            return see_edits(snapshot, self._number, edits, new_edits=new_edits), security

    # --- design documents

    async def _check_design(self, edit: Edit) -> Edit | DocstoreError:
        try:
            large = is_costly(edit.body)
            members = await to_thread(decode_in_slices, edit.body) if large else decode(edit.body)
            design = parse_design(cast("dict[str, JsonValue]", members) | {"_id": edit.id})
            if design.options.get("partitioned") is True and not self._partitioned:
                raise InvalidDesignDoc(PARTITIONED)
            if design.views:
                await self._functions.check_views(design)
        except DocstoreError as error:
            return error
        return edit


def user_context(database: str, actor: Actor | None) -> dict[str, JsonValue]:
    """``userCtx`` as functions see it. What the server does by itself is done by an administrator without a name."""
    return (SERVER if actor is None else UserContext(actor.name, actor.roles)).members(database)


def _may_design(actor: Actor | None) -> bool:
    return actor is None or actor.is_admin or actor.may_design


def _no_designer(actor: Actor | None) -> DocstoreError:
    return not_database_admin(NOBODY if actor is None else UserContext(actor.name))


def _refusal(verdict: list[JsonValue]) -> DocstoreError:
    """The error that a verdict comes to."""
    kind, *told = verdict
    if kind == "failed":
        return error_of(*told)
    [value] = told
    if isinstance(value, dict):
        for word, error in _WORDS.items():
            if word in value:
                return error(value)
        if len(value) == 1:
            [value] = value.values()
    return FunctionFailed(value if isinstance(value, str) else encode(value).decode(), error="unknown_error")


def _worded(kind: type[DocstoreError], word: str) -> Callable[[dict[str, JsonValue]], DocstoreError]:
    def make(value: dict[str, JsonValue]) -> DocstoreError:
        reason = value[word]
        error = kind(reason if isinstance(reason, str) else encode(reason).decode())
        if not isinstance(reason, str):
            error.told = reason
        return error

    return make


def _state_conflict(value: dict[str, JsonValue]) -> DocstoreError:
    error = _worded(StateConflict, Conflict.error)(value)
    error.details = {name: member for name, member in value.items() if name != Conflict.error}
    return error


_WORDS: Final = {
    "forbidden": _worded(Forbidden, "forbidden"),
    "unauthorized": _worded(Unauthorized, "unauthorized"),
    Conflict.error: _state_conflict,
}
"""What a rule throws an object with."""
