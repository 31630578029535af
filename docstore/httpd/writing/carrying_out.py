"""From what a handler hands back to the reply: the one place where it is decided how a write is carried out.

Owns that decision, for all handlers of requests without a key (those with one are ``idempotency.py``'s): behind the
answer, where the client does not wait; leniently, where an edit was applied already; or plainly. It must not know what
is written.
"""

from docstore.database.conflicts.attempts import EXPLAINED
from docstore.errors import DocstoreError
from docstore.httpd.replies import Reply, stored_reply
from docstore.httpd.request import Request
from docstore.httpd.wire.streaming import StreamReply
from docstore.httpd.writing.batch import accepted
from docstore.httpd.writing.forms import form_of
from docstore.httpd.writing.leniency import lenient_result
from docstore.httpd.writing.writes import Answer, Change, Edit


async def carried_out(request: Request, answer: Answer) -> Reply | StreamReply:
    """The reply to a request without a key, of what its handler hands back. Raises what refuses the request."""
    if isinstance(answer, Edit):
        return await _edited(request, answer)
    if isinstance(answer, Change):
        return await _changed(answer)
    return answer


async def _edited(request: Request, edit: Edit) -> Reply:
    if edit.batch is not None:
        return await accepted(edit.batch, edit.work(None))
    try:
        result = await edit.work(None)
    except EXPLAINED as error:
        before = await lenient_result(request, error)
        if before is None:
            raise
        result = before
    if result.rev is None or result.error is not None:
        raise result.error or DocstoreError
    form = await form_of(request, edit)
    return stored_reply(form.render((result.rev,)))


async def _changed(change: Change) -> Reply | StreamReply:
    result = await change.work(None)
    return stored_reply(change.form().render(())) if change.reply is None else await change.reply(result)
