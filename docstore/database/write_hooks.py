"""What may happen to documents before they are written: checked, completed, refused.

Owns the seam: a hook is a plain callable that a layer above hands in, for databases of its choice. It is asked before
anything is submitted, so it may refuse all documents of a request by raising, and the write transaction knows nothing
of it. It must not know any rule. ``_local`` documents pass as they are, as with ``before_doc_update`` of CouchDB.
Revisions that were made elsewhere (``new_edits=False``) cannot be completed without becoming others; into a database
with a hook they are taken from its administrators alone, as they are. A hook reads what users wrote (selectors, with
their patterns), so it does that in a thread.
"""

from asyncio import to_thread
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Protocol, TypeAlias, runtime_checkable

from docstore.core.document import Document
from docstore.core.local_document import is_local
from docstore.errors import Forbidden

MADE_ELSEWHERE: Final = "Only administrators may write revisions that were made elsewhere into this database."


class Actor(NamedTuple):
    """Who writes: a user's name, None for nobody in particular, and their roles.

    ``is_admin`` says whether they may administer the database, ``may_design`` whether, if not that, they may write
    design documents. ``creates_only``: they write new documents and nothing else (``creating.py``).
    """

    name: str | None
    is_admin: bool
    roles: tuple[str, ...] = ()
    may_design: bool = False
    creates_only: bool = False


@runtime_checkable
class SlowHook(Protocol):
    """A hook that takes its time: it is waited for, and has the documents of a request at once."""

    async def settle(self, documents: Sequence[Document], actor: Actor) -> Sequence[Document]:
        """The documents as they are to be written. Raises what refuses all of them."""
        ...


WriteHook: TypeAlias = Callable[[Document, Actor], Document] | SlowHook
WriteHooks: TypeAlias = Callable[[str], WriteHook | None]
"""From the name of a database to its hook."""


def no_write_hooks(name: str) -> WriteHook | None:
    """No database has one."""
    return None


async def settle(
    hook: WriteHook | None, actor: Actor, documents: Sequence[Document], *, new_edits: bool = True
) -> Sequence[Document]:
    """The documents as they are to be written. Raises what the hook raises for the first one that it refuses."""
    if hook is None:
        return documents
    if not new_edits:
        if not actor.is_admin:
            raise Forbidden(MADE_ELSEWHERE)
        return documents
    if isinstance(hook, SlowHook):
        return await hook.settle(documents, actor)
    return await to_thread(_settled, hook, actor, documents)


def _settled(
    hook: Callable[[Document, Actor], Document], actor: Actor, documents: Sequence[Document]
) -> list[Document]:
    return [document if is_local(document.id) else hook(document, actor) for document in documents]
