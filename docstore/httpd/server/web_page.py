"""The web page: the files of ``docstore/web`` below ``/_utils/``.

Owns their replies: types, entity tags, gzip, what is left out of them, and the headers that keep a page from doing more
than it should. It must not know what is in the files. They are the package's own and say nothing of any database, so
anybody gets them; what the page then asks for is asked with its user's rights. CouchDB has Fauxton there
(``chttpd_misc:handle_utils_dir_req``).
"""

import gzip
import re
from asyncio import to_thread
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Final

from docstore.core.conditions import content_etag
from docstore.errors import NotFound
from docstore.httpd.replies import Header, Reply, etag_matches
from docstore.httpd.request import Request
from docstore.httpd.wire.accept import accepts_gzip

INDEX: Final = "index.html"

TYPES: Final[Mapping[str, str]] = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
"""What of the package's files is served. Anything else that may lie there (caches, notes) is not."""

POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "worker-src 'self'",
        "form-action 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
"""No script, style or request but to this very server, no page around this one."""

HEADERS: Final[tuple[Header, ...]] = (
    ("Content-Security-Policy", POLICY),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Referrer-Policy", "no-referrer"),
    ("Vary", "Accept-Encoding"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
)


_NOT_RUN: Final = {
    "js": re.compile(rb"^[ \t]+(?://.*)?|^//.*", re.MULTILINE),
    "css": re.compile(rb"^[ \t]+|/\*[^\n]*?\*/", re.MULTILINE),
}
"""What of scripts and styles is left out."""


@dataclass(frozen=True, slots=True)
class WebFile:
    """One file: as it is, and gzipped, with a tag for each."""

    content_type: str
    plain: bytes
    gzipped: bytes
    tag: str

    @property
    def gzip_tag(self) -> str:
        """The tag of the gzipped bytes."""
        return f"{self.tag}-gzip"


async def to_page(request: Request) -> Reply:
    """GET /_utils: the page itself behind a slash; without one on to there, relative since a proxy may stand before."""
    if request.raw.raw_path.partition("?")[0].partition("#")[0].endswith("/"):
        return await _file(request, INDEX)
    return Reply(301, content_type=None, headers=(("Location", "_utils/"),), cache_control=None)


async def page_file(request: Request) -> Reply:
    """GET /_utils/{path...}: one of the page's files. Raises NotFound."""
    return await _file(request, request.rest)


async def _file(request: Request, name: str) -> Reply:
    files = await to_thread(web_files)
    found = files.get(name)
    if found is None:
        raise NotFound
    zipped = accepts_gzip(request.headers.get("Accept-Encoding"))
    etag = found.gzip_tag if zipped else found.tag
    if etag_matches(request.if_none_match, etag):
        return Reply(304, content_type=None, headers=HEADERS, etag=etag, cache_control="no-cache")
    return Reply(
        200,
        found.gzipped if zipped else found.plain,
        content_type=found.content_type,
        headers=(*HEADERS, ("Content-Encoding", "gzip")) if zipped else HEADERS,
        etag=etag,
        cache_control="no-cache",
    )


@cache
def web_files() -> dict[str, WebFile]:
    """All files of the page by their paths below its folder, read once. No path of a request leads to the disk."""
    return {name: _read(entry) for name, entry in _entries(resources.files("docstore") / "web")}


def served(kind: str, content: bytes) -> bytes:
    """A file as browsers get it: scripts and styles without indentation and without lines that are comments.

    They are written to be read and weigh a fifth less so. Lines keep their numbers. What is left out is no part of a
    text, since none in them goes over several lines; a test holds them to that.
    """
    pattern = _NOT_RUN.get(kind)
    return content if pattern is None else pattern.sub(b"", content)


def _entries(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, Traversable]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _entries(entry, f"{prefix}{entry.name}/")
        elif entry.name.rpartition(".")[2] in TYPES:
            yield prefix + entry.name, entry


def _read(entry: Traversable) -> WebFile:
    kind = entry.name.rpartition(".")[2]
    content, content_type = served(kind, entry.read_bytes()), TYPES[kind]
    return WebFile(content_type, content, gzip.compress(content, 9, mtime=0), content_etag(content))
