"""What may happen to documents before they are written: checked, completed, refused.

Owns the seam: a hook is a plain callable that a layer above hands in, for databases of its choice. It is asked before
anything is submitted, so it may refuse all documents of a request by raising, and the write transaction knows nothing
of it. It must not know any rule. Replicated revisions (``new_edits=False``) and ``_local`` documents pass as they are,
as with ``before_doc_update`` of CouchDB.
"""

from asyncio import to_thread
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, TypeAlias

from docstore.core.document import Document
from docstore.core.local_document import is_local
from docstore.settings import KIB

OFF_LOOP_FROM: Final = 64 * KIB
"""Bytes of bodies from which on they are looked at in a thread."""


class Actor(NamedTuple):
    """Who writes: a user's name, None for nobody in particular, and whether they may administer the database."""

    name: str | None
    is_admin: bool


WriteHook: TypeAlias = Callable[[Document, Actor], Document]
WriteHooks: TypeAlias = Callable[[str], WriteHook | None]
"""From the name of a database to its hook."""


def no_write_hooks(name: str) -> WriteHook | None:
    """No database has one."""
    return None


async def settle(hook: WriteHook | None, actor: Actor, documents: Sequence[Document]) -> Sequence[Document]:
    """The documents as they are to be written. Raises what the hook raises for the first one that it refuses."""
    if hook is None:
        return documents
    if sum(len(document.body) for document in documents) < OFF_LOOP_FROM:
        return _settled(hook, actor, documents)
    return await to_thread(_settled, hook, actor, documents)


def _settled(hook: WriteHook, actor: Actor, documents: Sequence[Document]) -> list[Document]:
    return [document if is_local(document.id) else hook(document, actor) for document in documents]
