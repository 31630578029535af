"""How tests make conflicts and resolve them."""

from collections.abc import Sequence

from docstore.core.document import Document, parse_document
from docstore.core.json_text import decode
from docstore.core.merge_strategies import Strategy
from docstore.core.resolution import Resolved
from docstore.core.rev import Rev
from docstore.database.conflicts.planning import Plan, ResolveRequest
from docstore.database.database import Database
from docstore.database.reading.documents import OpenOptions
from docstore.errors import DocstoreError
from tests.database.helpers import LIMITS, document, rev

MAX_SIZE = LIMITS.max_document_size


def leaf(doc_id: str, path: Sequence[Rev | str], *, deleted: bool = False, **members: object) -> Document:
    """A replicated revision that may have attachments; its path newest first."""
    revs = tuple(rev(each) if isinstance(each, str) else each for each in path)
    parsed = parse_document(members, doc_id=doc_id, limits=LIMITS)
    return Document(doc_id, revs[0], deleted, parsed.body, parsed.term, revs, parsed.attachments)


async def conflict(
    db: Database, doc_id: str, base: dict[str, object] | None, *sides: dict[str, object]
) -> tuple[Rev, ...]:
    """A document with these live leaves, 2-f the first, then 2-e and so on, which is their order as winners.

    They are made from one revision with the body ``base``; without one its name alone is known.
    """
    parent = rev("1-9") if base is None else (await db.update_doc(document(doc_id, **base))).rev
    assert parent is not None
    leaves = tuple(rev(f"2-{letter}") for letter in "fedcb"[: len(sides)])
    documents = [leaf(doc_id, (each, parent), **side) for each, side in zip(leaves, sides, strict=True)]
    assert [result.error for result in await db.update_docs(documents, new_edits=False)] == [None] * len(sides)
    return leaves


async def planned(db: Database, doc_id: str, how: Strategy, leaves: Sequence[Rev] | None = None) -> Plan:
    """The plan for one document. Raises what refuses it."""
    request = ResolveRequest(doc_id, how, None if leaves is None else tuple(leaves))
    [plan] = await db.resolver.plan([request], MAX_SIZE)
    if isinstance(plan, DocstoreError):
        raise plan
    return plan


async def resolve(db: Database, doc_id: str, how: Strategy, leaves: Sequence[Rev] | None = None) -> Resolved:
    """Resolve one document. Raises what refuses it."""
    [answer] = await db.resolver.carry_out([await planned(db, doc_id, how, leaves)])
    if isinstance(answer, DocstoreError):
        raise answer
    return answer


async def previewed(db: Database, doc_id: str, how: Strategy) -> Plan:
    """The outcome of a dry run. Raises what would refuse it."""
    [plan] = await db.resolver.plan([ResolveRequest(doc_id, how)], MAX_SIZE, dry_run=True)
    if isinstance(plan, DocstoreError):
        raise plan
    return plan


def opened(db: Database, doc_id: str, **options: object) -> dict[str, object]:
    """A document as it is read, with its conflicts unless other options are given."""
    wanted = OpenOptions(**(options or {"conflicts": True}))
    members = decode(db.open_doc(doc_id, wanted).json)
    assert isinstance(members, dict)
    return members
