"""Asking a server of a test's own, in few words."""

import json
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from aiohttp import ClientSession
from multidict import CIMultiDictProxy
from yarl import URL

JSON = {"Accept": "application/json"}


@dataclass(frozen=True)
class Answer:
    """One reply."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> tuple[int, str, str]:
        """Status, error and reason; nothing else may stand in an error reply."""
        assert list(self.json) == ["error", "reason"]
        return self.status, self.json["error"], self.json["reason"]


class Database:
    """A database of a running server: ``await db.put("a", {"v": 1})``.

    Paths are as they go over the wire. A body is sent as JSON, bytes as they are; a header of None is left out.
    """

    def __init__(self, client: ClientSession, name: str = "db") -> None:
        self.client = client
        self.name = name

    async def ask(self, method: str, path: str, body: Any = None, /, **headers: str | None) -> Answer:
        sent = JSON if body is None else JSON | {"Content-Type": "application/json"}
        sent = sent | {name.replace("_", "-"): value for name, value in headers.items() if value is not None}
        skip = [name.replace("_", "-") for name, value in headers.items() if value is None]
        sent = {name: value for name, value in sent.items() if name not in skip}
        text = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        data = None if text is None else BytesIO(text)
        url = URL(f"/{self.name}{path}", encoded=True)
        async with self.client.request(method, url, data=data, headers=sent, skip_auto_headers=skip) as reply:
            return Answer(reply.status, reply.headers, await reply.read())

    async def create(self) -> "Database":
        assert (await self.ask("PUT", "")).status == 201
        return self

    async def get(self, path: str, /, **headers: str | None) -> Answer:
        return await self.ask("GET", f"/{path}", **headers)

    async def put(self, path: str, body: Any, /, **headers: str | None) -> Answer:
        return await self.ask("PUT", f"/{path}", body, **headers)

    async def post(self, path: str, body: Any, /, **headers: str | None) -> Answer:
        return await self.ask("POST", f"/{path}", body, **headers)

    async def delete(self, path: str, /, **headers: str | None) -> Answer:
        return await self.ask("DELETE", f"/{path}", **headers)

    async def write(self, path: str, body: Any) -> str:
        """Write a document and give its revision."""
        answer = await self.put(path, body)
        assert answer.status == 201, answer
        return answer.json["rev"]

    async def replicate(self, *documents: Any) -> None:
        """Write revisions made elsewhere."""
        answer = await self.post("_bulk_docs", {"docs": documents, "new_edits": False})
        assert (answer.status, answer.json) == (201, []), answer
