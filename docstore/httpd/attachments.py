"""Paths below a document: attachments.

Owns the answers as long as no document can have one: reading finds none, storing is refused.
"""

from docstore.errors import NotFound, NotImplementedHere
from docstore.httpd.replies import Reply
from docstore.httpd.request import Request

NO_ATTACHMENT = "Document is missing attachment"
NOT_STORED = "Attachments are not supported."


async def get_attachment(request: Request) -> Reply:
    """GET /{db}/{doc}/{path...}. Raises NotFound: of the document first, then of the attachment."""
    request.database().open_doc(request.doc_id)
    raise NotFound(NO_ATTACHMENT)


async def delete_attachment(request: Request) -> Reply:
    """DELETE /{db}/{doc}/{path...}. Raises NotFound, as ``get_attachment``."""
    return await get_attachment(request)


async def put_attachment(request: Request) -> Reply:
    """PUT /{db}/{doc}/{path...}. Raises NotImplementedHere."""
    request.database()
    raise NotImplementedHere(NOT_STORED)
