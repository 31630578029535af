"""``_local`` documents on their way to the writer, alone and among documents with a history.

Owns the command that writes one, and the one command that a bulk with an idempotency key becomes if some of its
documents are ``_local``. It must not know how their numbers are made (``core.local_document``), nor how documents with
a history are written.
"""

from asyncio import to_thread
from collections.abc import Sequence
from typing import Protocol, Self

from docstore.core.document import Document
from docstore.core.local_document import DELETED, is_local, next_number, rev_of, told_rev
from docstore.core.rev import Rev
from docstore.database.apply.edit_work import LOCAL, TOO_MUCH_WORK
from docstore.database.apply.remembered import Refused
from docstore.database.apply.reply_forms import bulk_answers
from docstore.database.commands import DeleteLocal, PutLocal
from docstore.database.once import Once
from docstore.database.results import EditResult
from docstore.errors import DocstoreError, TooLarge
from docstore.storage.engine.writer import Writer


class Handle(Protocol):
    """What writes documents: a ``Database``."""

    def writing_by(self, writer: Once) -> Self:
        """The same, its writes submitted to another writer."""

    async def update_doc(self, document: Document, *, new_edits: bool) -> EditResult:
        """Write one document. Raises what refuses it."""

    async def update_docs(self, documents: Sequence[Document], *, new_edits: bool) -> Sequence[EditResult]:
        """Write documents; each result stands where its document stood."""


def write_command(database: int, document: Document, *, new_edits: bool = True) -> PutLocal | DeleteLocal:
    """The command that writes a ``_local`` document. Raises as ``next_rev``."""
    told = None if new_edits else told_rev(document)
    if document.deleted:
        return DeleteLocal(database, document.id, document.condition, told)
    number = next_number(document, new_edits=new_edits)
    return PutLocal(database, document.id, number, document.body, document.condition, told)


async def write_local(writer: Writer | Once, database: int, document: Document, *, new_edits: bool) -> Rev:
    """Write one; the revision that is answered. Raises as ``next_rev``, PreconditionFailed."""
    command = write_command(database, document, new_edits=new_edits)
    told = await writer.submit(command)
    if isinstance(told, Rev):
        return told
    return rev_of(DELETED if isinstance(command, DeleteLocal) else command.number)


async def try_local(handle: Handle, document: Document, *, new_edits: bool) -> EditResult:
    """Write one among others, whose errors are no business of theirs."""
    try:
        return await handle.update_doc(document, new_edits=new_edits)
    except DocstoreError as error:
        return EditResult(document.id, None, error)


async def write_mixed(
    handle: Handle, database: int, documents: Sequence[Document], writer: Once, bound: int, *, new_edits: bool
) -> list[Rev | DocstoreError]:
    """Write documents, some of them ``_local`` ones, as one command of at most ``bound`` work; an answer for each.

    There may be thousands, so what is done for each of them is done in a thread. Raises TooLarge, and what refuses the
    command as a whole.
    """
    plain = [document for document in documents if not is_local(document.id)]
    if (len(documents) - len(plain)) * LOCAL > bound:
        raise TooLarge(TOO_MUCH_WORK)
    writer = writer.beside(await to_thread(_local_effects, database, documents, new_edits))
    results: list[object] = []
    if plain:
        written = await handle.writing_by(writer).update_docs(plain, new_edits=new_edits)
        results.append([result.error or result.rev for result in written])
    else:
        await writer.submit_rest()
    ids = [document.id for document in documents]
    return await to_thread(bulk_answers, ids, [*results, *writer.results])


def _local_effects(database: int, documents: Sequence[Document], new_edits: bool) -> tuple[object, ...]:
    return tuple(
        _local_effect(database, document, new_edits=new_edits) for document in documents if is_local(document.id)
    )


def _local_effect(database: int, document: Document, *, new_edits: bool) -> object:
    try:
        return write_command(database, document, new_edits=new_edits)
    except DocstoreError as error:
        return Refused(error.error, error.reason)
