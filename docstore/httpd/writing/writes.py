"""What a write handler hands back: what is to be written, and how its reply looks.

Owns these values. A handler reads its request, refuses what it can, and makes one of them; it neither writes nor makes
the reply. How it is carried out, and whether there is a key, leniency or ``batch=ok``, is ``carrying_out.py``'s alone.
``work`` is called once or never.
"""

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, NamedTuple

from docstore.core.document import Document
from docstore.database.apply.remembered import ReplyForm
from docstore.database.database import Database
from docstore.database.once import Once
from docstore.database.results import EditResult
from docstore.httpd.replies import Header, Reply
from docstore.httpd.wire.streaming import StreamReply


class Edit(NamedTuple):
    """An edit of one document of the request's database.

    ``work``        does it; is given what its one write goes through if it is to be remembered, else None (``through``)
    ``doc_id``      the document that the reply tells of
    ``status``      that of the reply
    ``etag``        whether the new revision is told as one; or what makes another, before the work if need be
    ``location``    whether the document's URL is told
    ``headers``     further ones
    ``must_exist``  whether it is an error that there was no ``_local`` document to delete
    ``batch``       the document, if its client does not wait for the write (``batch=ok``)
    """

    work: Callable[[Once | None], Coroutine[Any, Any, EditResult]]
    doc_id: str
    status: int
    etag: bool | Callable[[], Awaitable[str]] = True
    location: bool = True
    headers: Sequence[Header] = ()
    must_exist: bool = False
    batch: Document | None = None


class Change(NamedTuple):
    """Any other write. ``work`` as that of an ``Edit``.

    ``form``     makes the form of the reply
    ``reply``    makes the reply of what came of the work; None where the form needs nothing of it
    ``counted``  counts the conflicts in it, where ``reply`` would do so and what is remembered takes its place
    """

    work: Callable[[Once | None], Awaitable[Any]]
    form: Callable[[], ReplyForm]
    reply: Callable[[Any], Awaitable[Reply | StreamReply]] | None = None
    counted: Callable[[Any], Awaitable[None]] | None = None


Answer = Reply | StreamReply | Edit | Change
"""What a handler may hand back."""


def through(once: Once | None, database: Database) -> Database:
    """The database for the one write of a ``work``."""
    return database if once is None else database.writing_by(once)
