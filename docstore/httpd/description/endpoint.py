"""The endpoint that tells the description of the API.

Owns the reply. What makes the text is handed in with what requests share, since it knows the route table, of which this
endpoint is a row.
"""

from asyncio import to_thread

from docstore.core.conditions import content_etag
from docstore.httpd.replies import Reply, etag_matches, not_modified, raw_json_reply
from docstore.httpd.request import Request


async def openapi(request: Request) -> Reply:
    """The OpenAPI 3.1 description of this API."""
    service = request.service
    if not service.description:
        service.description = await to_thread(service.describe)
    etag = content_etag(service.description)
    if etag_matches(request.if_none_match, etag):
        return not_modified(etag)
    return raw_json_reply(service.description, etag=etag)
