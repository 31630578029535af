"""A rule of the server about the documents of a database, asked of every edit.

Owns the joint between such a rule and edits; it stands behind the gate of design documents, and is asked about what
that lets through. An edit is judged beside the revision that it takes the place of, which never changes; if that is no
leaf any more when the edit is carried out, the edit is a conflict. What the server itself writes is not asked about,
nor are design documents. It must not know the rule.
"""

from asyncio import to_thread
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from docstore.core.edit import DESIGN_PREFIX, Edit
from docstore.core.json_text import JsonValue, decode
from docstore.database.reading.edits_seen import SeenEdit, see_edits
from docstore.database.write_gate import Gate, Verdict
from docstore.database.write_hooks import Actor
from docstore.errors import DocstoreError
from docstore.storage.engine.environment import Environment

Members: TypeAlias = Mapping[str, JsonValue]

Rule: TypeAlias = Callable[[Edit, Members, Members | None, Actor], None]
"""Of an edit, its document, the live one that it replaces, and who writes: raises what refuses it."""


class RuleGate:
    """The gate of one database, with a rule."""

    def __init__(self, gate: Gate, number: int, environment: Environment, rule: Rule) -> None:
        self._gate = gate
        self._number = number
        self._snapshot = environment.snapshot
        self._rule = rule

    async def __call__(self, edits: Sequence[Edit], actor: Actor | None, *, new_edits: bool) -> Verdict:
        """See ``write_gate.Gate``."""
        verdict = await self._gate(edits, actor, new_edits=new_edits)
        if actor is None:
            return verdict
        return verdict._replace(edits=await to_thread(self._judge, verdict.edits, actor, new_edits=new_edits))

    def open_to(self, edit: Edit) -> int | None:
        """See ``write_gate.Gate``: every edit is looked at."""
        return None

    def _judge(
        self, edits: Sequence[Edit | DocstoreError], actor: Actor, *, new_edits: bool
    ) -> list[Edit | DocstoreError]:
        judged = list(edits)
        asked = {
            place: edit
            for place, edit in enumerate(edits)
            if isinstance(edit, Edit) and not edit.passed_over and not edit.id.startswith(DESIGN_PREFIX)
        }
        with self._snapshot() as snapshot:
            seen = see_edits(snapshot, self._number, list(asked.values()), new_edits=new_edits)
        for (place, edit), one in zip(asked.items(), seen, strict=True):
            judged[place] = self._verdict(edit, one, actor) if isinstance(one, SeenEdit) else one
        return judged

    def _verdict(self, edit: Edit, seen: SeenEdit, actor: Actor) -> Edit | DocstoreError:
        before = decode(seen.before)
        document = decode(seen.document)
        is_live = isinstance(before, dict) and before.get("_deleted") is not True
        try:
            self._rule(
                edit,
                document if isinstance(document, dict) else {},
                before if is_live and isinstance(before, dict) else None,
                actor,
            )
        except DocstoreError as error:
            return error
        return seen.edit
