"""A client of a soak that uploads attachments piece by piece, by both protocols, through kills and full disks.

Owns the going on: after each lost answer it asks how much the server has, which must be as much as was acknowledged at
least, and goes on from there. In the end the attachment must be what was sent, byte for byte.
"""

import base64
from collections.abc import Callable, Mapping
from random import Random
from typing import Any
from urllib.parse import urlsplit

from tests.soak.client import Client, FindingError, LostError, RefusedError
from tests.soak.worker import OCTETS, digest

SIZES = (10, 70_000, 3_000_000, 9_000_000)
TUS = {"Tus-Resumable": "1.0.0"}
DOCUMENTS = 5


class Uploader:
    """Uploads to the database ``name``, one after the other; ``sent`` is what each document must have now."""

    def __init__(self, client: Client, name: str, seed: int, acknowledged: Callable[[], None]) -> None:
        self.client = client
        self.name = name
        self.random = Random(seed)
        self.sent: dict[str, tuple[str, str]] = {}
        self._acknowledged = acknowledged

    async def write(self) -> None:
        """One upload from its beginning to its end."""
        doc_id = f"u{self.random.randrange(DOCUMENTS)}"
        data = self.random.randbytes(self.random.choice(SIZES))
        upload = (Tus if self.random.random() < 0.5 else Draft)(self.client, self.random, data)
        rev = await self._rev(doc_id)
        query = f"?rev={rev}" if rev else ""
        try:
            said = await upload.run(f"/{self.name}/{doc_id}/film.mkv{query}")
        except GoneError:
            return  # the creation's answer was lost, or the upload was: it begins anew some other time
        if said is None:  # the last answer was lost: the document says what became of it
            said = await self._rev(doc_id)
            if said == rev:
                return
        self.sent[doc_id] = said, digest(data)
        self._acknowledged()
        await self.look(doc_id)

    async def look(self, doc_id: str) -> None:
        """The attachment's bytes, all of them."""
        rev, expected = self.sent[doc_id]
        content = await self._patiently("GET", f"/{self.name}/{doc_id}/film.mkv?rev={rev}")
        if digest(content) != expected:
            raise FindingError(f"{self.name}/{doc_id} {rev}: {len(content)} bytes are not those that were uploaded")

    async def look_at_all(self) -> None:
        """All that was uploaded and not replaced."""
        for doc_id in self.sent:
            await self.look(doc_id)

    async def _rev(self, doc_id: str) -> str | None:
        said = await self._patiently("GET", f"/{self.name}/{doc_id}", expect=(200, 404))
        return said.get("_rev")

    async def _patiently(self, method: str, path: str, expect: tuple[int, ...] = (200,)) -> Any:
        while True:
            try:
                return (await self.client.ask(method, path, expect=expect))[1]
            except (LostError, RefusedError):
                continue


class GoneError(Exception):
    """There is no upload to go on with."""


class Upload:
    """One upload by one protocol. ``acknowledged`` is how many bytes the server has said to have."""

    def __init__(self, client: Client, random: Random, data: bytes) -> None:
        self.client = client
        self.random = random
        self.data = data
        self.place = ""
        self.acknowledged = 0

    async def run(self, path: str) -> str | None:
        """Upload it to an attachment's path. The new revision; None if its answer was lost."""
        try:
            headers = await self.create(path)
        except (LostError, RefusedError) as error:
            raise GoneError from error
        self.place = urlsplit(headers["Location"]).path
        while True:
            piece = self.data[self.acknowledged :][: self.random.choice((1, 1000, 300_000, 2_500_000))]
            last = self.acknowledged + len(piece) == len(self.data)
            try:
                status, said, headers = await self.append(piece, last=last)
            except (LostError, RefusedError):
                if not await self.ask_offset():
                    return None
                continue
            if last:
                return self.written_rev(status, said, headers)
            self.advance(int(headers["Upload-Offset"]))

    async def ask_offset(self) -> bool:
        """How far the server is; False when the upload is not there, or complete."""
        while True:
            try:
                status, _, headers = await self.client.ask(
                    "HEAD", self.place, headers=self.asking(), expect=(200, 204, 404, 410)
                )
            except (LostError, RefusedError):
                continue
            if status in (404, 410) or "Upload-Offset" not in headers:
                return False
            self.advance(int(headers["Upload-Offset"]))
            return self.acknowledged < len(self.data) or headers.get("Upload-Complete") == "?0" or self.ends_by_piece()

    def advance(self, offset: int) -> None:
        """The server says that it has so many bytes."""
        if not self.acknowledged <= offset <= len(self.data):
            raise FindingError(f"{self.place}: {self.acknowledged} bytes were acknowledged, now it has {offset}")
        self.acknowledged = offset

    def asking(self) -> Mapping[str, str]:
        """Headers of a question."""
        return {}

    def ends_by_piece(self) -> bool:
        """Whether an upload that has all its bytes may still want a last, empty piece."""
        return False

    async def create(self, path: str) -> Mapping[str, str]:
        """Begin; the answer's headers."""
        raise NotImplementedError

    async def append(self, piece: bytes, *, last: bool) -> tuple[int, Any, Mapping[str, str]]:
        """Send a piece."""
        raise NotImplementedError

    def written_rev(self, status: int, said: Any, headers: Mapping[str, str]) -> str | None:
        """The revision that the last answer names."""
        raise NotImplementedError


class Tus(Upload):
    """tus 1.0."""

    def asking(self) -> Mapping[str, str]:
        """Headers of a question."""
        return TUS

    async def create(self, path: str) -> Mapping[str, str]:
        """POST to the attachment."""
        kind = base64.b64encode(OCTETS.encode()).decode()
        headers = {**TUS, "Upload-Length": str(len(self.data)), "Upload-Metadata": f"filetype {kind}"}
        return (await self.client.ask("POST", path, data=b"", headers=headers))[2]

    async def append(self, piece: bytes, *, last: bool) -> tuple[int, Any, Mapping[str, str]]:
        """PATCH at the offset."""
        kind = "application/offset+octet-stream"
        headers = {**TUS, "Content-Type": kind, "Upload-Offset": str(self.acknowledged)}
        return await self.client.ask("PATCH", self.place, data=piece, headers=headers, expect=(200, 204))

    def written_rev(self, status: int, said: Any, headers: Mapping[str, str]) -> str | None:
        """In the ETag-like header of the last PATCH, if it is there."""
        return None


class Draft(Upload):
    """The IETF's draft."""

    async def create(self, path: str) -> Mapping[str, str]:
        """POST without content that is not complete."""
        headers = {"Content-Type": OCTETS, "Upload-Complete": "?0", "Upload-Length": str(len(self.data))}
        return (await self.client.ask("POST", path, data=b"", headers=headers))[2]

    def ends_by_piece(self) -> bool:
        """An upload with all of its bytes is complete once it is told."""
        return True

    async def append(self, piece: bytes, *, last: bool) -> tuple[int, Any, Mapping[str, str]]:
        """PATCH at the offset."""
        headers = {
            "Content-Type": "application/partial-upload",
            "Upload-Offset": str(self.acknowledged),
            "Upload-Complete": "?1" if last else "?0",
        }
        return await self.client.ask("PATCH", self.place, data=piece, headers=headers, expect=(200, 201, 204))

    def written_rev(self, status: int, said: Any, headers: Mapping[str, str]) -> str | None:
        """In the body of the last answer."""
        return said["rev"]
