"""Paths that are answered without looking any further.

Owns the words for them, as CouchDB has them in ``chttpd_db:db_req`` and ``chttpd_node``, and those for CouchDB's
endpoints that docstore does not have: they are named, so that nobody is told of a missing database or document.
"""

from docstore.errors import BadRequest, Gone, MethodNotAllowed, NotFound
from docstore.httpd.replies import Reply, redirect
from docstore.httpd.request import Request
from docstore.httpd.wire.paths import path_of_absolute


async def no_local_id(request: Request) -> Reply:
    """/{db}/_local with no id below it."""
    request.database()
    raise BadRequest("Invalid _local document id.")


async def no_local_attachment(request: Request) -> Reply:
    """A path below a local document."""
    request.database()
    raise BadRequest("_local documents do not accept attachments.")


async def no_node_name(request: Request) -> Reply:
    """/_node with no name below it."""
    raise BadRequest("Incomplete path to _node request")


async def no_temporary_view(request: Request) -> Reply:
    """Temporary views, which CouchDB had before 2.0."""
    request.database()
    raise Gone("Temporary views are not supported in CouchDB")


async def no_nouveau(request: Request) -> Reply:
    """``_nouveau`` of design documents."""
    request.database()
    raise NotFound


async def view_method(request: Request) -> Reply:
    """A path below a view."""
    request.database()
    raise MethodNotAllowed("GET,POST,HEAD")


async def design_path(request: Request) -> Reply:
    """GET of ``_design%2Fname``: to ``_design/name``, so that what hangs on the path (attachments) has one URL."""
    request.database()
    target = request.raw.raw_path.partition("#")[0]
    if target[:1] != "/":
        target = path_of_absolute(target)
    place = target.lower().index("_design%2f")
    return redirect(f"{request.base_url}{target[:place]}_design/{target[place + len('_design%2f') :]}")
