"""Ways of a client to count up, by what it makes of a 409 and of no answer at all.

Each is ``async (session, path) -> None`` and returns when it believes to have counted once. The first three are what
clients do; the others are those of docs/retries.md that count right.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeAlias
from uuid import uuid4

import aiohttp

from docstore.client import Client

Increment: TypeAlias = Callable[[str], Awaitable[None]]
"""Count one document, given by its path, up by one."""


class Requests:
    """JSON requests; no answer is None."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def send(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any] | None:
        """Status and body of the answer, None if none came or the server was not well."""
        try:
            async with self._session.request(method, path, json=body, headers=headers) as reply:
                return None if reply.status >= 500 else (reply.status, await reply.json(content_type=None))
        except (aiohttp.ClientError, TimeoutError):
            return None

    async def write(
        self, path: str, document: dict[str, Any], headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any] | None:
        """As ``send``. It is a POST to the database, since aiohttp would send a lost PUT again by itself."""
        return await self.send("POST", path.rpartition("/")[0], document, headers)

    async def read(self, path: str) -> dict[str, Any]:
        """The document, asked for until it comes."""
        while True:
            answer = await self.send("GET", path)
            if answer is not None:
                status, document = answer
                assert status == 200, document
                assert isinstance(document, dict)
                return document


async def assume_done(requests: Requests, path: str) -> None:
    """No answer: it will have gone through."""
    while True:
        document = await requests.read(path)
        answer = await requests.write(path, {**document, "count": document["count"] + 1})
        if answer is None or answer[0] == 201:
            return


async def start_again(requests: Requests, path: str) -> None:
    """No answer: read and count again, as after a conflict."""
    while True:
        document = await requests.read(path)
        answer = await requests.write(path, {**document, "count": document["count"] + 1})
        if answer is not None and answer[0] == 201:
            return


async def send_again(
    requests: Requests,
    path: str,
    *,
    headers: Callable[[str], Mapping[str, str]] = lambda operation: {},
    operation_id: bool = False,
) -> None:
    """No answer: send the same request again. A conflict: read and count again."""
    while True:
        document = await requests.read(path)
        operation = uuid4().hex
        wanted = {**document, "count": document["count"] + 1}
        if operation_id:
            wanted["operation"] = operation
        answer = None
        while answer is None:
            answer = await requests.write(path, wanted, headers(operation))
        if answer[0] == 201:
            return
        assert answer[0] == 409, answer


def _key(operation: str) -> dict[str, str]:
    return {"Idempotency-Key": f'"{operation}"'}


def _lenient(operation: str) -> dict[str, str]:
    return {"Prefer": "handling=lenient"}


async def with_key(requests: Requests, path: str) -> None:
    """Send again under the same Idempotency-Key."""
    await send_again(requests, path, headers=_key)


async def lenient_with_operation_id(requests: Requests, path: str) -> None:
    """Send again with ``Prefer: handling=lenient``; an id makes each body one of its kind."""
    await send_again(requests, path, headers=_lenient, operation_id=True)


async def lenient_without_operation_id(requests: Requests, path: str) -> None:
    """The same, but two clients that count from the same value send the same content."""
    await send_again(requests, path, headers=_lenient)


def _plainly(strategy: Callable[[Requests, str], Awaitable[None]]) -> "Strategy":
    async def run(url: str, work: Callable[[Increment], Awaitable[None]]) -> None:
        timeout = aiohttp.ClientTimeout(total=10)
        async with aiohttp.ClientSession(url, timeout=timeout) as session:
            requests = Requests(session)
            await work(lambda path: strategy(requests, path))

    return run


def _helper(operation_field: str | None) -> "Strategy":
    async def run(url: str, work: Callable[[Increment], Awaitable[None]]) -> None:
        async with Client(url, operation_field=operation_field) as client:

            async def increment(path: str) -> None:
                _, database, doc_id = path.split("/")
                await client.update(database, doc_id, lambda doc: {**doc, "count": doc["count"] + 1})

            await work(increment)

    return run


Strategy: TypeAlias = Callable[[str, Callable[[Increment], Awaitable[None]]], Awaitable[None]]

PLAIN: Final[dict[str, Strategy]] = {
    "no answer: assume it is done": _plainly(assume_done),
    "no answer: read and count again": _plainly(start_again),
    "no answer: send the same again": _plainly(send_again),
    "`docstore.client` with an operation id": _helper("operation"),
}
"""Against a server that is like CouchDB. Only the last one counts right."""

HELPED: Final[dict[str, Strategy]] = {
    "lenient, without operation id": _plainly(lenient_without_operation_id),
    "lenient, with operation id": _plainly(lenient_with_operation_id),
    "Idempotency-Key": _plainly(with_key),
    "`docstore.client`": _helper(None),
}
"""Against docstore. All but the first count right."""
