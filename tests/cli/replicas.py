"""A database with everything that a replica must have, and what two databases must agree in."""

import json
from base64 import b64encode
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

LARGE = bytes(range(256)) * 8_000
"""Two MB that do not compress well, as several parts of a backup."""


class Database:
    """Blocking requests to one database."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, method: str, path: str = "", body: object = None) -> Any:
        """The JSON of the answer."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        with urlopen(Request(self.url + path, data, headers, method=method)) as reply:
            return json.load(reply)

    def bytes(self, path: str) -> bytes:
        """The bytes of the answer."""
        with urlopen(self.url + path) as reply:
            content: bytes = reply.read()
            return content

    def exists(self) -> bool:
        """Whether there is such a database."""
        try:
            self.ask("GET")
        except HTTPError as error:
            if error.code != 404:
                raise
            return False
        return True

    def fill(self) -> None:
        """Documents, a conflict, a deletion, and attachments: small, compressible, large."""
        self.ask("PUT")
        docs: list[dict[str, object]] = [{"_id": f"document {number}", "number": number} for number in range(30)]
        rows = self.ask("POST", "/_bulk_docs", {"docs": docs})
        self.ask("DELETE", f"/document%203?rev={rows[3]['rev']}")
        parent = rows[1]["rev"].removeprefix("1-")
        branches = [
            {"_id": "document 1", "_rev": f"2-{name}", "_revisions": {"start": 2, "ids": [name, parent]}, "name": name}
            for name in ("a" * 32, "b" * 32)
        ]
        self.ask("POST", "/_bulk_docs", {"new_edits": False, "docs": branches})
        attachments = {
            "small.bin": {"content_type": "application/octet-stream", "data": b64encode(b"small").decode()},
            "text.txt": {"content_type": "text/plain", "data": b64encode(b"text " * 50_000).decode()},
            "large.bin": {"content_type": "application/octet-stream", "data": b64encode(LARGE).decode()},
        }
        self.ask("PUT", "/attached", {"_attachments": attachments})

    def contents(self) -> dict[str, Any]:
        """Leaves by document, and what a reader sees of each."""
        feed = self.ask("GET", "/_changes?style=all_docs")["results"]
        leaves = {row["id"]: [change["rev"] for change in row["changes"]] for row in feed}
        listed = self.ask("GET", "/_all_docs?include_docs=true")["rows"]
        files = {name: self.bytes(f"/attached/{name}") for name in ("small.bin", "text.txt", "large.bin")}
        return {"leaves": leaves, "docs": [row["doc"] for row in listed], "files": files}
