"""A database behind a URL, over HTTP.

Owns requests, retries and what a failed one means for a command, and the target that writes. It speaks CouchDB's API
and so works with any server that does.
"""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus

import aiohttp
import click
from yarl import URL

from docstore.cli.rows import Members
from docstore.cli.targets.places import WRITTEN, Target, UrlTarget, WriteResult
from docstore.core.json_text import JsonValue, decode, encode
from docstore.errors import DocstoreError

PAUSES_SECONDS = (0.2, 1.0, 3.0)
REQUEST_TIMEOUT_SECONDS = 300
JSON_HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}

# The server may be able to do later what it could not do now.
TRY_AGAIN = {
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
}
# One document of a batch makes the server refuse the whole batch with one of these.
ONE_IS_BAD = {
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.PRECONDITION_FAILED,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.NOT_IMPLEMENTED,
}


class RefusedRequest(click.ClickException):
    """The server did not do what was asked; ``error`` and ``reason`` are its words."""

    def __init__(self, url: str, status: int, error: str, reason: str) -> None:
        super().__init__(f"{url} answers {status} {error}: {reason}")
        self.status = status
        self.error = error
        self.reason = reason


class RemoteDatabase:
    """Requests to one database; ``url`` has no slash at its end."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self.url = url

    async def request(self, method: str, path: str, body: JsonValue = None) -> JsonValue:
        """The answer's JSON; None for anything else.

        Raises RefusedRequest, and click.ClickException when there is no answer at all.
        """
        data = None if body is None else encode(body)
        url = self.url + path
        for pause in (*PAUSES_SECONDS, None):
            try:
                async with self._session.request(
                    method, URL(url, encoded=True), data=data, headers=JSON_HEADERS
                ) as reply:
                    raw = await reply.read()
            except (aiohttp.ClientError, TimeoutError) as error:
                if pause is None:
                    raise click.ClickException(f"no answer from {url}: {str(error) or type(error).__name__}") from None
            else:
                answer = _json_or_none(raw)
                if reply.ok:
                    return answer
                if reply.status not in TRY_AGAIN or pause is None:
                    raise _refusal(url, reply.status, answer)
            await asyncio.sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    async def members(self, method: str, path: str, body: JsonValue = None) -> Members:
        """The answer's JSON object. Raises as ``request``, and click.ClickException for any other answer."""
        return members_of(await self.request(method, path, body), self.url)


class _OpenUrl(RemoteDatabase):
    """The open target."""

    async def write(self, documents: Sequence[Members]) -> list[WriteResult]:
        try:
            answer = await self.request("POST", "/_bulk_docs", {"docs": list(documents)})
        except RefusedRequest as error:
            if error.status not in ONE_IS_BAD:
                raise
            if len(documents) == 1:
                return [WriteResult(error.error, error.reason)]
            middle = len(documents) // 2
            return [*await self.write(documents[:middle]), *await self.write(documents[middle:])]
        if not isinstance(answer, list):
            raise odd_answer(self.url)
        return [_write_result(members_of(row, self.url)) for row in answer]

    async def read(self, doc_ids: Sequence[str]) -> list[Members | None]:
        answer = await self.members("POST", "/_all_docs?include_docs=true", {"keys": list(doc_ids)})
        rows = answer.get("rows")
        if not isinstance(rows, list):
            raise odd_answer(self.url)
        documents = [members_of(row, self.url).get("doc") for row in rows]
        return [document if isinstance(document, dict) else None for document in documents]

    async def create_if_missing(self) -> None:
        try:
            await self.request("GET", "")
        except RefusedRequest as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            await self.request("PUT", "")


def _json_or_none(raw: bytes) -> JsonValue:
    """The answer's JSON; None for anything else, such as a proxy's page."""
    try:
        return decode(raw)
    except DocstoreError:
        return None


def members_of(value: JsonValue, url: str) -> Members:
    """A JSON object that a server answered. Raises click.ClickException for anything else."""
    if not isinstance(value, dict):
        raise odd_answer(url)
    return value


def odd_answer(url: str) -> click.ClickException:
    """What to say of an answer that no CouchDB would give."""
    return click.ClickException(f"{url} does not answer as a CouchDB does")


def _write_result(row: Members) -> WriteResult:
    return WriteResult(str(row["error"]), str(row.get("reason"))) if "error" in row else WRITTEN


def _refusal(url: str, status: int, answer: JsonValue) -> RefusedRequest:
    members = answer if isinstance(answer, dict) else {}
    return RefusedRequest(
        url, status, str(members.get("error", "error")), str(members.get("reason", "no reason given"))
    )


def open_session(target: UrlTarget, seconds: float | None = REQUEST_TIMEOUT_SECONDS) -> aiohttp.ClientSession:
    """A session with the target's credentials, to be entered on a running event loop.

    ``seconds``: how long a request may take, None for ever.
    """
    headers = dict(JSON_HEADERS)
    if target.user is not None:
        headers["Authorization"] = f"Basic {b64encode(f'{target.user}:{target.password}'.encode()).decode()}"
    return aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=seconds))


@asynccontextmanager
async def open_url_target(target: UrlTarget) -> AsyncIterator[Target]:
    """The open target. Raises click.ClickException when the server cannot be reached or refuses."""
    async with open_session(target) as session:
        database = _OpenUrl(session, target.url)
        await database.create_if_missing()
        yield database
