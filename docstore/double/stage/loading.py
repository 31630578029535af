"""Data that is there when a test begins: documents of files and folders, and whole backups, put into a database.

Owns which of them it is, and that a load is done as a whole or says what was refused. A document with a ``_rev`` is
written as that revision, as by replication, so it has the same one in every run; one without is a new document. It must
not know the files' forms (``fixture_files.py``, ``replication/backup``).
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from docstore.core.document import Document, parse_document
from docstore.core.json_text import JsonValue
from docstore.database.database import Database
from docstore.double.stage.fixture_files import BadFixture, Documents, Members, documents_of, read_documents
from docstore.errors import DocstoreError
from docstore.node import Node
from docstore.replication.backup.backup import restore
from docstore.replication.backup.file import BadBackup, verify
from docstore.replication.local.peer import LocalPeer
from docstore.replication.peer import WriteFailure

BACKUP: Final = b'{"docstore_backup":'
REV: Final = "_rev"
TOLD: Final = 5
"""Refused documents that the error names."""


class Loaded(NamedTuple):
    """What a load has put into a database."""

    database: str
    documents: int

    def members(self) -> dict[str, JsonValue]:
        """As it is told over HTTP."""
        return {"database": self.database, "documents": self.documents}


async def load(node: Node, database: str, source: Path | JsonValue) -> Loaded:
    """Put documents, or those of a file, a folder or a backup, into a database, which is made if it is missing.

    Raises BadFixture for what cannot be read or was refused, OSError, and what a database raises for its name.
    """
    if not isinstance(source, Path):
        return await _write(node, database, Documents(documents_of(source)))
    if await asyncio.to_thread(_is_backup, source):
        return await _restore(node, database, source)
    return await _write(node, database, await asyncio.to_thread(read_documents, source))


def _is_backup(path: Path) -> bool:
    if path.is_dir():
        return False
    with path.open("rb") as file:
        return file.read(len(BACKUP)) == BACKUP


async def _restore(node: Node, database: str, path: Path) -> Loaded:
    failures: list[WriteFailure] = []
    peer = LocalPeer(node.registry, database)
    try:
        contents = await asyncio.to_thread(verify, path)
        restored = await restore(path, contents, peer, lambda _: None, failures.append)
    except BadBackup as error:
        raise BadFixture(str(error)) from error
    finally:
        await peer.close()
    _refuse([f"{failure.id} {failure.rev}: {failure.error}: {failure.reason}" for failure in failures])
    return Loaded(database, restored.docs + restored.known)


async def _write(node: Node, name: str, read: Documents) -> Loaded:
    parsed = await asyncio.to_thread(_parsed, node, read.documents)
    registry = node.registry
    database = registry.open(name) if registry.exists(name) else await registry.create(name)
    for new_edits in (False, True):
        await _update(database, [one for one in parsed if (one.rev is None) is new_edits], new_edits=new_edits)
    if read.security is not None:
        await database.set_security(read.security)
    return Loaded(name, len(parsed))


def _parsed(node: Node, documents: Sequence[Members]) -> list[Document]:
    """The documents, all of them before any is written."""
    parsed: list[Document] = []
    refused: list[str] = []
    for members in documents:
        try:
            parsed.append(parse_document(members, limits=node.settings.limits, new_id=node.uuids.next))
        except DocstoreError as error:
            refused.append(f"{members.get('_id')}: {error.error}: {error.reason}")
    _refuse(refused)
    return parsed


async def _update(database: Database, documents: Sequence[Document], *, new_edits: bool) -> None:
    if documents:
        results = await database.update_docs(documents, new_edits=new_edits)
        _refuse([f"{one.id}: {one.error.error}: {one.error.reason}" for one in results if one.error is not None])


def _refuse(refused: Sequence[str]) -> None:
    """Raises BadFixture if anything was refused."""
    if refused:
        more = f"; and {len(refused) - TOLD} more" if len(refused) > TOLD else ""
        raise BadFixture(f"{len(refused)} documents were refused: {'; '.join(refused[:TOLD])}{more}")
