"""The walk over all routes: who may what, as a table.

Each route is asked with each of its methods by each kind of user, over HTTP and with real credentials; only the
handlers are others, which say that they were reached. So the table is what the server does, and docs/security.md has
it. By hand:  python -m tests.httpd.who_may
"""

import asyncio
import base64
import sys
from collections.abc import Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import aiohttp
from yarl import URL

from docstore.core.cloudant.actions import ServiceRole
from docstore.core.cloudant.iam import APIKEY_GRANT
from docstore.core.json_text import decode
from docstore.httpd.app import ROUTES
from docstore.httpd.listener import Listener
from docstore.httpd.replies import Reply
from docstore.httpd.routing import DATABASE, Route, Router
from docstore.httpd.service import Service
from docstore.httpd.serving import serving
from docstore.settings import Admin, Profile
from docstore.testing import run_node

ROLES = ("nobody", "stranger", "member", "database admin", "server admin")
"""Nobody in particular; a user of no rights; a member, an admin of the database, one of the server."""

CLOUDANT_ROLES = (
    "_reader", "_writer", "_creator", "_replicator", "_design", "_security", "_shards", "_admin",
)  # fmt: skip
"""Users of the database ``granted``, each with one of Cloudant's roles and called like it."""

USERS = {"stranger": "sam", "member": "mia", "database admin": "dora", "server admin": "root"}
USERS |= {role: role[1:] for role in CLOUDANT_ROLES}
GRANTED = "granted"
SECURITY = {"admins": {"names": ["dora"]}, "members": {"names": ["mia"]}}
SAMPLES = {"{db}": "db", "{doc}": "d", "{name}": "_local", "{path...}": "p", "{view}": "v", "{uuid}": "0" * 32}
MARK = "<!-- made by: python -m tests.httpd.who_may -->"
MARK_OF_IAM = "<!-- made by: python -m tests.httpd.who_may iam -->"
ALLOWED = "yes"
ABOUT_ROLES = """Who has one of them and no other, in a database with a member `cloudant` in its security object. All
others are told 403 *You are not allowed to access this db.*, or as above what only admins may. Roles
add up: what copies, resolves or calls an update function takes `_reader` and `_writer`. A `_creator`
writes documents that there are none of."""


async def reached(request):
    return Reply(200, b'{"reached":true}\n')


def basic(name: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:pw".encode()).decode()}


def stubbed(route: Route) -> Route:
    return replace(route, handlers=dict.fromkeys(route.handlers, reached))


@asynccontextmanager
async def walked_server():
    """A server whose handlers are all ``reached``, with the users and databases of the walk."""
    async with run_node(admin=Admin("root", "pw")) as server:
        node = server.node
        await node.config.set("chttpd_auth", "iterations", "1", persist=False)
        for name in ("db", "_users", "_replicator", GRANTED):
            if not node.registry.exists(name):
                await node.registry.create(name)
        for name in ("db", "_users", "_replicator"):
            await node.registry.open(name).set_security(SECURITY | ({} if name == "db" else {"members": {}}))
        roles = {USERS[role]: [role] for role in CLOUDANT_ROLES}
        await node.registry.open(GRANTED).set_security({"cloudant": roles})
        async with aiohttp.ClientSession(server.url, headers=basic("root")) as client:
            for name in ("sam", "mia", "dora", *roles):
                body = {"name": name, "type": "user", "roles": [], "password": "pw"}
                async with client.put(f"/_users/org.couchdb.user:{name}", json=body) as response:
                    assert response.status == 201
        listener = await Listener.listen(Service(node), Router(map(stubbed, ROUTES)), "127.0.0.1", 0)
        try:
            yield listener.url
        finally:
            await listener.stop()


def path_of(pattern: str, database: str = "db") -> str:
    """An example of a pattern's paths."""
    samples = SAMPLES | {"{db}": database}
    segments = [samples.get(segment, segment) for segment in pattern.split("/")]
    return "/".join(segment.replace("{doc}", "d").replace("{", "").replace("}", "") for segment in segments)


async def outcome(client: aiohttp.ClientSession, method: str, path: str, role: str) -> str:
    """``yes``, or status and reason."""
    headers = basic(USERS[role]) if role in USERS else {}
    async with client.request(method, URL(path, encoded=True), headers=headers) as response:
        text = await response.read()
        if response.status == 200:
            return ALLOWED
        body = decode(text)
        return f"{response.status} {body['reason']}"


async def walk(
    database: str = "db", *, server: bool = True, roles: tuple[str, ...] = ROLES
) -> dict[tuple[str, str], tuple[str, ...]]:
    """For each route and method the outcome for each role, in their order.

    ``server``: also for routes that are about no database.
    """
    table = {}
    async with walked_server() as url, aiohttp.ClientSession(url, cookie_jar=aiohttp.DummyCookieJar()) as client:
        for route in ROUTES:
            if not (route.below_database or server or DATABASE in route.segments):
                continue
            for method in route.handlers:
                if method == "CONNECT":  # which is about no path
                    continue
                path = path_of(route.pattern, database)
                table[route.pattern, method] = tuple([await outcome(client, method, path, role) for role in roles])
    return table


def markdown(table: dict[tuple[str, str], tuple[str, ...]], database: str | None = None) -> str:
    """The table, with rows that are alike put together, and the words of refusals numbered."""
    words = sorted({one for row in table.values() for one in row if one != ALLOWED})
    number = {one: str(place) for place, one in enumerate(words, 1)}
    lines = [f"| route | methods | {' | '.join(ROLES)} |", "|---" * (2 + len(ROLES)) + "|"]
    rows: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (pattern, method), row in table.items():
        shown = pattern if database is None else pattern.replace("{db}", database)
        rows.setdefault((shown, row), []).append(method)
    for (pattern, row), methods in rows.items():
        cells = " | ".join("yes" if one == ALLOWED else f"[{number[one]}]" for one in row)
        lines.append(f"| `{pattern}` | {' '.join(methods)} | {cells} |")
    legend = [f"* [{number[one]}]: {one.partition(' ')[0]} *{one.partition(' ')[2]}*" for one in words]
    return "\n".join([*lines, "", *legend])


def by_rights(table: dict[tuple[str, str], tuple[str, ...]], columns: Sequence[str]) -> str:
    """The table the other way round: for each set of roles that may the same, what that is."""
    lines = [f"| what | {' | '.join(f'`{role}`' for role in columns)} |"]
    lines.append("|---" * (1 + len(columns)) + "|")
    rows: dict[tuple[bool, ...], dict[str, list[str]]] = {}
    for (pattern, method), row in table.items():
        allowed = tuple(one == ALLOWED for one in row)
        rows.setdefault(allowed, {}).setdefault(pattern, []).append(method)
    for allowed, routes in rows.items():
        what = ", ".join(f"{' '.join(methods)} `{pattern}`" for pattern, methods in routes.items())
        lines.append(f"| {what} | {' | '.join('yes' if one else '' for one in allowed)} |")
    return "\n".join(lines)


async def tables() -> str:
    """What stands in docs/security.md."""
    usual = markdown(await walk())
    users = markdown(await walk("_users", server=False), "_users")
    roles = by_rights(await walk(GRANTED, server=False, roles=CLOUDANT_ROLES), CLOUDANT_ROLES)
    titles = ("### The databases of users and replications", "### Cloudant's roles")
    return f"{usual}\n\n{titles[0]}\n\n{users}\n\n{titles[1]}\n\n{ABOUT_ROLES}\n\n{roles}\n"


async def walk_iam() -> dict[tuple[str, str], tuple[str, ...]]:
    """The same for the roles of IAM, on a server that looks like Cloudant."""
    table = {}
    async with run_node(profile=Profile.CLOUDANT, admin=Admin("root", "pw")) as server:
        node = server.node
        for name in ("db", "_users", "_replicator"):
            await node.registry.create(name)
        service, router = serving(node)
        front = service.front
        tokens = []
        for role in ServiceRole:
            await node.config.set("iam_api_keys", role, f"{role}:{role}", persist=False)
            tokens.append((await front.iam.grant(APIKEY_GRANT, role))["access_token"])
        listener = await Listener.listen(service, Router(map(stubbed, router.routes)), "127.0.0.1", 0)
        try:
            async with aiohttp.ClientSession(listener.url, cookie_jar=aiohttp.DummyCookieJar()) as client:
                for route in router.routes:
                    for method in route.handlers:
                        path = URL(path_of(route.pattern), encoded=True)
                        row = []
                        for token in tokens:
                            headers = {"Authorization": f"Bearer {token}"}
                            async with client.request(method, path, headers=headers) as response:
                                row.append(ALLOWED if response.status == 200 else str(response.status))
                        table[route.pattern, method] = tuple(row)
        finally:
            await listener.stop()
    return table


async def iam_table() -> str:
    """What stands in docs/cloudant.md."""
    return by_rights(await walk_iam(), list(ServiceRole))


if __name__ == "__main__":
    print(asyncio.run(iam_table() if sys.argv[1:] == ["iam"] else tables()))
