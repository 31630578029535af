"""The route tables of Cloudant's two generations: CouchDB's without what it refuses, and with what it has besides.

Owns which rows these are. What Cloudant refuses follows its comparison with CouchDB; docstore's own endpoints are none
of its, but for the description of the API. Nothing happens once by an idempotency key there.
"""

from dataclasses import replace
from typing import Final

from docstore.httpd.app import ROUTES
from docstore.httpd.cloudant import account, root, tokens
from docstore.httpd.documents import attachments
from docstore.httpd.routing import Route, Router, open_route, route
from docstore.httpd.server import session

REFUSED: Final = (
    "/_db_updates", "/_cluster_setup", "/_node", "/_utils", "/_docstore/conflict_stats", "/_docstore/log",
    "/{db}/_purge", "/{db}/_purged_infos", "/{db}/_purged_infos_limit", "/{db}/_revs_limit", "/{db}/_compact",
    "/{db}/_view_cleanup", "/{db}/_search_cleanup", "/{db}/_sync_shards", "/{db}/_local_docs", "/{db}/_conflicts",
    "/{db}/_resolve", "/{db}/_uploads",
)  # fmt: skip
"""Where paths begin that Cloudant has not."""

OURS: Final = ("/_tree", "/_resolve")
"""Where paths of documents end that Cloudant has not."""

REPLACED: Final = frozenset({"/", "/_session"})

BOTH: Final = (
    open_route("/", "GET,HEAD", GET=root.welcome),
    open_route("/_session", "GET,HEAD,POST,DELETE", GET=root.show_session, POST=root.login, DELETE=session.logout),
    open_route("/identity/token", "POST", POST=tokens.token),
    open_route("/_iam_session", "GET,HEAD,POST,DELETE", GET=tokens.show, POST=tokens.login, DELETE=tokens.logout),
)
FIRST: Final = (
    route("/_api/v2/api_keys", "POST", POST=account.make_api_key),
    route("/_api/v2/user/capacity/throughput", "GET,PUT", GET=account.capacity, PUT=account.set_capacity),
    route("/_api/v2/user/current/throughput", "GET", GET=account.throughput),
    route("/_api/v2/user/capacity/databases", "GET", GET=account.database_capacity),
    route("/_api/v2/user/current/databases", "GET", GET=account.databases),
    route("/_api/v2/user/activity_tracker/events", "GET,POST", GET=account.events, POST=account.set_events),
)
"""The rows of the first generation alone; the second has other ways for these."""

API: Final = "/_api/"


def _is_there(row: Route) -> bool:
    pattern = row.pattern
    if pattern in REPLACED or pattern.endswith(OURS):
        return False
    return not any(pattern == one or pattern.startswith(f"{one}/") for one in REFUSED)


def _as_there(row: Route) -> Route:
    """Attachments are not uploaded in pieces."""
    if row.handlers.get("DELETE") is not attachments.delete_attachment:
        return row
    kept = {"GET": row.handlers["GET"], "PUT": attachments.put_attachment, "DELETE": row.handlers["DELETE"]}
    return replace(row, handlers=kept)


COMMON: Final = tuple(_as_there(row) for row in ROUTES if _is_there(row))
FIRST_GENERATION: Final = Router((*BOTH, *FIRST, *COMMON))
SECOND_GENERATION: Final = Router((*BOTH, *(row for row in COMMON if not row.pattern.startswith(API))))
