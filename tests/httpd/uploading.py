"""Resumable uploads in few words: the headers of both protocols, and requests that are cut off in the middle."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from docstore.testing import TestNode
from tests.httpd.asking import Answer, Database
from tests.httpd.serving import Answer as WireAnswer
from tests.httpd.serving import Wire

TUS = {"Tus-Resumable": "1.0.0"}
OFFSET_STREAM = "application/offset+octet-stream"
PARTIAL_UPLOAD = "application/partial-upload"


def text64(text: str) -> str:
    return b64encode(text.encode()).decode()


def path_of(answer: Answer | WireAnswer) -> str:
    """The path of the upload that a Location names, below its database."""
    _, _, path = urlsplit(answer.headers["Location"]).path[1:].partition("/")
    assert path.startswith("_uploads/")
    return f"/{path}"


class Tus:
    """A client of tus: every request has its header."""

    def __init__(self, db: Database) -> None:
        self.db = db

    async def ask(self, method: str, path: str, body: bytes | None = None, /, **headers: str | None) -> Answer:
        kind = {} if body is None else {"Content_Type": OFFSET_STREAM}
        answer = await self.db.ask(method, path, body, **{"Tus_Resumable": "1.0.0", **kind, **headers})
        assert answer.headers["Tus-Resumable"] == "1.0.0"
        return answer

    async def create(self, path: str, length: int, body: bytes | None = None, /, **headers: str | None) -> Answer:
        return await self.ask("POST", path, body, Upload_Length=str(length), **headers)

    async def begin(self, path: str, length: int, /, **headers: str | None) -> str:
        """The path of a new upload."""
        answer = await self.create(path, length, **headers)
        assert answer.status == 201, answer
        return path_of(answer)

    async def send(self, upload: str, offset: int, body: bytes, /, **headers: str | None) -> Answer:
        return await self.ask("PATCH", upload, body, Upload_Offset=str(offset), **headers)

    async def offset(self, upload: str) -> int:
        answer = await self.ask("HEAD", upload)
        assert answer.status == 200, answer
        return int(answer.headers["Upload-Offset"])


class Resumable:
    """A client of the IETF's draft."""

    def __init__(self, db: Database) -> None:
        self.db = db

    async def begin(self, path: str, body: bytes = b"", /, **headers: str | None) -> str:
        """The path of a new upload that is not complete."""
        answer = await self.db.ask("POST", path, body, **{"Upload_Complete": "?0", **headers})
        assert answer.status == 201, answer
        return path_of(answer)

    async def send(
        self, upload: str, offset: int, body: bytes = b"", /, *, complete: bool = False, **headers: str | None
    ) -> Answer:
        told = {
            "Upload_Offset": str(offset),
            "Upload_Complete": "?1" if complete else "?0",
            "Content_Type": PARTIAL_UPLOAD,
            **headers,
        }
        return await self.db.ask("PATCH", upload, body, **told)

    async def offset(self, upload: str) -> int:
        answer = await self.db.ask("HEAD", upload)
        assert answer.status == 204, answer
        return int(answer.headers["Upload-Offset"])


@asynccontextmanager
async def wire_to(server: TestNode) -> AsyncIterator[Wire]:
    """A connection of its own, to be cut off."""
    address = urlsplit(server.url)
    wire = Wire(*await asyncio.open_connection(address.hostname, address.port))
    try:
        yield wire
    finally:
        wire.close()


def head_of(method: str, path: str, length: int, *headers: str) -> bytes:
    """The head of a request whose body has this length."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Content-Length: {length}", *headers, "", ""]
    return "\r\n".join(lines).encode()
