"""Requests that reach the server as other ones: of earlier days, or without their session.

Owns how a request is changed on its way in: a feed's ``since``, the revision that is read, credentials that are over.
It must not know which requests are hit.
"""

import asyncio
from collections.abc import Sequence
from http.cookies import CookieError, SimpleCookie
from typing import Final
from urllib.parse import quote

from aiohttp import hdrs
from aiohttp.web import BaseRequest
from multidict import CIMultiDict
from yarl import URL

from docstore.database.database import Database
from docstore.database.reading.trees import read_tree
from docstore.double.actions import Rewind, StaleRead
from docstore.double.expired import Expired
from docstore.double.facts import SESSION, Facts
from docstore.double.faults import Hit
from docstore.errors import DocstoreError, DocumentDeleted, NotFound
from docstore.node import Node

SINCE: Final = "since"
LAST_EVENT_ID: Final = "last-event-id"
REV: Final = "rev"


async def asked(raw: BaseRequest, facts: Facts, hits: Sequence[Hit], node: Node, expired: Expired) -> BaseRequest:
    """The request that the server is to answer.

    Raises NotFound for a document that was not there yet, DocumentDeleted for one that was deleted at the time; the
    server has then not been asked whether the client may know.
    """
    for hit in hits:
        action = hit.action
        if isinstance(action, Rewind):
            raw = _rewound(raw, facts, action, node)
        elif isinstance(action, StaleRead):
            raw = await _of_before(raw, facts, action, node)
    return _without_session(raw) if expired and facts.credential in expired else raw


def _rewound(raw: BaseRequest, facts: Facts, action: Rewind, node: Node) -> BaseRequest:
    """A request for changes since earlier."""
    since = "0"
    if action.by is not None:
        try:
            database = node.registry.open(facts.database)
            told = facts.query.get(SINCE, facts.query.get(LAST_EVENT_ID, facts.headers.get(LAST_EVENT_ID, "0")))
            since = _text(database, max(0, database.parse_since(told.strip('"')) - action.by))
        except DocstoreError:  # the server will say so itself
            return raw
    headers = CIMultiDict((name, value) for name, value in raw.headers.items() if name.lower() != LAST_EVENT_ID)
    return _with_query(raw, (SINCE, LAST_EVENT_ID), SINCE, since).clone(headers=headers)


def _text(database: Database, seq: int) -> str:
    return database.update_seq_text(seq) if seq else "0"


async def _of_before(raw: BaseRequest, facts: Facts, action: StaleRead, node: Node) -> BaseRequest:
    """A request for an earlier revision of a document."""
    tree = (await asyncio.to_thread(read_tree, node.registry.open(facts.database), facts.document)).tree
    path = tree.path_to(tree.winner(), action.back + 1)
    if len(path) <= action.back:
        raise NotFound
    rev = path[action.back]
    if tree.nodes[rev].deleted:
        raise DocumentDeleted
    return _with_query(raw, (REV,), REV, str(rev))


def _with_query(raw: BaseRequest, without: Sequence[str], name: str, value: str) -> BaseRequest:
    """The request with another value of a parameter."""
    path, _, query = raw.raw_path.partition("?")
    kept = [part for part in query.split("&") if part and part.partition("=")[0] not in without]
    return raw.clone(rel_url=URL(f"{path}?{'&'.join([*kept, f'{name}={quote(value)}'])}", encoded=True))


def _without_session(raw: BaseRequest) -> BaseRequest:
    """The request without its session's cookie and without its token."""
    headers = CIMultiDict(raw.headers)
    if headers.get(hdrs.AUTHORIZATION, "").lower().startswith("bearer"):
        del headers[hdrs.AUTHORIZATION]
    try:
        cookies = SimpleCookie(headers.pop(hdrs.COOKIE, ""))
    except CookieError:
        cookies = SimpleCookie()
    cookies.pop(SESSION, None)
    if cookies:
        headers[hdrs.COOKIE] = "; ".join(f"{morsel.key}={morsel.coded_value}" for morsel in cookies.values())
    return raw.clone(headers=headers)
