"""The gate that edits go through: the rules of the application, as far as design documents say any.

Owns the seam. A gate is a coroutine that a layer above hands in, for each database; it looks at edits on a snapshot and
says which of them may be written. The write transaction knows nothing of rules. It only knows the ``design_seq`` that
the verdict was made by: if a design document changed since, it refuses the command, and the edits are looked at again.
So there is no moment at which a rule that is written can be got round, and what a command does depends on nothing but
tables and command. It must not know what a rule is.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from itertools import count
from time import monotonic
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

from docstore.core.answers import RefusedEdit, RulesChanged, refusal_of
from docstore.core.edit import Edit
from docstore.core.json_text import JsonValue
from docstore.database.write_hooks import Actor
from docstore.errors import DocstoreError
from docstore.storage.rows import DatabaseRow

MIN_ROUNDS: Final = 20
"""So often at least edits are looked at before their writer is told that design documents change all the time."""

PATIENCE: Final = 20.0
"""Seconds for which that goes on. Of many design documents that are written at the same time each round writes one."""


def rounds() -> Iterator[None]:
    """A turn for each look at what may change meanwhile."""
    started = monotonic()
    for done in count(1):
        yield
        if done >= MIN_ROUNDS and monotonic() - started > PATIENCE:
            return


class Verdict(NamedTuple):
    """What a gate says of edits: for each the edit as it is to be submitted, or the error that refuses it.

    ``design_seq`` is the one of the snapshot.
    """

    edits: Sequence[Edit | DocstoreError]
    design_seq: int


class Gate(Protocol):
    """What lets edits through, of one database. ``actor`` None: the server itself, or a replication."""

    async def __call__(self, edits: Sequence[Edit], actor: Actor | None, *, new_edits: bool) -> Verdict:
        """Look at edits. Raises what keeps it from looking: DatabaseNotFound, Unavailable."""
        ...

    def open_to(self, edit: Edit) -> int | None:
        """The ``design_seq`` by which an edit passes without a look, as far as is remembered; None: it must be asked.

        Nothing is read for it: should what is remembered be out of date, the writer finds that out.
        """
        ...


Gates: TypeAlias = Callable[[str, DatabaseRow], Gate | None]
"""From the name and row of a database to its gate."""

DesignFilter: TypeAlias = Callable[
    [Any, str, Mapping[str, JsonValue]], Callable[[Sequence[bytes]], Awaitable[Sequence[bool]]]
]
"""From a database, a filter's name (``ddoc/name``) and its parameters to what says which documents, as JSON, pass."""

Check: TypeAlias = Callable[[Sequence[Edit], bool], Awaitable[Verdict]]
"""A gate on behalf of somebody: edits, and whether they are interactive."""

Submit: TypeAlias = Callable[[Sequence[Edit], int | None, tuple[RefusedEdit, ...]], Awaitable[list[Any]]]
"""Carries out edits under a ``design_seq``; an answer for each. Of whole requests those that were refused are there."""


def no_gates(name: str, row: DatabaseRow) -> Gate | None:
    """No database has one."""
    return None


def bound(gate: Gate | None, actor: Actor | None) -> Check | None:
    """A gate on behalf of somebody."""
    return None if gate is None else lambda edits, new_edits: gate(edits, actor, new_edits=new_edits)


async def submit_through(
    check: Check | None, edits: Sequence[Edit], submit: Submit, *, new_edits: bool, whole: bool = False
) -> list[Any]:
    """Carry out those edits that the gate lets through; an answer for each. Raises what ``submit`` does.

    ``whole``: ``submit`` gets all edits, and the refusals of some, since it makes a reply of all.
    """
    if check is None:
        return await submit(edits, None, ())
    answers: list[object] = [None] * len(edits)
    left = list(range(len(edits)))
    for _ in rounds():
        asked = edits if len(left) == len(edits) else [edits[place] for place in left]
        verdict = await check(asked, new_edits)
        if verdict.edits is edits and not whole:  # as it mostly is: nobody looked at them
            try:
                results = await submit(edits, verdict.design_seq, ())
            except RulesChanged:
                continue
            if RulesChanged not in map(type, results):
                return results
            for place, result in enumerate(results):
                answers[place] = result
            left = [place for place in left if isinstance(answers[place], RulesChanged)]
            continue
        refused = {place: one for place, one in zip(left, verdict.edits, strict=True) if isinstance(one, DocstoreError)}
        if whole:
            judged = [edit if isinstance(edit, Edit) else edits[place] for place, edit in enumerate(verdict.edits)]
            refusals = tuple(refusal_of(place, error) for place, error in refused.items())
        else:
            judged = [one for one in verdict.edits if not isinstance(one, DocstoreError)]
            refusals = ()
            left = [place for place in left if place not in refused]
        for place, error in refused.items():
            answers[place] = error
        if not judged:
            return answers
        try:
            results = await submit(judged, verdict.design_seq, refusals)
        except RulesChanged:
            continue
        if len(left) == len(edits) and not refused and not any(isinstance(one, RulesChanged) for one in results):
            return results  # as it is: what an error is in is the business of whoever raises it
        for place, result in zip(left, results, strict=True):
            answers[place] = refused.get(place, result)
        left = [place for place in left if isinstance(answers[place], RulesChanged)]
        if not left:
            return answers
    if whole:
        raise RulesChanged
    for place in left:
        answers[place] = RulesChanged()
    return answers
