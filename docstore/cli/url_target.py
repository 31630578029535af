"""A database behind a URL, over HTTP.

Owns requests, retries and what a failed one means for a command. It speaks CouchDB's API and so works with any server
that does.
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
from docstore.cli.targets import WRITTEN, Target, UrlTarget, WriteResult
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


class _OpenUrl:
    """The open target."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    async def write(self, documents: Sequence[Members]) -> list[WriteResult]:
        try:
            answer = await self._request("POST", "/_bulk_docs", {"docs": list(documents)})
        except RefusedRequest as error:
            if error.status not in ONE_IS_BAD:
                raise
            if len(documents) == 1:
                return [WriteResult(error.error, error.reason)]
            middle = len(documents) // 2
            return [*await self.write(documents[:middle]), *await self.write(documents[middle:])]
        if not isinstance(answer, list):
            raise _odd_answer(self._url)
        return [_write_result(_members(row, self._url)) for row in answer]

    async def read(self, doc_ids: Sequence[str]) -> list[Members | None]:
        answer = await self._request("POST", "/_all_docs?include_docs=true", {"keys": list(doc_ids)})
        rows = _members(answer, self._url).get("rows")
        if not isinstance(rows, list):
            raise _odd_answer(self._url)
        documents = [_members(row, self._url).get("doc") for row in rows]
        return [document if isinstance(document, dict) else None for document in documents]

    async def create_if_missing(self) -> None:
        try:
            await self._request("GET", "")
        except RefusedRequest as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            await self._request("PUT", "")

    async def _request(self, method: str, path: str, body: JsonValue = None) -> JsonValue:
        """The answer's JSON. Raises RefusedRequest, and click.ClickException when there is no answer at all."""
        data = None if body is None else encode(body)
        url = self._url + path
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


def _json_or_none(raw: bytes) -> JsonValue:
    """The answer's JSON; None for anything else, such as a proxy's page."""
    try:
        return decode(raw)
    except DocstoreError:
        return None


def _members(value: JsonValue, url: str) -> Members:
    if not isinstance(value, dict):
        raise _odd_answer(url)
    return value


def _odd_answer(url: str) -> click.ClickException:
    return click.ClickException(f"{url} does not answer as a CouchDB does")


def _write_result(row: Members) -> WriteResult:
    return WriteResult(str(row["error"]), str(row.get("reason"))) if "error" in row else WRITTEN


def _refusal(url: str, status: int, answer: JsonValue) -> RefusedRequest:
    members = answer if isinstance(answer, dict) else {}
    return RefusedRequest(
        url, status, str(members.get("error", "error")), str(members.get("reason", "no reason given"))
    )


@asynccontextmanager
async def open_url_target(target: UrlTarget) -> AsyncIterator[Target]:
    """The open target. Raises click.ClickException when the server cannot be reached or refuses."""
    headers = dict(JSON_HEADERS)
    if target.user is not None:
        headers["Authorization"] = f"Basic {b64encode(f'{target.user}:{target.password}'.encode()).decode()}"
    timeout = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_SECONDS)
    async with aiohttp.ClientSession(headers=headers, timeout=timeout) as session:
        database = _OpenUrl(session, target.url)
        await database.create_if_missing()
        yield database
