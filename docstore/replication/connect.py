"""From what a replication is told to the peers that it runs between, and to its id.

Owns the choice: a name is a database of this process and gets the direct way, a URL gets HTTP, also where it is this
server's own. It keeps no connection.
"""

import asyncio
from collections.abc import Mapping

from docstore.core.json_text import JsonValue
from docstore.core.replication_id import base_id, chosen_by_filter, chosen_by_selector, extension
from docstore.core.security.user import UserContext
from docstore.database.registry import Registry
from docstore.errors import NotFound
from docstore.replication.endpoint import Endpoint
from docstore.replication.local.peer import LocalPeer
from docstore.replication.options import BUILT_IN, RefusedReplication, ReplicationOptions
from docstore.replication.peer import Peer
from docstore.replication.remote.options import ApiKeyAuth, Auth, BasicAuth, BearerAuth, RemoteOptions, TlsOptions
from docstore.replication.remote.peer import RemotePeer
from docstore.replication.remote.rate_control import RateController


class FilterFetchError(NotFound):
    """The source has no such filter, so that the replication has no id."""

    error = "filter_fetch_error"


def connect(
    endpoint: Endpoint,
    options: ReplicationOptions,
    registry: Registry | None = None,
    *,
    user: UserContext | None = None,
    tls: TlsOptions | None = None,
    rate: RateController | None = None,
) -> Peer:
    """The peer at this endpoint; nothing is asked of it yet, and it is the caller's to close.

    What is done to a database of this process is done on behalf of ``user``, None for the server itself.

    ``rate`` is shared by the peers of one job that talk to the same server. Raises RefusedReplication for a name where
    there is no ``registry``.
    """
    if endpoint.is_name:
        if registry is None:
            raise RefusedReplication("local_endpoints_not_supported")
        return LocalPeer(registry, endpoint.url, user=user)
    return RemotePeer(endpoint.url, remote_options(endpoint, options, tls), rate=rate)


def remote_options(endpoint: Endpoint, options: ReplicationOptions, tls: TlsOptions | None = None) -> RemoteOptions:
    """How the database at a URL is to be reached. User and password in the URL stay there."""
    return RemoteOptions(
        headers=dict(endpoint.other_headers),
        auth=_auth(endpoint),
        tls=TlsOptions() if tls is None else tls,
        proxy=endpoint.proxy,
        http_connections=max(2, options.http_connections),  # one of them is the changes feed
        connection_timeout=options.connection_timeout,
        retries_per_request=options.retries_per_request,
        use_bulk_get=options.use_bulk_get,
    )


async def replication_id(
    options: ReplicationOptions, source: Peer, *, server_uuid: str, base_url: str
) -> tuple[str, str]:
    """(base id, extension): 32 hex digits, and ``""``, ``+continuous``, ``+continuous+create_target`` ...

    ``base_url`` is this server's own (``http://127.0.0.1:5984``): CouchDB takes a bare name for a database there. With
    a filter of a design document its code is part of the id, so ``source`` is asked for it; raises FilterFetchError
    and what the peer raises.
    """
    chosen: list[JsonValue] = []
    if options.doc_ids is not None:
        chosen = [list(options.doc_ids)]
    elif options.selector is not None:
        remote = not options.source.is_name
        chosen = await asyncio.to_thread(chosen_by_selector, options.selector, by_remote_source=remote)
    elif options.filter is not None:
        chosen = chosen_by_filter(await _filter_code(options.filter, source), options.query_params)
    base = base_id(
        server_uuid,
        options.source.place(base_url),
        options.target.place(base_url),
        chosen,
        winners_only=options.winning_revs_only,
    )
    return base, extension(continuous=options.continuous, create_target=options.create_target)


async def _filter_code(name: str, source: Peer) -> str:
    """The text of a filter function; of a built-in filter its name."""
    if name.startswith(BUILT_IN):
        return name
    design, _, function = name.partition("/")
    document = await source.get_doc(f"_design/{design}")
    if document is None:
        raise FilterFetchError(f"Couldn't open document `_design/{design}` from source database `{source.name}`")
    filters = document.get("filters")
    code = filters.get(function) if isinstance(filters, Mapping) else None
    if not isinstance(code, str):
        raise FilterFetchError(f"Couldn't parse filter code from document {design} on `{source.name}`")
    return code


def _auth(endpoint: Endpoint) -> Auth | None:
    """The credentials of the object ``auth``, or of a header; None leaves the choice to the URL."""
    iam, bearer = endpoint.auth.get("iam"), endpoint.auth.get("bearer")
    if isinstance(iam, dict) and isinstance(key := iam.get("api_key"), str):
        url = iam.get("token_url")
        return ApiKeyAuth(key, url) if isinstance(url, str) else ApiKeyAuth(key)
    if isinstance(bearer, dict) and isinstance(token := bearer.get("token"), str):
        return BearerAuth(token)
    credentials = endpoint.credentials
    if credentials is None or credentials == endpoint.url_credentials:
        return None
    return BasicAuth(*credentials)
