"""Writes that are answered before they are done (``batch=ok``).

Owns the tasks that wait for their end. A write is handed to the writer before the answer goes out, so an orderly stop
of the server still writes it; a crash may lose it, and a conflict is told to nobody, as in CouchDB.
"""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from docstore.errors import DocstoreError

logger = logging.getLogger(__name__)

_writes: set[asyncio.Task[None]] = set()


async def write_later(doc_id: str, write: Coroutine[Any, Any, object]) -> None:
    """Returns when ``write`` has been started."""
    task = asyncio.create_task(_finish(doc_id, write))
    _writes.add(task)
    task.add_done_callback(_writes.discard)
    await asyncio.sleep(0)


async def _finish(doc_id: str, write: Coroutine[Any, Any, object]) -> None:
    try:
        await write
    except DocstoreError as error:
        logger.info("batch write of %r was refused: %s", doc_id, error.reason)
