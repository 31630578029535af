"""How the reply to an edit looks, as plain data that can be remembered with what it is the reply to.

Owns the headers of such replies. It must not know when the form is asked for.
"""

from docstore.database.apply.reply_forms import WrittenForm
from docstore.httpd.replies import Header, location
from docstore.httpd.request import Request
from docstore.httpd.writing.writes import Edit


async def form_of(request: Request, edit: Edit) -> WrittenForm:
    """The form of the reply to an edit."""
    etag = edit.etag if isinstance(edit.etag, bool) else await edit.etag()
    headers: tuple[Header, ...] = tuple(edit.headers)
    if edit.location:
        headers = (("Location", location(request.base_url, request.segments[0], edit.doc_id)), *headers)
    return WrittenForm(edit.doc_id, edit.status, headers, etag, edit.must_exist)
