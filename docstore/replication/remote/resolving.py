"""The names of peers' hosts, looked up with patience that ends.

Owns that bound: a name service that does not answer would hold a request for as long as the system's own patience, or
for ever. The look-up itself goes on in its thread, where nothing can stop it, and nobody waits for it. It must not know
peers.
"""

import asyncio
import socket

from aiohttp import DefaultResolver
from aiohttp.abc import AbstractResolver, ResolveResult


class NameServiceSilent(OSError):
    """The name service has not answered in time."""


class PatientResolver(AbstractResolver):
    """As aiohttp's own, for ``patience`` seconds at most. Raises OSError."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._own = DefaultResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of a host."""
        try:
            async with asyncio.timeout(self._patience):
                return await self._own.resolve(host, port, family)
        except TimeoutError:
            raise NameServiceSilent("the name service does not answer") from None

    async def close(self) -> None:
        """Give up what the look-ups hold."""
        await self._own.close()
