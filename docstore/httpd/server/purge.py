"""``_purge`` and ``_purged_infos``: leaves to be forgotten, and what was forgotten.

Owns the limits of one request and the replies' shapes (``chttpd_db:db_req``). CouchDB tells no purge sequence here.
"""

from collections.abc import Mapping, Sequence

from docstore.core.json_text import JsonValue
from docstore.core.partition import check_placed
from docstore.core.rev import Rev
from docstore.database.apply.reply_forms import PurgedForm
from docstore.errors import BadRequest
from docstore.httpd.params.documents import parse_many_revs
from docstore.httpd.replies import Reply, json_reply
from docstore.httpd.request import Request
from docstore.httpd.wire.turns import Turns
from docstore.httpd.writing.writes import Change, through

MAX_DOCUMENTS = 100
MAX_REVISIONS = 1_000


async def purge(request: Request) -> Change:
    """``POST /{db}/_purge``: the requested ids with the revisions that were leaves and are gone."""
    database = request.database()
    body = await request.json_object(require_json_type=True)
    with Turns() as turns:
        requests = {doc_id: await parse_many_revs(revs, turns) for doc_id, revs in body.items()}
    if len(requests) > MAX_DOCUMENTS:
        raise BadRequest("Exceeded maximum number of documents.")
    if sum(map(len, requests.values())) > MAX_REVISIONS:
        raise BadRequest("Exceeded maximum number of revisions.")
    if database.partitioned:
        for doc_id in requests:
            check_placed(doc_id)
    requests = {doc_id: _once(revs) for doc_id, revs in requests.items()}
    return Change(
        lambda once: through(once, database).purge(requests),
        lambda: PurgedForm(tuple(requests), len(json_reply(_purged(requests)).body)),
        _purged_reply,
    )


async def purged_infos(request: Request) -> Reply:
    """``GET /{db}/_purged_infos``: the remembered purges, oldest first."""
    infos: list[JsonValue] = [
        {"id": doc_id, "revs": [str(rev) for rev in revs]} for doc_id, revs in request.database().purged_infos()
    ]
    return json_reply({"purged_infos": infos})


async def _purged_reply(removed: Mapping[str, Sequence[Rev]]) -> Reply:
    return json_reply(_purged(removed), 201)


def _once(revs: Sequence[Rev]) -> tuple[Rev, ...]:
    """Each revision once, sorted: so CouchDB answers, and so it remembers the purge."""
    return tuple(sorted(set(revs)))


def _purged(removed: Mapping[str, Sequence[Rev]]) -> dict[str, JsonValue]:
    purged: dict[str, JsonValue] = {doc_id: [str(rev) for rev in revs] for doc_id, revs in removed.items()}
    return {"purge_seq": None, "purged": purged}
