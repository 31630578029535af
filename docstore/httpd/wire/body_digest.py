"""The digest of a request's body, made while it is read.

Owns that it costs the event loop little. It must not know what it is for.
"""

import asyncio
from hashlib import sha256
from typing import Final

from docstore.settings import KIB

OFF_LOOP_FROM: Final = 128 * KIB
"""Hashing as many bytes takes longer than to ask a thread for it."""


class BodyDigest:
    """``whole`` once the body has ended."""

    def __init__(self) -> None:
        self.whole = False
        self._hash = sha256()

    async def update(self, piece: bytes) -> None:
        """The next bytes of the body."""
        if len(piece) < OFF_LOOP_FROM:
            self._hash.update(piece)
        else:
            await asyncio.to_thread(self._hash.update, piece)

    def value(self) -> bytes:
        """32 bytes. Raises ValueError before the body has ended."""
        if not self.whole:
            raise ValueError("the body was not read to its end")
        return self._hash.digest()
