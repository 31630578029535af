"""``POST /{db}/{doc}`` with a form: files become attachments of a document.

Owns the form: what its fields mean, and that it comes from a page of this very server, since a browser sends forms of
other sites with whatever it is logged in by. Files are staged while they arrive. Follows ``chttpd_db:db_doc_req`` of
CouchDB, POST: a field ``_doc`` is the document, without it ``_rev`` names the revision that gets the files; each file
of a field ``_attachments`` is one, in the place of one of its name.
"""

from contextlib import AsyncExitStack
from urllib.parse import urlsplit

from python_multipart.multipart import parse_options_header

from docstore.core.attachment import DEFAULT_CONTENT_TYPE, Linked, validate_name
from docstore.core.document import Document, validate_doc_id
from docstore.core.local_document import is_local
from docstore.core.rev import parse_rev
from docstore.database.attachments.staging import StagedBytes
from docstore.database.database import Database
from docstore.database.once import Once
from docstore.database.reading.documents import OpenOptions
from docstore.database.results import EditResult
from docstore.errors import BadRequest, TooLarge, UnsupportedMediaType
from docstore.httpd.documents.bodies import document_from
from docstore.httpd.request import Request
from docstore.httpd.wire.memory import BODY, cost_of_json
from docstore.httpd.wire.multipart_reader import Headers, MultipartReader
from docstore.httpd.writing.writes import Edit, through

FORM = "multipart/form-data"
DOCUMENT = "_doc"
REVISION = "_rev"
FILE = "_attachments"


async def post_form(request: Request) -> Edit:
    """``POST /{db}/{doc}``: a form with attachments, from a page of this very server."""
    database = request.database()
    referer = request.headers.get("Referer")
    if referer is None:
        raise BadRequest("Referer header required.")
    if not _is_on(referer, request.headers.get("Host")):
        raise BadRequest("Referer header must match host.")
    doc_id = validate_doc_id(request.doc_id, request.node.settings.limits)
    if request.content_type != FORM:
        raise UnsupportedMediaType(f"Content-Type must be {FORM}")
    if is_local(doc_id):
        raise BadRequest("_local documents do not accept attachments.")
    database.check_id(doc_id)

    async def write(once: Once | None) -> EditResult:
        async with AsyncExitStack() as staged:
            form = _Form(request, database, staged)
            await form.read()
            return await through(once, database).update_doc(await form.document(doc_id))

    return Edit(write, doc_id, 201, location=False)


class _Form:
    """One form while it arrives. ``staged`` has the bytes of its files, and drops them if nothing comes of it."""

    def __init__(self, request: Request, database: Database, staged: AsyncExitStack) -> None:
        self._request = request
        self._database = database
        self._staged = staged
        self._fields: dict[str, bytes] = {}
        self._files: dict[str, Linked] = {}

    async def read(self) -> None:
        """All of it. Raises BadRequest, TooLarge, AttachmentTooLarge."""
        limit = self._request.node.settings.limits.max_form_files
        reader = MultipartReader(self._request.headers.get("Content-Type", ""), self._request.stream())
        parts = 0
        while (headers := await reader.next_part()) is not None:
            parts += 1
            if parts > limit:
                raise TooLarge(f"The form has more than {limit} fields.")
            name, filename = _names(headers)
            if name == FILE and filename is not None:
                self._files[filename] = await self._file(reader, filename, headers)
            elif name in (DOCUMENT, REVISION):
                self._fields.setdefault(name, await self._field(reader))

    async def document(self, doc_id: str) -> Document:
        """What is to be written. Raises BadRequest, NotFound."""
        limits = self._request.node.settings.limits
        text = self._fields.get(DOCUMENT)
        if text is None:
            rev = parse_rev(self._fields.get(REVISION, b"").decode("utf-8", "replace"))
            text = (await self._database.read_doc(doc_id, OpenOptions(rev=rev))).json
        await self._request.claim.take(await cost_of_json(text) + BODY * len(text))
        document = await document_from(text, doc_id, limits)
        old = [spec for spec in document.attachments if spec.name not in self._files]
        return document._replace(attachments=(*self._files.values(), *old), foreseen=None)

    async def _field(self, reader: MultipartReader) -> bytes:
        text = bytearray()
        async for data in reader.data():
            await self._request.claim.take(len(data))
            text += data
            if len(text) > self._request.node.settings.limits.max_request_body:
                raise TooLarge
        return bytes(text)

    async def _file(self, reader: MultipartReader, name: str, headers: Headers) -> Linked:
        validate_name(name)
        content_type = _bytes(headers.get("content-type", DEFAULT_CONTENT_TYPE)).decode("utf-8", "replace")
        limit = self._request.node.settings.limits.max_attachment_size
        staging = await self._staged.enter_async_context(
            self._database.blobs.stage(content_type, name=name, encoding=None, limit=limit)
        )
        async for data in reader.data():
            await staging.write(data)
        staged: StagedBytes = await staging.seal()
        return staged.linked(name, content_type)


def _is_on(referer: str, host: str | None) -> bool:
    """Whether a page is one of this host."""
    try:
        return urlsplit(referer).netloc == host
    except ValueError:  # no address at all
        return False


def _names(headers: Headers) -> tuple[str, str | None]:
    """The name of a field, and that of its file. Raises BadRequest for a file whose name is no UTF-8."""
    _, options = parse_options_header(_bytes(headers.get("content-disposition", "")))
    filename = options.get(b"filename")
    try:
        return options.get(b"name", b"").decode("utf-8", "replace"), None if filename is None else filename.decode()
    except UnicodeDecodeError:
        raise BadRequest("Attachment name is not UTF-8 encoded") from None


def _bytes(text: str) -> bytes:
    """A header as it came."""
    return text.encode("utf-8", "surrogateescape")
