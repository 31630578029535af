"""``POST /_replicate``: begin a replication, wait for its end, or cancel one.

Owns the shape of the request's body and of the replies. What went wrong with a replication is told as 500 with the
replicator's two words, save that an end which does not let us in is 401 or 403. Follows
``chttpd_misc:handle_replicate_req`` and ``couch_replicator_httpd:handle_req`` of CouchDB.
"""

import asyncio

from docstore.errors import DocstoreError, Forbidden, NotFound, Unauthorized, Unavailable
from docstore.httpd.params.selectors import compiles_at_once
from docstore.httpd.replies import Reply, json_reply
from docstore.httpd.request import Request
from docstore.replication.errors import PeerForbidden, PeerUnauthorized
from docstore.replication.options import CancelRequest, parse_replicate
from docstore.settings import KIB

PARSE_OFF_LOOP_FROM = 64 * KIB
"""From this size on, a body (with many ``doc_ids``) is read in a thread."""


async def replicate(request: Request) -> Reply:
    """A one-shot replication is answered when it has ended, a continuous one when it has begun."""
    body = await request.json_object(require_json_type=True)
    text = await request.body()
    slow = len(text) >= PARSE_OFF_LOOP_FROM or ("selector" in body and not compiles_at_once(text))
    asked = await asyncio.to_thread(parse_replicate, body) if slow else parse_replicate(body)
    replications = request.node.replications
    if isinstance(asked, CancelRequest):
        cancelled = await replications.cancel(asked, request.user)
        if cancelled is None:
            raise NotFound
        return json_reply({"ok": True, "_local_id": cancelled})
    job = await replications.job_for(asked, request.user)
    if asked.continuous:
        return json_reply({"ok": True, "_local_id": (await replications.begin(job)).id}, 202)
    try:
        summary = await replications.perform(job)
    except Unavailable:
        raise
    except PeerUnauthorized as error:
        raise Unauthorized(error.reason) from None
    except PeerForbidden as error:
        raise Forbidden(error.reason) from None
    except DocstoreError as error:
        raise DocstoreError(error.reason, error=error.error) from None
    return json_reply({"ok": True, **summary.members})
