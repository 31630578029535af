"""How the tests of the database layer make documents and read feeds."""

import asyncio
from pathlib import Path

from docstore.core.document import Document, parse_document
from docstore.core.json_text import decode
from docstore.core.rev import Rev, parse_rev
from docstore.database.database import Database
from docstore.database.reading.all_docs import AllDocsQuery, read_all_docs
from docstore.database.reading.changes import ChangesQuery, read_changes
from docstore.settings import Durability, Limits, Settings, StorageSettings
from docstore.storage.engine.environment import Environment

LIMITS = Limits()


def settings(data: Path, **storage: object) -> Settings:
    """Settings of a node whose data need not survive."""
    return Settings(data=data, storage=StorageSettings(durability=Durability.NONE, **storage))


async def until_none_is_open(environment: Environment) -> None:
    """Until no snapshot is open any more."""
    for _ in range(10_000):
        if environment.open_snapshots == 0:
            return
        await asyncio.sleep(0.001)
    raise AssertionError(f"{environment.open_snapshots} snapshots are open")


def rev(text: str) -> Rev:
    """A revision id of text such as ``2-b``, where a letter stands for 32 of it."""
    generation, letter = text.split("-")
    return parse_rev(f"{generation}-{letter * 32}" if len(letter) == 1 else text)


def document(doc_id: str, on: Rev | str | None = None, *, deleted: bool = False, **members: object) -> Document:
    """An interactive edit of the revision ``on``."""
    members = {"_rev": str(on)} | members if on is not None else members
    members = members | {"_deleted": True} if deleted else members
    return parse_document(members, doc_id=doc_id, limits=LIMITS)


def replicated(doc_id: str, *path: Rev | str, deleted: bool = False, **members: object) -> Document:
    """A replicated revision with its ancestors, newest first."""
    revs = tuple(rev(each) if isinstance(each, str) else each for each in path)
    plain = document(doc_id, deleted=deleted, **members)
    return Document(doc_id, revs[0], deleted, plain.body, plain.term, revs)


async def changes(database: Database, **query: object) -> list[dict[str, object]]:
    """The rows of one pass, parsed; ``seq`` as number."""
    rows = []
    async for part in read_changes(database, ChangesQuery(**query)):
        for text in part.rows:
            row = decode(text)
            if row["seq"] is not None:
                number, opaque = row["seq"].split("-", 1)
                assert opaque == database.opaque
                row["seq"] = int(number)
            rows.append(row)
    return rows


async def ids_changed(database: Database, **query: object) -> list[str]:
    """The ids of the rows of one pass."""
    return [row["id"] for row in await changes(database, **query)]


async def pass_end(database: Database, **query: object) -> tuple[int, int]:
    """(last_seq, pending) of one pass."""
    async for part in read_changes(database, ChangesQuery(**query)):
        last = part
    return last.last_seq, last.pending


async def all_docs(database: Database, **query: object) -> tuple[int | None, int | None, list[dict[str, object]]]:
    """(total_rows, offset, parsed rows) of a listing."""
    rows = []
    async for part in read_all_docs(database, AllDocsQuery(**query)):
        head = (part.total_rows, part.offset)
        rows += map(decode, part.rows)
    return *head, rows


async def ids(database: Database, **query: object) -> list[object]:
    """The ids of a listing; keys where there is no document."""
    return [row.get("id", row["key"]) for row in (await all_docs(database, **query))[2]]
