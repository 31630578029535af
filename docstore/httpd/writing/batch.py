"""Writes that are answered before they are done (``batch=ok``).

Owns the tasks that wait for their end. An orderly stop of the server waits for them too (``written``), since rules of
the application may look at a write before the writer gets it; a crash may lose it, and a conflict is told to nobody, as
in CouchDB. But who states a condition wants to know whether it held: such a write is waited for.
"""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from docstore.core.document import Document, quote_id
from docstore.errors import DocstoreError
from docstore.httpd.replies import Reply, raw_json_reply

logger = logging.getLogger(__name__)

_writes: set[asyncio.Task[None]] = set()


async def accepted(document: Document, write: Coroutine[Any, Any, object]) -> Reply:
    """The answer to ``batch=ok``. Raises, of a write with a condition, what refuses it."""
    if document.condition is None:
        await write_later(document.id, write)
    else:
        await write
    return raw_json_reply(b'{"ok":true,"id":%b}' % quote_id(document.id), 202)


async def write_later(doc_id: str, write: Coroutine[Any, Any, object]) -> None:
    """Returns when ``write`` has been started."""
    task = asyncio.create_task(_finish(doc_id, write))
    _writes.add(task)
    task.add_done_callback(_writes.discard)
    await asyncio.sleep(0)


async def written() -> None:
    """Wait for all writes of this event loop that were answered before they are done: a rule may still look at them."""
    here = asyncio.get_running_loop()
    while waiting := [task for task in _writes if task.get_loop() is here]:
        await asyncio.wait(waiting)


async def _finish(doc_id: str, write: Coroutine[Any, Any, object]) -> None:
    try:
        await write
    except DocstoreError as error:
        logger.info("batch write of %r was refused: %s", doc_id, error.reason)
