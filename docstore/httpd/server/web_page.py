"""The web page below ``/_utils/``: docstore's own, or another one that ``docstore serve --utils`` names.

Owns the replies: entity tags, gzip, and the headers that keep a page from doing more than it should. It must not know
what is in the files. They say nothing of any database, so anybody gets them; what the page then asks for is asked with
its user's rights. CouchDB has Fauxton there (``chttpd_misc:handle_utils_dir_req``).
"""

from asyncio import to_thread
from typing import Final

from docstore.errors import NotFound
from docstore.httpd.replies import Header, Reply, etag_matches
from docstore.httpd.request import Request
from docstore.httpd.server.web_files import INDEX, folder_files, web_files
from docstore.httpd.wire.accept import accepts_gzip

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

FAUXTON_POLICY: Final = (
    "child-src 'self' data: blob:; default-src 'self'; img-src 'self' data:; font-src 'self'; "
    "script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; frame-src https://blog.couchdb.org;"
)
"""What CouchDB sends with Fauxton, for a page of another folder."""

COMMON_HEADERS: Final[tuple[Header, ...]] = (
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Referrer-Policy", "no-referrer"),
    ("Vary", "Accept-Encoding"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
)
HEADERS: Final = (("Content-Security-Policy", POLICY), *COMMON_HEADERS)
OTHER_HEADERS: Final = (("Content-Security-Policy", FAUXTON_POLICY), *COMMON_HEADERS)


async def to_page(request: Request) -> Reply:
    """GET /_utils: the page itself behind a slash; without one on to there, relative since a proxy may stand before."""
    if request.raw.raw_path.partition("?")[0].partition("#")[0].endswith("/"):
        return await _file(request, INDEX)
    return Reply(301, content_type=None, headers=(("Location", "_utils/"),), cache_control=None)


async def page_file(request: Request) -> Reply:
    """GET /_utils/{path...}: one of the page's files. Raises NotFound."""
    return await _file(request, request.rest)


async def _file(request: Request, name: str) -> Reply:
    settings = request.node.settings
    if settings.utils is None:
        headers, files = HEADERS, await to_thread(web_files)
    else:
        headers, files = OTHER_HEADERS, await to_thread(folder_files, settings.utils, settings.utils_max_size)
    found = files.get(name)
    if found is None:
        raise NotFound
    zipped = accepts_gzip(request.headers.get("Accept-Encoding"))
    etag = found.gzip_tag if zipped else found.tag
    if etag_matches(request.if_none_match, etag):
        return Reply(304, content_type=None, headers=headers, etag=etag, cache_control="no-cache")
    return Reply(
        200,
        found.gzipped if zipped else found.plain,
        content_type=found.content_type,
        headers=(*headers, ("Content-Encoding", "gzip")) if zipped else headers,
        etag=etag,
        cache_control="no-cache",
    )
