"""Cloudant before the handlers: IAM and legacy logins, what a role may, throughput, and the headers of every reply.

Owns what becomes of a request in that order. What an action is and who may do it, what a request counts as and what a
token says are rules of the core. It must not know what an endpoint does. ``Access.ANYBODY`` needs no role here either.
"""

from typing import Final

from aiohttp import hdrs

from docstore.accounts.iam import HANDLER, Iam
from docstore.core.cloudant.actions import ANY_READ, PREFIX, UNAVAILABLE, ServiceRole, action_of, may
from docstore.core.cloudant.throughput import BULK, OPEN_LOOKUPS, Cost, cost_of, refusal
from docstore.core.security.access import LOGIN_NEEDED, Access
from docstore.core.security.user_documents import USERS
from docstore.database.write_hooks import Actor
from docstore.errors import BadRequest, Forbidden, Unauthorized
from docstore.httpd.auth import BEARER, NOT_AT_ALL, Authenticated
from docstore.httpd.authorizing import authorize
from docstore.httpd.cloudant.meter import Meter
from docstore.httpd.endpoint_kinds import PARTITION, kind_of
from docstore.httpd.guard import Guard
from docstore.httpd.replies import Head, Header, Reply, json_reply
from docstore.httpd.request import Request
from docstore.httpd.routing import Route
from docstore.httpd.service import Service
from docstore.replication.jobs.documents import REPLICATOR, is_replicator
from docstore.settings import Profile

BLOCKS: Final = ("cloudant", "blocks")
IAM_COOKIE: Final = "IAMSession"
TOKENS: Final = ["identity", "token"]
LEGACY_COOKIE: Final = "AuthSession="
NO_LEGACY: Final = "Name or password is incorrect."
NOT_BY_IAM: Final = "This endpoint is not available to requests that IAM has authorized."
HEADERS: Final[tuple[Header, ...]] = (("X-Content-Type-Options", "nosniff"), ("X-Frame-Options", "DENY"))
PACKED: Final = ("application/json", "application/javascript", "text/")
"""What Cloudant's proxy packs, and so gives a weak tag; a HEAD, and any other bytes, keep their strong one."""
COUNTED: Final = BULK | OPEN_LOOKUPS


class CloudantFront:
    """The surface of Cloudant.

    ``iam``    who is known by an API key
    ``meter``  the throughput of the account
    ``only_iam``  whether passwords count for nothing, as in the second generation
    """

    def __init__(self, service: Service) -> None:
        node = service.node
        settings = node.settings
        self.iam = Iam(node.accounts, node.config, node.clock.now, any_key=settings.cloudant.any_api_key)
        self.meter = Meter(settings.cloudant.blocks, node.clock.now)
        self.only_iam = settings.profile is Profile.CLOUDANT_GEN2
        self._authenticator = service.authenticator
        self._cors = service.cors
        self._guard = Guard()
        self._unwatch = node.config.watch(self._heed)

    async def authenticate(self, request: Request) -> Authenticated:
        """Who asks. Raises Unauthorized for a token that is none, and what the authenticator of CouchDB raises."""
        raw, segments = request.raw, request.segments
        headers = raw.headers
        if self.iam.takes_any:  # so it is guarded as a server without admins
            cors = self._cors
            trusted = cors.enabled and cors.lets_through(headers)
            self._guard.check(request.method, headers, raw.remote, request.remote, trusted=trusted)
        if segments == TOKENS:  # whose Basic credentials would be those of an application
            return NOT_AT_ALL
        authorization = headers.get(hdrs.AUTHORIZATION, "")
        if authorization[: len(BEARER)].lower() == BEARER.lower():
            return Authenticated(self.iam.user(authorization[len(BEARER) :].strip()))
        cookie = iam_cookie(headers.get(hdrs.COOKIE))
        if cookie and not authorization:
            try:
                return Authenticated(self.iam.user(cookie))
            except Unauthorized:  # a session that is over is none
                return NOT_AT_ALL
        if self.only_iam:
            if authorization or LEGACY_COOKIE in headers.get(hdrs.COOKIE, ""):
                raise Unauthorized(NO_LEGACY)
            return NOT_AT_ALL
        return await self._authenticator.authenticate(
            headers, request.remote, request.method, segments, lambda: request.base_url.startswith("https:")
        )

    async def admit(self, request: Request, route: Route) -> Reply | None:
        """The refusal of a request for which there is no room, else None. Raises Unauthorized, Forbidden."""
        request.most_body = request.node.settings.limits.max_request_body  # which CouchDB does not count so
        kind = kind_of(route, request.segments)
        action = action_of(request.method, kind, _as_by_default(request))
        if request.user.handler == HANDLER:
            _authorize_by_iam(request, route, kind, action)
        elif self.only_iam and route.access(request.method) is not Access.ANYBODY:
            raise Unauthorized(LOGIN_NEEDED)
        else:
            authorize(request, route)
        if request.classed is not None:  # it was let in as another request, which this one has become
            return None
        cost = await _cost(request, kind)
        request.classed = (cost.request_class, PREFIX + action)
        rate = self.meter.take(cost)
        if rate is None:
            return None
        return json_reply(dict(refusal(cost.request_class, rate)), 429)

    def finish(self, request: Request, reply: Head) -> None:
        """The class and the action of the request, and a weak tag where a proxy would have packed the reply."""
        headers = HEADERS
        if request.classed is not None:
            request_class, action = request.classed
            headers = (("X-Cloudant-Request-Class", request_class), ("X-Cloudant-Action", action), *headers)
        reply.headers = (*reply.headers, *headers)
        if reply.etag is not None and request.method != "HEAD" and reply.status < 300:
            reply.weak = (reply.content_type or "").startswith(PACKED)

    def close(self) -> None:
        """See ``Front``."""
        self._unwatch()
        self.iam.close()

    def _heed(self, section: str, key: str, word: str | None) -> None:
        if (section, key) == BLOCKS and word is not None:
            self.meter.change(int(word))


def front_of(request: Request) -> CloudantFront:
    """The front of a server that has Cloudant's endpoints."""
    front = request.service.front
    if not isinstance(front, CloudantFront):
        raise AssertionError("an endpoint of Cloudant without its front")
    return front


def iam_cookie(header: str | None) -> str:
    """The token out of a Cookie header, ``""`` if it is not there."""
    for pair in (header or "").split(";"):
        name, _, value = pair.strip().partition("=")
        if name == IAM_COOKIE:
            return value.strip('"')
    return ""


def _as_by_default(request: Request) -> list[str]:
    """The path, with the default names of the databases of users and of replications, whatever these are called."""
    segments = request.segments
    name = segments[0] if segments else ""
    if name == request.node.accounts.policy.users:
        return [USERS, *segments[1:]]
    return [REPLICATOR, *segments[1:]] if is_replicator(name) else segments


def _authorize_by_iam(request: Request, route: Route, kind: str, action: str) -> None:
    """Raises Forbidden for what none of the user's roles may do."""
    user = request.user
    if kind in UNAVAILABLE:
        raise Forbidden(NOT_BY_IAM)
    roles = [ServiceRole(role) for role in user.service_roles]
    if route.access(request.method) is not Access.ANYBODY and not may(roles, action):
        raise Forbidden(f"None of your roles may do {PREFIX}{action}.")
    request.actor = Actor(user.name, user.is_admin, user.roles)
    request.may_read = may(roles, ANY_READ)


async def _cost(request: Request, kind: str) -> Cost:
    """What a request counts as. Of many documents each does, so the body is read ahead; its handler says what is wrong
    with it.
    """
    segments = request.segments
    documents = 1
    member = "docs" if kind in COUNTED else "queries" if segments[-1:] == ["queries"] else ""
    if member and request.method == "POST" and request.content_type == "application/json":
        try:
            body = await request.json()
        except BadRequest:
            body = None
        rows = body.get(member) if isinstance(body, dict) else None
        documents = len(rows) if isinstance(rows, list) else 1
    partitioned = len(segments) > 3 and segments[1] == PARTITION
    return cost_of(request.method, kind, partitioned=partitioned, documents=documents)
